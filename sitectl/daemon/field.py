"""What hangs on field buses: the buses, and the meters on them, by the settings that hold.

All of it is begun anew where the configuration changes any of it, after what ran before has let go of its lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from sitectl.base.clock import Clock
from sitectl.base.tasks import spawn
from sitectl.config.settings import Settings
from sitectl.fieldbus.buses import Buses
from sitectl.meters.polling import run_meters, tenants
from sitectl.meters.ports import SiteInbox
from sitectl.model.ids import MeterId

Keep = Callable[[asyncio.TaskGroup, str, Callable[[], Awaitable[None]]], asyncio.Task[None]]
"""Runs a room in a group, and again where it fails."""


class Field:
    """The rooms at the field buses."""

    def __init__(self, inbox: SiteInbox, clock: Clock, keep: Keep) -> None:
        self._inbox = inbox
        self._clock = clock
        self._keep = keep
        self._settings: Settings | None = None
        self._task: asyncio.Task[None] | None = None
        self.buses = Buses((), clock)
        """Those that hold now."""

    def take(self, group: asyncio.TaskGroup, settings: Settings) -> None:
        """Begin, or go on by another configuration; what stays the same is left in peace."""
        before, self._settings = self._settings, settings
        if before is not None and self._same(before, settings):
            return
        previous = self._task
        self.buses = Buses(tenants(settings.meters.values(), _vital(settings)), self._clock)
        self._task = spawn(group, self._run(settings, self.buses, previous), "field")

    def stop(self) -> None:
        """End everything."""
        if self._task is not None:
            self._task.cancel()

    @staticmethod
    def _same(before: Settings, after: Settings) -> bool:
        return before.meters == after.meters and _vital(before) == _vital(after)

    async def _run(self, settings: Settings, buses: Buses, previous: asyncio.Task[None] | None) -> None:
        if previous is not None:
            previous.cancel()
            await asyncio.wait({previous})
        async with asyncio.TaskGroup() as group:
            self._keep(group, "buses", buses.run)
            self._keep(group, "meters", partial(run_meters, settings.meters, buses, self._inbox, self._clock))


def _vital(settings: Settings) -> frozenset[MeterId]:
    """The meters that a circuit is shared by."""
    return frozenset(circuit.meter for circuit in settings.topology.circuits.values() if circuit.meter is not None)
