"""Listens to all wires and writes down what goes over them, as well as can be without holding up anybody.

Frames are handed over as they are and gather in memory; every few seconds a thread cleans them of secrets, compresses
and appends them (`recordings`). When they come faster than that, the oldest give way; when the day's megabytes are
written, or the disk is nearly full, none are written. What must not be lost is in the ledger anyway.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sitectl.base.clock import Clock
from sitectl.model.health import Finding
from sitectl.model.ids import StationId, UplinkId
from sitectl.store.executor import Executor
from sitectl.store.journal import Journal
from sitectl.store.moments import to_us
from sitectl.store.recordings import Heard, Writer

FLUSH_EVERY_S = 10.0
MOST_HELD = 8_000_000
"""Bytes of frames in memory, their overhead counted in."""

MOST_A_BATCH = 1000
"""Frames written at a time: what a burst takes several times over while it is written stays with the process."""

OVERHEAD = 128
DAY_US = 86_400_000_000

Tap = Callable[[float, bool, bytes | str], None]
_Frame = tuple[float, tuple[StationId, str | None], bool, bytes | str]

log = logging.getLogger(__name__)


class WrittenToday:
    """Bytes that this process has written to disks on this day (UTC), as the system counts them."""

    def __init__(self, counted: Callable[[], int]) -> None:
        self._counted = counted
        self._day = -1
        self._before = 0

    def __call__(self, now_us: int) -> int:
        counted, day = self._counted(), now_us // DAY_US
        if day != self._day:
            self._day, self._before = day, counted
        return counted - self._before


def written_by_this_process() -> int:
    """Bytes handed to disks since the start, whole pages as they wear a card; 0 where the system does not tell."""
    try:
        lines = Path("/proc/self/io").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("write_bytes:")), 0)


@dataclass(slots=True)
class _Outcome:
    """What came of a flush: bytes of it, or why not."""

    written: int = 0
    today: int = 0
    why: str = ""


class Recorder:
    """Records to `directory`. `part` is new with each start; `ample` tells whether there is room for what may be lost.

    `most_per_day` (bytes) may be changed at any time; it counts all that this process writes.
    """

    def __init__(
        self,
        directory: Path,
        part: str,
        clock: Clock,
        journal: Journal,
        executor: Executor,
        ample: Callable[[], bool],
        most_per_day: int,
        counted: Callable[[], int] = written_by_this_process,
    ) -> None:
        self.most_per_day = most_per_day
        self.dropped = 0
        """Frames that came faster than they could be kept."""
        self.written = 0
        """Bytes."""
        self.why = ""
        """Why nothing is recorded now; empty while it is."""
        self._ample = ample
        self._clock = clock
        self._journal = journal
        self._executor = executor
        self._writer = Writer(directory, part)
        self._today = WrittenToday(counted)
        self._queue: deque[_Frame] = deque()
        self._held = 0
        self._flushing: asyncio.Future[None] | None = None

    def tap(self, station: StationId, uplink: UplinkId | None = None) -> Tap:
        """What a wire is to call with each frame: (when on the monotonic clock, whether it leaves us, the frame)."""
        append, source = self._queue.append, (station, uplink)

        def hear(at: float, sent: bool, data: bytes | str) -> None:
            append((at, source, sent, data))
            self._held += len(data) + OVERHEAD
            if self._held > MOST_HELD:
                self._shed()

        return hear

    def _shed(self) -> None:
        while self._held > MOST_HELD:
            self._held -= len(self._queue.popleft()[3]) + OVERHEAD
            self.dropped += 1

    async def run(self) -> None:
        """Write every few seconds, for ever."""
        while True:
            await asyncio.sleep(FLUSH_EVERY_S)
            await self.flush()

    async def flush(self) -> None:
        """Write what has been heard so far."""
        while self._flushing is not None:
            await asyncio.wait([self._flushing])
        if not self._queue:
            return
        frames, self._held = list(self._queue), 0
        self._queue.clear()
        if not self._ample():
            self._stands(_Outcome(why="space on the disk is short"))
            return
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._flushing = done
        now_us, now, limit = to_us(self._clock.wall()), self._clock.monotonic(), self.most_per_day

        def finished(outcome: _Outcome) -> None:
            self._flushing = None
            self.written += outcome.written
            self._stands(outcome)
            done.set_result(None)

        self._executor.submit(lambda: self._write(frames, now_us, now, limit), finished)
        await asyncio.wait([done])

    async def close(self) -> None:
        """Write the rest and end."""
        await self.flush()
        self._executor.submit(self._writer.close, lambda _: None)
        self._executor.stop()

    def findings(self) -> Iterator[Finding]:
        """What is wrong with recording: what, where, what to do."""
        if self.why:
            do = "Nothing else is affected; free space, or raise retention.max_mb_per_day."
            yield (f"The wire is not recorded: {self.why}", "recorder", do)

    def _stands(self, outcome: _Outcome) -> None:
        if bool(outcome.why) != bool(self.why):
            log.log(logging.WARNING if outcome.why else logging.INFO, "recording: %s", outcome.why or "goes on")
            data = {"why": outcome.why, "mb_today": round(outcome.today / 1e6)}
            self._journal.record("recorder.paused" if outcome.why else "recorder.resumed", data=data)
        self.why = outcome.why

    # --- in the recorder's thread -------------------------------------------------------------------------------------

    def _write(self, frames: Sequence[_Frame], now_us: int, now: float, limit: int) -> _Outcome:
        """`now_us` and `now`: one moment on the wall and on the monotonic clock."""
        today = self._today(now_us)
        if today >= limit:
            self._writer.close()
            return _Outcome(today=today, why=f"{today / 1e6:.0f} MB were written today, which is all that may be")
        written = 0
        try:
            for begin in range(0, len(frames), MOST_A_BATCH):
                heard = (
                    Heard(now_us - int((now - at) * 1_000_000), station, uplink, sent, data)
                    for at, (station, uplink), sent, data in frames[begin : begin + MOST_A_BATCH]
                )
                written += self._writer.write(heard, now_us)
            return _Outcome(written, today)
        except OSError as error:
            return _Outcome(written, today, error.strerror or str(error))
        except Exception:
            log.exception("frames could not be recorded")
            self._writer.close()
            return _Outcome(today=today, why="an error of ours; the log tells which")
