"""Which measurands a central gets: the real station reports what control needs and what all centrals want, together.

A central that asks for one that the station does not report yet has it ask for it too; where the station does not take
it the central hears so, as it would from the station. What goes up to each is cut at the door (`thinning.py`).
"""

from __future__ import annotations

import asyncio

from sitectl.model.commands import Answered, SetVariable, Urgency
from sitectl.model.ids import StationId, UplinkId
from sitectl.ocpp.v16.configuration import csv
from sitectl.ocpp.v16.setup import CONTROLLED
from sitectl.uplinks import virtual
from sitectl.uplinks.ports import Rooms

SHARED = ("MeterValuesSampledData", "StopTxnSampledData")
"""Keys whose measurands the real station has to report; it has one list of each for everybody."""

MOST = 10
"""Measurands that a station is asked for: some restart for ever when all are."""

SETTLE_S = 30.0
"""After a connection or a boot; by then its configuration was read, and ours written."""


class Measurands:
    """What all centrals want of each station, and what the station was asked for."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._uplinks: set[UplinkId] = set()
        self._asking: dict[StationId, asyncio.Task[None]] = {}

    def restore(self, uplink: UplinkId) -> None:
        """This central has a say."""
        self._uplinks.add(uplink)

    def withdraw(self, uplink: UplinkId) -> None:
        """This central has no say any more; what the station reports because of it does no harm."""
        self._uplinks.discard(uplink)

    async def set(self, station: StationId, key: str, wanted: tuple[str, ...]) -> str:
        """A central wants these: Accepted, Rejected, or RebootRequired."""
        if key == "MeterValuesAlignedData":
            return "Accepted" if set(wanted) <= set(CONTROLLED) else "Rejected"  # made here, of what control reads
        if key not in SHARED:
            told = csv(virtual.station_value(self._rooms, station, key))
            return "Accepted" if set(wanted) <= set(told) else "Rejected"
        everything = self._with(station, key, wanted)
        if everything is None:
            return "Accepted"
        if len(everything) > MOST:
            return "Rejected"
        # One that is away is asked when it is back.
        return await self._ask(station, key, everything) if self._rooms.facts.online(station) else "Accepted"

    def _with(self, station: StationId, key: str, wanted: tuple[str, ...]) -> list[str] | None:
        """What the station reports with these added; None: it reports them."""
        told = csv(virtual.station_value(self._rooms, station, key))
        if not told and key == "MeterValuesSampledData":
            told = CONTROLLED
        more = [measurand for measurand in dict.fromkeys(wanted) if measurand not in told]
        return [*told, *more] if more else None

    async def _ask(self, station: StationId, key: str, measurands: list[str]) -> str:
        value = ",".join(measurands)
        outcome = await self._rooms.door.execute(station, SetVariable(station, key, value), Urgency.HOUSEKEEPING)
        if not (isinstance(outcome, Answered) and outcome.accepted):
            return "Rejected"
        self._rooms.facts.learn(station, {key: (value, False)})
        return outcome.status

    # --- again after a connection -------------------------------------------------------------------------------------

    def station_online(self, station: StationId) -> None:
        """It came, or booted: it may report less than is wanted."""
        if (asking := self._asking.pop(station, None)) is not None:
            asking.cancel()
        if any(self._wanted(station, key) for key in SHARED):
            self._asking[station] = self._rooms.tasks.spawn(self._ask_again(station), f"measurands of {station}")

    def _wanted(self, station: StationId, key: str) -> tuple[str, ...]:
        variables = (self._rooms.virtual.variables(uplink, station) for uplink in sorted(self._uplinks))
        return tuple(measurand for held in variables for measurand in csv(held.get(key, "")))

    async def _ask_again(self, station: StationId) -> None:
        await asyncio.sleep(SETTLE_S)
        for key in SHARED:
            everything = self._with(station, key, self._wanted(station, key))
            if everything is not None and len(everything) <= MOST and self._rooms.facts.online(station):
                await self._ask(station, key, everything)
