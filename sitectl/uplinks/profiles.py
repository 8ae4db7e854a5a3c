"""Charging profiles of one central: kept as it sent them, composed into Ceilings, never passed through.

The site is the one writer of limits. A profile that was accepted is honoured as an upper bound, also while the central
is away, until its own end (OCPP 2.0.1 K06: a station does the same).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from sitectl.base.clock import Clock
from sitectl.base.units import format_utc, parse_timestamp
from sitectl.model import events
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.limits import Ceiling
from sitectl.model.schedule import ChargingProfile, ProfilePurpose
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16 import central_encode, charging_profiles
from sitectl.ocpp.v16.charging_profiles import ProfilesCleared, ProfileSet
from sitectl.ocpp.versions import ErrorCode
from sitectl.planner.ceilings import Charging, compose
from sitectl.uplinks.ports import Rooms
from sitectl.wire.outcomes import Refuse, Reply

MOST_PROFILES = 20
"""Profiles kept for one station (the virtual station's MaxChargingProfilesInstalled)."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A profile, and the payload that it came in."""

    profile: ChargingProfile
    payload: Payload


class Profiles:
    """The profiles of one uplink for all its stations."""

    def __init__(self, uplink: UplinkId, rooms: Rooms, clock: Clock, nominal_voltage_v: float) -> None:
        self.uplink = uplink
        self.nominal_voltage_v = nominal_voltage_v
        self._rooms = rooms
        self._clock = clock
        self._kept: dict[StationId, list[_Kept]] = {}
        self._running: dict[EvseId, Charging] = {}
        self._expected: dict[EvseId, _Kept] = {}
        self._standing: dict[StationId, dict[str, Ceiling]] = {}

    # --- what the central asks ---

    async def set(self, asked: ProfileSet, payload: Payload) -> Reply:
        """Keep a profile. One of a transaction needs a transaction of this station that runs."""
        profile = asked.profile
        station = profile.evse.station
        numbers = self._rooms.facts.evses(station)
        if profile.evse.evse != 0 and profile.evse.evse not in numbers:
            return Refuse(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"there is no connector {profile.evse.evse}")
        if profile.purpose is ProfilePurpose.STATION_MAX and profile.evse.evse != 0:
            return Refuse(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "a station maximum goes on connector 0")
        if profile.purpose is ProfilePurpose.TX:
            transaction = await self._transaction(station, profile.evse, asked.uplink_transaction_id)
            if transaction is None:
                return central_encode.negative("SetChargingProfile") or {}
            profile = replace(profile, transaction=transaction)
        if len(self._of(station)) >= MOST_PROFILES and not any(k.profile.id == profile.id for k in self._of(station)):
            return central_encode.negative("SetChargingProfile") or {}
        await self._keep(station, _Kept(profile, payload))
        return central_encode.accepted()

    async def clear(self, station: StationId, asked: ProfilesCleared) -> Reply:
        """Forget what fits the filter; the station's own fallback is never among it."""
        kept = self._of(station)
        left = [k for k in kept if not asked.matches(k.profile)]
        if len(left) == len(kept):
            return central_encode.negative("ClearChargingProfile") or {}
        await self._store(station, left)
        return central_encode.accepted()

    def expect(self, evse: EvseId, asked: ProfileSet, payload: Payload) -> None:
        """A remote start brought a profile: it holds for the next transaction of this EVSE."""
        self._expected[evse] = _Kept(replace(asked.profile, evse=evse), payload)

    async def _transaction(
        self, station: StationId, evse: EvseId, uplink_transaction_id: str | None
    ) -> TransactionId | None:
        """The running transaction that the central means: by its id, or the only one where it names none."""
        if uplink_transaction_id is not None:
            mapped = await self._rooms.outbox.transaction_of(self.uplink, station, uplink_transaction_id)
            return mapped.transaction if mapped is not None and mapped.running else None
        running = self._running.get(evse)
        return running.transaction if running is not None else None

    # --- what happens on the site ---

    def hear(self, event: events.TransactionStarted | events.TransactionEnded) -> None:
        """A profile of a transaction begins with it and dies with it."""
        station = event.evse.station
        if isinstance(event, events.TransactionStarted):
            self._running[event.evse] = Charging(event.transaction, self._clock.wall())
            expected = self._expected.pop(event.evse, None)
            if expected is not None:
                profile = replace(expected.profile, transaction=event.transaction)
                self._rooms.spawn(self._keep(station, _Kept(profile, expected.payload)), f"profile {event.evse}")
        else:
            self._running.pop(event.evse, None)
            left = [k for k in self._of(station) if k.profile.transaction != event.transaction]
            if len(left) != len(self._of(station)):
                self._rooms.spawn(self._store(station, left), f"profiles {station}")
        self._apply(station)

    def refresh(self) -> None:
        """Time passed: periods begin and end."""
        for station in [*self._standing]:
            self._apply(station)

    def restore(self, station: StationId) -> None:
        """Bring back what the disk remembers of a station."""
        self._of(station)
        self._apply(station)

    # --- inside ---

    def _of(self, station: StationId) -> list[_Kept]:
        kept = self._kept.get(station)
        if kept is None:
            stored = self._rooms.virtual.profiles(self.uplink, station)
            read = (_read(payload, station, self.nominal_voltage_v) for payload in stored)
            kept = self._kept[station] = [k for k in read if k is not None]
        return kept

    async def _keep(self, station: StationId, new: _Kept) -> None:
        """A profile replaces the one with its id, and the one with its purpose, EVSE and stack level."""
        left = [k for k in self._of(station) if not _replaces(new.profile, k.profile)]
        await self._store(station, [*left, new])

    async def _store(self, station: StationId, kept: list[_Kept]) -> None:
        await self._rooms.virtual.set_profiles(self.uplink, station, [_stored(k) for k in kept])
        self._kept[station] = kept
        self._apply(station)

    def _apply(self, station: StationId) -> None:
        """Tell the site what holds now, and what no longer does."""
        wall, now = self._clock.wall(), self._clock.monotonic()
        evses = (EvseId(station, number) for number in self._rooms.facts.evses(station))
        charging = {evse: self._running.get(evse) for evse in evses}
        profiles = [k.profile for k in self._of(station)]
        ceilings = {c.key: c for c in compose(profiles, self.uplink, station, charging, wall, now)}
        standing = self._standing.get(station, {})
        for key in standing.keys() - ceilings.keys():
            self._rooms.inbox.post(events.CeilingCleared(key, now))
        for key, ceiling in ceilings.items():
            held = standing.get(key)
            if held is None or (held.ceiling_a, held.evse) != (ceiling.ceiling_a, ceiling.evse):
                lasting = replace(ceiling, expires_at=None)  # it ends when it is recomputed, not by itself
                self._rooms.inbox.post(events.CeilingSet(lasting, now))
        if ceilings or profiles:
            self._standing[station] = ceilings
        else:
            self._standing.pop(station, None)


def _replaces(new: ChargingProfile, old: ChargingProfile) -> bool:
    if new.id == old.id:
        return True
    same_place = (new.purpose, new.evse, new.stack_level) == (old.purpose, old.evse, old.stack_level)
    return same_place and new.transaction == old.transaction


def _stored(kept: _Kept) -> Payload:
    return {
        "payload": kept.payload,
        "received": format_utc(kept.profile.received),
        "evse": kept.profile.evse.evse,
        "transaction": kept.profile.transaction,
    }


def _read(stored: Payload, station: StationId, nominal_voltage_v: float) -> _Kept | None:
    received = _moment(stored.get("received"))
    payload = stored.get("payload")
    if received is None or not isinstance(payload, dict):
        return None
    read = charging_profiles.profile_set(payload, station, received, nominal_voltage_v)
    if not isinstance(read, ProfileSet):
        return None
    transaction = stored.get("transaction")
    evse = EvseId(station, int(stored.get("evse", 0)))
    own = TransactionId(transaction) if isinstance(transaction, str) else None
    return _Kept(replace(read.profile, evse=evse, transaction=own), payload)


def _moment(text: object) -> datetime | None:
    read = parse_timestamp(text) if isinstance(text, str) else None
    return read[0] if read is not None else None
