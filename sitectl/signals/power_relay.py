"""The relay that feeds a station: off, a while, on again; and on it ends, whatever comes between.

That it was switched off by us is on disk before it is. Whoever stops waiting does not stop the switching. When the
daemon ends in between, it switches on before it lets go of the line; when it is killed, its next start does. Where the
line is dead, it goes on trying, and says so to people.

What the relay cuts is for the caller to judge: no car may charge there.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.config.inputs import parse_coil
from sitectl.config.settings import IoBoxSettings, PowerRelaySettings
from sitectl.fieldbus.bus import COILS, CoilBus, ReadFailed
from sitectl.fieldbus.buses import Buses
from sitectl.model.commands import Answered, NotSent, Outcome, Refused, Unanswered
from sitectl.model.health import Finding
from sitectl.model.ids import StationId
from sitectl.model.signals import ModbusInput
from sitectl.signals.ports import Journal, OverlayStore

log = logging.getLogger(__name__)

KIND = "power_relay"
SOURCE = "power relay"
TRIES = 3
TRY_AGAIN_S = 1.0
LOOK_EVERY_S = 2.0
LONGEST_PAUSE_S = 30.0
RESTORE_WITHIN_S = 4.0


class PowerRelay:
    """The relay of one station."""

    def __init__(self, station: StationId, settings: PowerRelaySettings, unit: int, bus: CoilBus) -> None:
        self.station = station
        self.settings = settings
        self._unit = unit
        self._bus = bus
        self.busy = False
        self.hurry = asyncio.Event()
        """Set when power must come back now."""
        self.retry_at = 0.0
        self.pause_s = TRY_AGAIN_S
        self.is_off = False
        """By us, as far as people have been told."""
        self.why = ""

    @property
    def coil(self) -> str:
        """As the configuration names it."""
        return f"modbus:{self.settings.box}:{self.settings.number}"

    @property
    def mark(self) -> dict[str, Any]:
        """What is kept on disk while it is off: all that it takes to switch it on."""
        return {"coil": self.coil, "normally_closed": self.settings.normally_closed}

    async def switch(self, power: bool) -> str | None:
        """Switch the power and read it back; why that failed, None when it shows as wanted."""
        on = power is not self.settings.normally_closed
        why = "it was not asked"
        for attempt in range(TRIES):
            if attempt:
                await asyncio.sleep(TRY_AGAIN_S)
            written = await self._bus.write_coil(self._unit, self.settings.number, on)
            read = await self._bus.read(self._unit, COILS, self.settings.number, 1)
            if not isinstance(read, ReadFailed) and read.words == (int(on),):
                return None
            failed = next((one for one in (written, read) if isinstance(one, ReadFailed)), None)
            why = failed.why if failed is not None else f"the coil still reads {'off' if on else 'on'}"
        return why


class PowerRelays:
    """All relays of one configuration. `power_cycle` is the hand; `run` sees to it that none stays off."""

    def __init__(
        self,
        settings: Mapping[StationId, PowerRelaySettings],
        boxes: Mapping[str, IoBoxSettings],
        buses: Buses,
        overlay: OverlayStore,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._relays = {
            station: PowerRelay(station, one, boxes[one.box].unit, buses[boxes[one.box].connection])
            for station, one in settings.items()
        }
        self._boxes = boxes
        self._buses = buses
        self._overlay = overlay
        self._journal = journal
        self._clock = clock
        self._tasks = Tasks()
        self._former: dict[StationId, PowerRelay] = {}
        """Relays that were switched off under another configuration."""
        for station, kept in overlay.of(KIND).items():
            if (relay := self._left_off(StationId(station), kept.value)) is not None:
                relay.is_off = True
        self._cycling: set[asyncio.Task[Outcome]] = set()

    def has(self, station: StationId) -> bool:
        """Whether a relay feeds this station."""
        return station in self._relays

    async def power_cycle(self, station: StationId) -> Outcome:
        """Cut a station off and feed it again; returns when the coil was read back as on, or could not be.

        `Answered`: done. `NotSent`: nothing was switched. `Refused`: it could not be switched off, and is on.
        `Unanswered`: it is off, or may be, and is being switched on for as long as it takes.
        """
        relay = self._relays.get(station)
        if relay is None:
            return NotSent("no relay feeds this station")
        if relay.busy or station in self._overlay.of(KIND):
            return NotSent("its power is being switched already")
        relay.busy = True
        cycling = self._tasks.spawn(self._cycle(relay), f"power of {station}")
        self._cycling.add(cycling)
        cycling.add_done_callback(self._cycling.discard)
        return await asyncio.shield(cycling)

    async def _cycle(self, relay: PowerRelay) -> Outcome:
        try:
            try:
                await self._overlay.keep(KIND, relay.station, relay.mark, source=SOURCE)
            except EnvironmentFault as fault:
                return NotSent(f"that it is off would not be on disk: {fault}")
            relay.is_off = True
            self._note(relay, "station.power_off")
            cut = await relay.switch(power=False)
            if cut is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(relay.settings.off_s):
                        await relay.hurry.wait()
            fed = await self._feed(relay)
        finally:
            relay.busy = False
            relay.hurry.clear()
        if fed is not None:
            return Unanswered(f"it is not surely fed again: {fed}")
        return Answered("Accepted", {"off_s": relay.settings.off_s}) if cut is None else Refused("NotSwitched", cut)

    async def _feed(self, relay: PowerRelay) -> str | None:
        """Switch on and forget that it was off; why that failed."""
        why = await relay.switch(power=True)
        if why is None:
            relay.pause_s, relay.retry_at = TRY_AGAIN_S, self._clock.monotonic() + LONGEST_PAUSE_S
            with suppress(EnvironmentFault):  # then it is switched on once more a while later, which does no harm
                await self._overlay.forget(KIND, relay.station)
            if relay.is_off:
                self._note(relay, "station.power_on")
            relay.is_off = False
        else:
            log.warning("%s: its relay %s could not be switched on: %s", relay.station, relay.coil, why)
            relay.retry_at = self._clock.monotonic() + relay.pause_s
            relay.pause_s = min(LONGEST_PAUSE_S, 2.0 * relay.pause_s)
        relay.why = why or ""
        return why

    async def run(self) -> None:
        """Feed whatever was left off by us, now or before a restart, until that is done; for ever."""
        while True:
            for station, kept in self._overlay.of(KIND).items():
                relay = self._left_off(StationId(station), kept.value)
                if relay is not None and not relay.busy and self._clock.monotonic() >= relay.retry_at:
                    await self._feed(relay)
            await asyncio.sleep(LOOK_EVERY_S)

    def _left_off(self, station: StationId, mark: object) -> PowerRelay | None:
        """The relay of a mark: the one that is configured, or another one that was, while its box is there."""
        for relay in (self._relays.get(station), self._former.get(station)):
            if relay is not None and relay.mark == mark:
                return relay
        coil = parse_coil(str(mark.get("coil", ""))) if isinstance(mark, dict) else None
        if not isinstance(mark, dict) or not isinstance(coil, ModbusInput) or coil.box not in self._boxes:
            return None
        box = self._boxes[coil.box]
        settings = PowerRelaySettings(coil.box, coil.number, normally_closed=mark.get("normally_closed") is True)
        former = self._former[station] = PowerRelay(station, settings, box.unit, self._buses[box.connection])
        former.is_off = True
        return former

    async def restore(self) -> None:
        """Feed now whatever is off, before the line is let go of; gives up after a few seconds."""
        for relay in self._relays.values():
            relay.hurry.set()
        if self._cycling:
            await asyncio.wait(set(self._cycling), timeout=RESTORE_WITHIN_S)
        await self._tasks.cancel_all()

    def findings(self) -> Iterator[Finding]:
        """Stations that we have cut off and cannot feed."""
        for station, kept in self._overlay.of(KIND).items():
            relay = self._left_off(StationId(station), kept.value)
            coil = kept.value.get("coil", "") if isinstance(kept.value, dict) else ""
            if relay is None:
                what = f"Its relay {coil} was switched off by us and is not configured any more: it may have no power."
                yield what, station, "Write its power_relay again, or switch the relay on by hand."
            elif not relay.busy and relay.why:
                what = f"Its relay {relay.coil} was switched off and cannot be switched on: {relay.why}"
                yield what, station, "Check the relay box, its cable and its power, or bridge the relay."

    def _note(self, relay: PowerRelay, type: str) -> None:
        self._journal.record(type, relay.station, None, {"coil": relay.coil})
