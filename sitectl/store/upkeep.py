"""What goes on beside the ledger: recording the wires, and answering for what was recorded."""

from collections.abc import Callable, Iterator
from pathlib import Path

from sitectl.base.clock import Clock
from sitectl.model.health import Finding
from sitectl.store.executor import Executor, ThreadExecutor
from sitectl.store.opening import Store
from sitectl.store.recorder import Recorder
from sitectl.store.timeline import Timeline

RECORDINGS = "recordings"
MEGABYTE = 1_000_000


class Upkeep:
    """Begins with the store at `path` and ends before it. Recordings lie in a directory beside it."""

    def __init__(
        self,
        store: Store,
        path: Path,
        clock: Clock,
        max_mb_per_day: int,
        executor: Callable[[str], Executor] = ThreadExecutor,
    ) -> None:
        directory = path.parent / RECORDINGS
        self.recorder = Recorder(
            directory,
            str(store.stamp.epoch),
            clock,
            store.journal,
            executor("sitectl-recorder"),
            lambda: store.database.ample,
            max_mb_per_day * MEGABYTE,
        )
        self.timeline = Timeline(path, directory, self.recorder, clock, executor("sitectl-timeline"))

    async def run(self) -> None:
        """Go on for ever."""
        await self.recorder.run()

    def findings(self) -> Iterator[Finding]:
        """What is wrong: what, where, what to do."""
        yield from self.recorder.findings()

    async def close(self) -> None:
        """Write what was heard, and end the threads."""
        self.timeline.close()
        await self.recorder.close()
