"""The daemon as a process: started, restarted when it dies (as a service manager would), asked over its socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sitectl.base.errors import PeerError

READY = re.compile(r"sitectl ready ocpp=(\S+):(\d+)")
RESTART_AFTER_S = 1.0
STOP_WITHIN_S = 10.0
ANSWER_WITHIN_S = 5.0
CONFIGURATION_ERROR = 2
LONGEST_LINE = 2**20
OF_THE_CALLER = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "JOURNAL_STREAM", "SITECTL_CONFIG", "SITECTL_SOCKET")


class DaemonProcess:
    """`run` keeps it alive until `stop`; `say` is told of starts and deaths, `last_lines` ends its standard error."""

    def __init__(self, command: Sequence[str], say: Callable[[str], None]) -> None:
        self.pid: int | None = None
        self.starts = 0
        self.ready = asyncio.Event()
        self.refused = asyncio.Event()
        self.last_lines: deque[str] = deque(maxlen=40)
        self._command = command
        self._say = say
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Start it, and again whenever it dies; returns when it was stopped or refuses its configuration."""
        environment = {k: v for k, v in os.environ.items() if k not in OF_THE_CALLER}
        while not self._stopping.is_set():
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                limit=LONGEST_LINE,
                start_new_session=True,  # Ctrl-C in the terminal is for the demo, which then stops it in order
            )
            self._process, self.pid = process, process.pid
            self.starts += 1
            self._say(f"daemon pid {process.pid}")
            await self._read(process)
            status = await process.wait()
            self.ready.clear()
            self.pid = None
            if self._stopping.is_set():
                return
            self._say(f"the daemon ended with {_cause(status)}")
            if status == CONFIGURATION_ERROR:
                self.refused.set()
                return
            await asyncio.sleep(RESTART_AFTER_S)

    async def stop(self) -> bool:
        """End it in order; False when it had to be killed."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return True
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), STOP_WITHIN_S)
            return True
        except TimeoutError:
            process.kill()
            await process.wait()
            return False

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        """Keep what it writes until it closes its standard error, and see when it serves."""
        if process.stderr is None:
            return
        while chunk := await process.stderr.readline():
            line = chunk.decode(errors="replace").rstrip()
            self.last_lines.append(line)
            if READY.search(line):
                self.ready.set()


async def get_json(socket: Path, path: str) -> dict[str, Any]:
    """GET `path` from the daemon's Unix socket; raises PeerError when nothing usable comes back in time."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            reader, writer = await asyncio.open_unix_connection(socket, limit=LONGEST_LINE)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: sitectl\r\nConnection: close\r\n\r\n".encode())
                await writer.drain()
                head = await reader.readuntil(b"\r\n\r\n")
                body = await reader.read(-1)
            finally:
                writer.close()
    except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise PeerError(f"the daemon does not answer {path}: {error!r}") from error
    status = head.split(b" ", 2)[1]
    if status != b"200":
        raise PeerError(f"the daemon answers {path} with {status.decode()}")
    try:
        document = json.loads(_unchunk(body) if b"transfer-encoding: chunked" in head.lower() else body)
    except ValueError as error:
        raise PeerError(f"the daemon's answer to {path} is no JSON") from error
    return document if isinstance(document, dict) else {"items": document}


def _unchunk(body: bytes) -> bytes:
    whole = b""
    while body:
        size, _, body = body.partition(b"\r\n")
        length = int(size.split(b";")[0], 16)
        whole, body = whole + body[:length], body[length + 2 :]
        if length == 0:
            break
    return whole


def _cause(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
