"""What hangs on field buses: the buses, the meters on them, and signals, by the settings that hold.

All of it is begun anew where the configuration changes any of it, after what ran before has let go of its lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from sitectl.base.clock import Clock
from sitectl.base.tasks import spawn
from sitectl.config.settings import Settings
from sitectl.fieldbus.buses import Buses
from sitectl.meters import polling
from sitectl.meters.from_stations import Look
from sitectl.meters.ports import SiteInbox
from sitectl.model.health import Finding
from sitectl.model.ids import CircuitId, MeterId
from sitectl.model.signals import SignalView
from sitectl.signals import room
from sitectl.signals.door import Door
from sitectl.signals.ports import Journal
from sitectl.signals.room import Signals

Keep = Callable[[asyncio.TaskGroup, str, Callable[[], Awaitable[None]]], asyncio.Task[None]]
"""Runs a room in a group, and again where it fails."""


class Field:
    """The rooms at the field buses."""

    def __init__(self, inbox: SiteInbox, journal: Journal, clock: Clock, keep: Keep, look: Look) -> None:
        self._inbox = inbox
        self._look = look
        self._journal = journal
        self._clock = clock
        self._keep = keep
        self._door = Door(inbox, journal, clock)
        self._settings: Settings | None = None
        self._signals: Signals | None = None
        self._task: asyncio.Task[None] | None = None
        self.buses = Buses((), clock)
        """Those that hold now."""

    def take(self, group: asyncio.TaskGroup, settings: Settings) -> None:
        """Begin, or go on by another configuration; what stays the same is left in peace."""
        before, self._settings = self._settings, settings
        if before is not None and _at_buses(before) == _at_buses(settings):
            return
        previous = self._task
        self.stop()
        tenants = [
            *polling.tenants(settings.meters.values(), _vital(settings)),
            *room.tenants(settings.io_boxes),
        ]
        self.buses = Buses(tenants, self._clock)
        self._signals = Signals(settings, self.buses, self._journal, self._clock)
        self._door.keep_only([source.name for source in self._signals.sources])
        self._task = spawn(group, self._run(settings, self.buses, self._signals, previous), "field")

    def stop(self) -> None:
        """End everything."""
        if self._task is not None:
            self._task.cancel()

    def signals(self) -> list[SignalView]:
        """The signals as they stand."""
        return [] if self._signals is None else self._signals.views()

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the buses and the signals."""
        yield from self.buses.findings()
        for source in self._signals.sources if self._signals is not None else ():
            yield from source.findings()

    async def _run(
        self, settings: Settings, buses: Buses, signals: Signals, previous: asyncio.Task[None] | None
    ) -> None:
        if previous is not None:
            await asyncio.wait({previous})
        async with asyncio.TaskGroup() as group:
            self._keep(group, "buses", buses.run)
            meters = partial(
                polling.run_meters,
                settings.meters,
                buses,
                self._inbox,
                self._clock,
                settings.meter_roles.virtual,
                _added_up(settings),
                self._look,
            )
            self._keep(group, "meters", meters)
            self._keep(group, "signals", partial(signals.run, self._door))


def _vital(settings: Settings) -> frozenset[MeterId]:
    """The meters that a circuit is shared by, and all that they are made of or replaced by."""
    circuits = settings.topology.circuits.values()
    return settings.meter_roles.behind(circuit.meter for circuit in circuits if circuit.meter is not None)


def _added_up(settings: Settings) -> dict[MeterId, frozenset[CircuitId]]:
    """The circuits whose stations a meter adds up: its own and all below."""
    paths = settings.topology.paths
    return {
        meter: frozenset(circuit for circuit, path in paths.items() if top in path)
        for meter, top in settings.meter_roles.stations.items()
    }


def _at_buses(settings: Settings) -> object:
    """All that this file makes rooms of."""
    signals = (settings.io_boxes, settings.signals, settings.schedules, settings.site.timezone)
    return settings.meters, settings.meter_roles, _vital(settings), _added_up(settings), signals
