"""What one central has set of what it wants to hear of one station, as it holds now."""

from __future__ import annotations

from collections.abc import Collection

from sitectl.model.ids import StationId, UplinkId
from sitectl.ocpp.v16.configuration import csv
from sitectl.uplinks import virtual
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.thinning import Measured


class Wishes:
    """The keys that steer what goes up; read anew each time."""

    __slots__ = ("_rooms", "_station", "_uplink")

    def __init__(self, rooms: Rooms, uplink: UplinkId, station: StationId) -> None:
        self._rooms = rooms
        self._uplink = uplink
        self._station = station

    def status_lasts_s(self) -> float:
        """MinimumStatusDuration: shorter statuses are not told."""
        return float(self._number("MinimumStatusDuration"))

    def align_every_s(self) -> int:
        """ClockAlignedDataInterval; 0: none are wanted."""
        return self._number("ClockAlignedDataInterval")

    def aligned(self) -> Collection[str]:
        """MeterValuesAlignedData."""
        return csv(virtual.value(self._rooms, self._uplink, self._station, "MeterValuesAlignedData"))

    def ping_every_s(self) -> float | None:
        """WebSocketPingInterval, None while the central has not set it."""
        held = self._set("WebSocketPingInterval")
        return None if held is None else float(self._number("WebSocketPingInterval"))

    def samples_every_s(self) -> int | None:
        """MeterValueSampleInterval (0: none are wanted), None while the central has not set it."""
        held = self._set("MeterValueSampleInterval")
        return None if held is None else self._number("MeterValueSampleInterval")

    def measured(self) -> Measured:
        """Which measurands of the station's meter values it wants."""
        lists = ("MeterValuesSampledData", "MeterValuesAlignedData", "StopTxnSampledData", "StopTxnAlignedData")
        sampled, aligned, stop_sampled, stop_aligned = (self._list(key) for key in lists)
        every_s = self._set("ClockAlignedDataInterval")
        return Measured(sampled, frozenset() if every_s is not None else aligned, stop_sampled, stop_aligned)

    def _number(self, key: str) -> int:
        return virtual.number(self._rooms, self._uplink, self._station, key)

    def _set(self, key: str) -> str | None:
        return self._rooms.virtual.variables(self._uplink, self._station).get(key)

    def _list(self, key: str) -> frozenset[str] | None:
        held = self._set(key)
        return None if held is None else frozenset(csv(held))
