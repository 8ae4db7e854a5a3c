"""What hangs on field buses: the buses, the meters on them, and signals, by the settings that hold.

All of it is begun anew where the configuration changes any of it, after what ran before has let go of its lines.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from functools import partial

from sitectl.base.clock import Clock
from sitectl.base.tasks import Tasks, spawn
from sitectl.config.settings import Settings
from sitectl.fieldbus.buses import Buses
from sitectl.meters import polling
from sitectl.meters.from_stations import Look
from sitectl.meters.ports import SiteInbox
from sitectl.model.commands import NotSent, Outcome
from sitectl.model.health import Finding
from sitectl.model.ids import CircuitId, MeterId, StationId
from sitectl.model.signals import SignalView
from sitectl.signals import room
from sitectl.signals.door import Door
from sitectl.signals.ports import Journal, OverlayStore
from sitectl.signals.power_relay import PowerRelays
from sitectl.signals.remembered import RememberedContacts
from sitectl.signals.room import Signals

Keep = Callable[[asyncio.TaskGroup, str, Callable[[], Awaitable[None]]], asyncio.Task[None]]
"""Runs a room in a group, and again where it fails."""


class Field:
    """The rooms at the field buses."""

    def __init__(
        self,
        inbox: SiteInbox,
        journal: Journal,
        clock: Clock,
        keep: Keep,
        look: Look,
        overlay: OverlayStore,
        tasks: Tasks,
    ) -> None:
        self._inbox = inbox
        self._look = look
        self._journal = journal
        self._clock = clock
        self._keep = keep
        self._overlay = overlay
        self._relays: PowerRelays | None = None
        self._door = Door(inbox, journal, clock)
        self._contacts = RememberedContacts(overlay, tasks)
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
        self._signals = Signals(settings, self.buses, self._contacts, self._journal, self._clock)
        self._door.keep_only([source.name for source in self._signals.sources])
        self._signals.resume(self._door)
        self._relays = PowerRelays(
            settings.power_relays, settings.io_boxes, self.buses, self._overlay, self._journal, self._clock
        )
        self._task = spawn(group, self._run(settings, self.buses, self._signals, self._relays, previous), "field")

    def stop(self) -> None:
        """End everything."""
        if self._task is not None:
            self._task.cancel()

    def signals(self) -> list[SignalView]:
        """The signals as they stand."""
        return [] if self._signals is None else self._signals.views()

    def feeds(self, station: StationId) -> bool:
        """Whether a relay feeds this station."""
        return self._relays is not None and self._relays.has(station)

    async def power_cycle(self, station: StationId) -> Outcome:
        """Cut a station off by its relay, and feed it again; see `PowerRelays.power_cycle`."""
        return NotSent("we are starting") if self._relays is None else await self._relays.power_cycle(station)

    def findings(self) -> Iterator[Finding]:
        """What is wrong with the buses, the signals and the relays."""
        yield from self.buses.findings()
        if self._relays is not None:
            yield from self._relays.findings()
        for source in self._signals.sources if self._signals is not None else ():
            yield from source.findings()

    async def _run(
        self,
        settings: Settings,
        buses: Buses,
        signals: Signals,
        relays: PowerRelays,
        previous: asyncio.Task[None] | None,
    ) -> None:
        """Run all of it; at the end power comes back before the lines are let go of."""
        if previous is not None:
            await asyncio.wait({previous})
        tasks = Tasks()
        rooms = tasks.spawn(self._run_rooms(settings, buses, signals, relays), "field rooms")
        try:
            await asyncio.shield(rooms)
        finally:
            await relays.restore()
            await tasks.cancel_all()

    async def _run_rooms(self, settings: Settings, buses: Buses, signals: Signals, relays: PowerRelays) -> None:
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
            self._keep(group, "power relays", relays.run)


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
    signals = (settings.io_boxes, settings.power_relays, settings.signals, settings.schedules, settings.site.timezone)
    return settings.meters, settings.meter_roles, _vital(settings), _added_up(settings), signals
