"""Disks that fill up, fail or hang under a daemon that runs: a file system of its own, errors out of system calls."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import cache
from pathlib import Path

ATTACHED_WITHIN_S, LETS_GO_WITHIN_S = 20.0, 5.0
HELD = 'mount -t tmpfs -o size="$0" tmpfs "$1" && echo ready && exec sleep 1000'


@cache
def no_mounts() -> str | None:
    """Why a process may not have a file system of its own here; None where it may."""
    if shutil.which("unshare") is None or shutil.which("nsenter") is None:
        return "unshare and nsenter are not installed"
    asked = ["unshare", "-rm", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
    tried = subprocess.run(asked, capture_output=True, text=True, timeout=20, check=False)
    return None if tried.returncode == 0 else tried.stderr.strip()[-200:] or "refused"


class SmallDisk:
    """A file system of fixed size that only commands behind `command` see; its files can be reached at `outside`."""

    def __init__(self, folder: Path, holder: int) -> None:
        self.folder = folder
        self.outside = Path(f"/proc/{holder}/root{folder}")
        self.command = ("nsenter", "-t", str(holder), "-U", "-m", "--preserve-credentials")
        self._filler = self.outside / "filler"

    @property
    def free(self) -> int:
        found = os.statvfs(self.outside)
        return found.f_bavail * found.f_frsize

    def fill(self, leave: int = 0) -> None:
        """Take all room but this."""
        with contextlib.suppress(OSError), self._filler.open("ab", buffering=0) as file:  # others write meanwhile
            file.write(bytes(max(0, self.free - leave)))

    def remount(self, how: str) -> None:
        """`ro` or `rw`; refused while somebody writes."""
        subprocess.run([*self.command, "mount", "-o", f"remount,{how}", str(self.folder)], check=True, timeout=20)

    def clear(self) -> None:
        """Give it back."""
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount one on a folder, for those who enter."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["unshare", "-rm", "sh", "-c", HELD, f"{megabytes}m", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "ready\n"
            yield SmallDisk(folder, holder.pid)
        finally:
            holder.kill()


@asynccontextmanager
async def failing(pid: int, log: Path, calls: Sequence[str], what: str) -> AsyncIterator[None]:
    """Every thread's calls of these kinds end as `what` says (`error=EIO:when=1`, `delay_exit=20000`) meanwhile."""
    joined = ",".join(calls)
    command = ("strace", "-f", "-y", "-o", str(log), "-e", f"trace={joined}", "-e", f"inject={joined}:{what}")
    process = await asyncio.create_subprocess_exec(
        *command, "-p", str(pid), stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    async with asyncio.timeout(ATTACHED_WITHIN_S):
        said = (await process.stderr.readline()).decode()
    assert "attached" in said, said
    try:
        yield
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGINT)  # it lets go of the process, which goes on
        try:
            async with asyncio.timeout(LETS_GO_WITHIN_S):
                await process.wait()
        except TimeoutError:  # it does not while a call is delayed in a process that has ended
            process.kill()
        await process.communicate()


_RETURNED = re.compile(r"^(?:\d+ +)?(\w+)\(\d+<([^>]*)>.*?\) += (-?\d+)(?: (E\w+))?", re.MULTILINE)


def returned(log: Path) -> list[tuple[str, str, str | None]]:
    """(call, file, error) of each call of a log that was seen whole."""
    text = log.read_text(errors="replace")
    return [(found[1], Path(found[2]).name, found[4]) for found in _RETURNED.finditer(text)]
