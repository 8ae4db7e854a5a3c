"""Keeps what waits for the centrals within its room: measures, thins meter values, says when new ones must give way.

The order is that of the standard: transactions that are over first, the oldest of them first, then those that run. Each
step is a small commit, so that stations never wait for it.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.model.health import Finding
from sitectl.model.ids import StationId, UplinkId
from sitectl.store import quotas, thinning
from sitectl.store.background import Background
from sitectl.store.database import Database
from sitectl.store.journal import Journal
from sitectl.store.quotas import Alarms, Crowded, Limits, Queue, Usage
from sitectl.store.thinning import Queued, Sample

MEASURE_EVERY_S = 15.0
SHARE = 20
"""Measuring a large backlog takes a while: it is done at most a twentieth of the time."""

AT_ONCE = 200
PAUSE_S = 0.02
"""Between two commits: what stations say goes first."""

log = logging.getLogger(__name__)

_Choose = Callable[[Sequence[Sample]], list[Sample]]


class BacklogKeeper:
    """Belongs to one ledger. `limits` may be changed at any time; `on_crowded` hears whose new values must give way."""

    def __init__(
        self,
        database: Database,
        background: Background,
        journal: Journal,
        clock: Clock,
        limits: Limits,
        on_crowded: Callable[[Crowded], None],
    ) -> None:
        self.limits = limits
        self.messages: Mapping[UplinkId, int] = {}
        """How many messages wait for each central, of any configuration, as it was measured last."""
        self._database = database
        self._background = background
        self._journal = journal
        self._clock = clock
        self._on_crowded = on_crowded
        self._crowded = Crowded()
        self._alarms = Alarms()

    async def run(self) -> None:
        """Measure and thin, for ever."""
        while True:
            began_at = self._clock.monotonic()
            try:
                await self.look()
            except EnvironmentFault as fault:
                log.debug("the backlog was not looked after: %s", fault)  # the store says itself what it lacks
            await asyncio.sleep(max(MEASURE_EVERY_S, SHARE * (self._clock.monotonic() - began_at)))

    async def look(self) -> None:
        """Measure, thin where it must be, and say how things stand then."""
        used = await self._background.ask(quotas.usage)
        everywhere, stations = quotas.to_free(used, self.limits)
        if everywhere > 0 or stations:
            await self._thin(used, everywhere, stations)
            used = await self._background.ask(quotas.usage)
        self.messages = used.messages
        self._alarms.look(used, self.limits)
        self._say(quotas.crowded(used, self.limits))

    def findings(self) -> Iterator[Finding]:
        """What is wrong: what, where, what to do."""
        return self._alarms.findings()

    def _say(self, crowded: Crowded) -> None:
        before, self._crowded = self._crowded, crowded
        self._on_crowded(crowded)
        if crowded.everyone and not before.everyone:
            self._journal.record("outbox.full", data={"mb": self.limits.all // quotas.MEGABYTE})
        for station in crowded.stations - before.stations:
            self._journal.record("outbox.full", station, data={"mb": self.limits.each // quotas.MEGABYTE})

    # --- thinning -----------------------------------------------------------------------------------------------------

    async def _thin(self, used: Usage, everywhere: int, stations: Mapping[StationId, int]) -> None:
        """Take out what can be done without, step by step, until enough is free or nothing is left to take."""
        for station, size in stations.items():
            mine = [queue for queue in used.queues if queue[1] == station]
            everywhere -= await self._thin_these(mine, size, station)
        if everywhere > 0:
            await self._thin_these([*used.queues], everywhere, None)

    async def _thin_these(self, queues: Sequence[Queue], to_free: int, station: StationId | None) -> int:
        """Bytes taken out of these queues, of one station or of all."""
        found = await self._background.ask(lambda connection: _found(connection, queues))
        messages = freed = 0
        steps: tuple[tuple[_Choose, bool], ...] = (
            (thinning.but_quarters, True),
            (thinning.every_second, True),
            (thinning.but_quarters, False),
            (thinning.every_second, False),
        )
        for choose, finished in steps:
            while freed < to_free:
                before = messages
                for one in found:
                    if one.finished is finished and freed < to_free:
                        taken, size = await self._thin_one(one, choose, to_free - freed)
                        messages, freed = messages + taken, freed + size
                if messages == before or choose is thinning.but_quarters:
                    break  # nothing more to take by this step; halving goes on while it takes anything
        if messages:
            data = {"messages": messages, "mb": round(freed / quotas.MEGABYTE, 1)}
            self._journal.record("outbox.thinned", station, data=data)
            log.info("%d meter values that wait for centrals were thinned out", messages)
        return freed

    async def _thin_one(self, one: Queued, choose: _Choose, to_free: int) -> tuple[int, int]:
        """(messages, bytes) taken out of one transaction."""
        samples = choose(await self._background.ask(lambda connection: thinning.samples_of(connection, one)))
        messages = freed = 0
        for begin in range(0, len(samples), AT_ONCE):
            if freed >= to_free:
                break
            taken, size = await self._database.run(_taking_out(one, samples[begin : begin + AT_ONCE]))
            messages, freed = messages + taken, freed + size + quotas.ROW_BYTES * taken
            await asyncio.sleep(PAUSE_S)
        return messages, freed


def _taking_out(one: Queued, samples: Sequence[Sample]) -> Callable[[sqlite3.Connection], tuple[int, int]]:
    return lambda connection: thinning.take_out(connection, one, samples)


def _found(connection: sqlite3.Connection, queues: Sequence[Queue]) -> Sequence[Queued]:
    """Transactions that may have something to spare, the oldest first."""
    found = [one for queue in queues for one in thinning.queued(connection, *queue)]
    return sorted(found, key=lambda one: one.order)
