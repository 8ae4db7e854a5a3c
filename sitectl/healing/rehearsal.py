"""What healing would have done about what happened: the journal of a site, played through the rules.

As in the mode `observe`: every remedy is only said, so each ladder goes on by its waits until the symptom went away as
it did. What readings and meters showed stands in no journal: ghosts, ignored limits and what is drawn are not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sitectl.healing.heal import heal
from sitectl.healing.memory import HealingMemory
from sitectl.healing.policy import HealingRules
from sitectl.healing.view import EvseHealth, HealthView, Moments, StationHealth
from sitectl.model.health import Attempt, Fault, Finding, HealingMode
from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.journal import JournalEntry
from sitectl.model.station import ChargingState, ConnectorStatus, StationIdentity

NO_ERROR = "NoError"
AFTERWARDS_S = 3600.0
"""So long after the last event the ladders go on."""

STEP_S = 1.0
MOST_MOMENTS = 20


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """What would have been done, in order, and what a person would have been told at some time."""

    attempts: tuple[Attempt, ...]
    told: tuple[Finding, ...]
    stations: int


@dataclass(slots=True)
class _Play:
    """The stations as the journal tells of them, and what healing remembers, up to a moment."""

    stations: dict[StationId, StationHealth] = field(default_factory=dict)
    memory: HealingMemory = field(default_factory=HealingMemory)

    def take(self, entry: JournalEntry, at: float) -> None:
        """One more event."""
        change = _CHANGES.get(entry.type)
        if entry.station is None or change is None:
            return
        before = self.stations.get(entry.station) or StationHealth(entry.station, online_since=at)
        self.stations[entry.station] = change(before, entry.evse, entry.data, at)


def rehearse(entries: Sequence[JournalEntry], rules: HealingRules) -> Rehearsed:
    """Play these events, the oldest first, in the time in which they happened."""
    play = _Play()
    attempts: list[Attempt] = []
    told: dict[tuple[str, str], Finding] = {}
    for at, wall, happened in _moments(entries, play):
        for entry in happened:
            play.take(entry, at)
        seen = HealthView(dict(play.stations), mode=HealingMode.OBSERVE)
        came = heal(play.memory, seen, rules, Moments(at, wall))
        play.memory = came.memory
        attempts += came.begin
        told |= {(where, what.partition(":")[0]): (what, where, do) for what, where, do in came.findings}
    return Rehearsed(tuple(attempts), tuple(told.values()), len(play.stations))


def _moments(entries: Sequence[JournalEntry], play: _Play) -> Iterator[tuple[float, datetime, list[JournalEntry]]]:
    """When to look: at each event, and whenever time alone takes a ladder further."""
    if not entries:
        return
    began, n, at = entries[0].time, 0, 0.0
    ends_at = (entries[-1].time - began).total_seconds() + AFTERWARDS_S
    while at <= ends_at:
        happened = []
        while n < len(entries) and (entries[n].time - began).total_seconds() <= at:
            happened.append(entries[n])
            n += 1
        yield at, began + timedelta(seconds=at), happened
        due = min((one.due for one in play.memory.stations.values()), default=float("inf"))
        coming = (entries[n].time - began).total_seconds() if n < len(entries) else float("inf")
        at = max(at + STEP_S, min(due, coming)) if min(due, coming) < float("inf") else ends_at + STEP_S


# --- what each event means --------------------------------------------------------------------------------------------

Change = Callable[[StationHealth, int | None, Mapping[str, Any], float], StationHealth]


def _connected(station: StationHealth, evse: int | None, data: Mapping[str, Any], at: float) -> StationHealth:
    facts = replace(station.facts, connects=(*station.facts.connects, at)[-MOST_MOMENTS:])
    return replace(station, online=True, online_since=at, offline_since=None, facts=facts)


def _disconnected(station: StationHealth, evse: int | None, data: Mapping[str, Any], at: float) -> StationHealth:
    return replace(station, online=False, offline_since=at)


def _booted(station: StationHealth, evse: int | None, data: Mapping[str, Any], at: float) -> StationHealth:
    facts = replace(station.facts, boots=(*station.facts.boots, at)[-MOST_MOMENTS:])
    identity = StationIdentity(str(data.get("vendor", "")), str(data.get("model", "")), str(data.get("firmware", "")))
    return replace(station, identity=identity, facts=facts)


def _status(station: StationHealth, evse: int | None, data: Mapping[str, Any], at: float) -> StationHealth:
    code, number = str(data.get("error", NO_ERROR)), evse or 0
    faults = {n: fault for n, fault in station.facts.faults.items() if n != number}
    before = station.facts.faults.get(number)
    if code != NO_ERROR:
        vendor, info = str(data.get("vendor_error", "")), str(data.get("info", ""))
        same = before is not None and (before.code, before.vendor_code) == (code, vendor)
        fault = before if same and before is not None else Fault(station.id, number, code, vendor, info, at)
        faults[number] = fault
    station = replace(station, facts=replace(station.facts, faults=faults))
    if not number:
        return station
    status, charging = _word(ConnectorStatus, data.get("status")), _word(ChargingState, data.get("charging"))
    preparing = bool(data.get("preparing"))

    def change(one: EvseHealth) -> EvseHealth:
        if (one.connector_status, one.charging_state, one.preparing) == (status, charging, preparing):
            return one
        return replace(one, connector_status=status, charging_state=charging, preparing=preparing, status_since=at)

    return _evse(station, number, change)


def _started(station: StationHealth, evse: int | None, data: Mapping[str, Any], at: float) -> StationHealth:
    running = TransactionId(str(data.get("transaction", "?")))
    read_at = float("inf")  # no journal tells of readings: that they stopped is not to be concluded
    return _evse(
        station, evse or 1, lambda one: replace(one, transaction=running, transaction_since=at, read_at=read_at)
    )


def _ended(station: StationHealth, evse: int | None, data: Mapping[str, Any], at: float) -> StationHealth:
    return _evse(station, evse or 1, lambda one: replace(one, transaction=None, transaction_since=None))


def _firmware(station: StationHealth, evse: int | None, data: Mapping[str, Any], at: float) -> StationHealth:
    facts = replace(station.facts, firmware=str(data.get("status", "")), firmware_since=at)
    return replace(station, facts=facts)


def _evse(station: StationHealth, number: int, change: Callable[[EvseHealth], EvseHealth]) -> StationHealth:
    held = {one.id.evse: one for one in station.evses}
    held[number] = change(held.get(number) or EvseHealth(EvseId(station.id, number)))
    return replace(station, evses=tuple(held[n] for n in sorted(held)))


def _word(kind: Any, text: Any) -> Any:
    try:
        return kind(text)
    except ValueError:
        return None


_CHANGES: Mapping[str, Change] = {
    "station.connected": _connected,
    "station.disconnected": _disconnected,
    "station.booted": _booted,
    "station.firmware": _firmware,
    "evse.status": _status,
    "transaction.started": _started,
    "transaction.ended": _ended,
    "transaction.ended_synthetically": _ended,
}
