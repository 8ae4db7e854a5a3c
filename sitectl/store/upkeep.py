"""What goes on beside the ledger: recording the wires, keeping the backlog within its room, deleting what is old."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

from sitectl.base.clock import Clock
from sitectl.base.tasks import spawn
from sitectl.config.settings import RetentionSettings
from sitectl.model.health import Finding
from sitectl.store.background import Background
from sitectl.store.backlog import BacklogKeeper
from sitectl.store.energy_history import EnergyHistory
from sitectl.store.executor import Executor, ThreadExecutor
from sitectl.store.opening import Store
from sitectl.store.quotas import MEGABYTE, Crowded, Limits
from sitectl.store.recorder import Recorder
from sitectl.store.retention import Ages, Retention
from sitectl.store.timeline import Timeline
from sitectl.store.transaction_history import TransactionHistory

RECORDINGS = "recordings"


class Upkeep:
    """Begins with the store at `path` and ends before it. Recordings lie in a directory beside it."""

    def __init__(
        self,
        store: Store,
        path: Path,
        clock: Clock,
        settings: RetentionSettings,
        time_known: Callable[[], bool] = lambda: True,
        executor: Callable[[str], Executor] = ThreadExecutor,
    ) -> None:
        directory = path.parent / RECORDINGS
        self._background = Background(path, executor("sitectl-background"))
        store.database.also_open(self._background.let_go)
        self.recorder = Recorder(
            directory,
            str(store.stamp.epoch),
            clock,
            store.journal,
            executor("sitectl-recorder"),
            lambda: store.database.ample,
            settings.max_mb_per_day * MEGABYTE,
        )
        self.timeline = Timeline(self._background, directory, self.recorder, clock)
        self.energy = EnergyHistory(self._background)
        self.transactions = TransactionHistory(self._background)

        def on_crowded(crowded: Crowded) -> None:
            store.ledger.crowded = crowded

        self.backlog = BacklogKeeper(
            store.database, self._background, store.journal, clock, _limits(settings), on_crowded
        )

        self._retention = Retention(store.database, self._background, directory, clock, _ages(settings), time_known)

    def reconfigure(self, settings: RetentionSettings) -> None:
        """Go on by other settings."""
        self.recorder.most_per_day = settings.max_mb_per_day * MEGABYTE
        self.backlog.limits = _limits(settings)
        self._retention.ages = _ages(settings)

    async def run(self) -> None:
        """Go on for ever. May be run again after a failure."""
        async with asyncio.TaskGroup() as group:
            spawn(group, self.recorder.run(), "recorder")
            spawn(group, self.backlog.run(), "backlog")
            spawn(group, self._retention.run(), "retention")

    def findings(self) -> Iterator[Finding]:
        """What is wrong: what, where, what to do."""
        yield from self.recorder.findings()
        yield from self.backlog.findings()

    async def close(self) -> None:
        """Write what was heard, and end the threads."""
        self._background.close()
        await self.recorder.close()


def _limits(settings: RetentionSettings) -> Limits:
    return Limits(settings.backlog_mb * MEGABYTE, settings.backlog_station_mb * MEGABYTE)


def _ages(settings: RetentionSettings) -> Ages:
    return Ages(settings.raw_days, settings.transactions_days, settings.energy_15min_days)
