"""strace around the unmodified daemon: kill it at the n-th call of a kind, count its calls, or record them all.

A kill is a SIGKILL at the entry of the call, so the call itself is not done. It is injected in one of two ways: from
the first instruction on (`launched`), or into a process that serves already (`attached`), which costs nothing while
it starts. Signals are not injected through seccomp filters, so only recording may use them.

Where ptrace is forbidden, as in some containers, nothing of this works: `unavailable` says so, and tests skip.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

RECORDED = (
    "openat,mkdir,pwrite64,write,writev,sendto,sendmsg,read,recvfrom,recvmsg,fsync,fdatasync,ftruncate,unlink,rename,"
    "renameat2,close"
)
ATTACHED_WITHIN_S = 20.0
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\(", re.MULTILINE)


def unavailable(*, attach: bool = False) -> str | None:
    """Why strace cannot be used here; None when it can."""
    if shutil.which("strace") is None:
        return "strace is not installed (`make test` installs it on Debian)"
    probe = [sys.executable, "-c", "import os; os.getppid()"]
    command = ["strace", "-f", "-o", "/dev/null", *probe]
    tried = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    if tried.returncode != 0:
        return f"ptrace is forbidden here: {tried.stderr.strip()[-200:]}"
    return _attaching_fails() if attach else None


def _attaching_fails() -> str | None:
    """Some systems let a process trace its children only."""
    with subprocess.Popen(["sleep", "30"]) as sleeper:
        try:
            asked = ["strace", "-o", "/dev/null", "-p", str(sleeper.pid)]
            with subprocess.Popen(asked, stderr=subprocess.PIPE, text=True) as strace:
                assert strace.stderr is not None
                said = strace.stderr.readline()
                strace.terminate()
        finally:
            sleeper.kill()
    return None if "attached" in said else f"strace cannot attach to a process here: {said.strip()}"


def launched(log: Path, call: str, nth: int) -> tuple[str, ...]:
    """What to put before a command that shall be killed at its n-th `call`. The process started is the command's."""
    return ("strace", "-D", "-f", "-qq", "-o", str(log), *_killing(call, nth))


def recording(log: Path) -> tuple[str, ...]:
    """What to put before a command whose calls shall be recorded, every byte of them."""
    more = ("-y", "-xx", "-ttt", "-s", "1000000", "-o", str(log), "-e", f"trace={RECORDED}")
    return ("strace", "-D", "-f", "-qq", "--seccomp-bpf", *more)


def counting(log: Path, calls: Sequence[str]) -> tuple[str, ...]:
    """What to put before a command whose calls shall be listed."""
    return ("strace", "-D", "-f", "-qq", "--seccomp-bpf", "-y", "-o", str(log), "-e", f"trace={','.join(calls)}")


def _killing(call: str, nth: int) -> tuple[str, ...]:
    return ("-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={nth}")


class Attached:
    """strace attached to a process that runs, until that ends. `nth` None: only list its calls."""

    def __init__(self, log: Path, calls: Sequence[str], nth: int | None) -> None:
        joined = ",".join(calls)
        what = ("-e", f"trace={joined}") if nth is None else _killing(joined, nth)
        self.log = log
        self._command = ("strace", "-f", "-y", "-o", str(log), *what)
        self._process: asyncio.subprocess.Process | None = None

    async def attach(self, pid: int) -> None:
        """Return once every thread is traced."""
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command, "-p", str(pid), stdin=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr is not None
        async with asyncio.timeout(ATTACHED_WITHIN_S):
            said = (await process.stderr.readline()).decode()
        assert "attached" in said, said

    async def ended(self) -> None:
        """Wait for strace's own end, which follows that of the process; one that does not end is ended."""
        if self._process is None:
            return
        try:
            async with asyncio.timeout(5.0):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def listed(log: Path) -> list[tuple[str, str]]:
    """(call, the whole line) of each call in a log, in order of entry."""
    lines = log.read_text(errors="replace").splitlines()
    return [(found[1], line) for line in lines if (found := _CALL.match(line)) is not None]
