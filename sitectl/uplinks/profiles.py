"""Charging profiles of one central: kept as it sent them, composed into Ceilings, never passed through.

The site is the one writer of limits. A profile that was accepted is honoured as an upper bound, also while the central
is away and over restarts, until its own end (OCPP 2.0.1 K06: a station does the same).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.units import format_utc, parse_timestamp
from sitectl.model import events
from sitectl.model.ids import EvseId, StationId, TransactionId, UplinkId
from sitectl.model.limits import Ceiling
from sitectl.model.schedule import ChargingProfile, ProfilePurpose
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16 import central_encode, charging_profiles
from sitectl.ocpp.v16.charging_profiles import ProfilesCleared, ProfileSet
from sitectl.ocpp.v16.virtual_keys import HIGHEST_STACK, MOST_PERIODS, MOST_PROFILES
from sitectl.ocpp.versions import ErrorCode
from sitectl.planner.ceilings import Charging, compose
from sitectl.planner.schedule import is_over
from sitectl.uplinks.ports import Rooms
from sitectl.wire.outcomes import Refuse, Reply

log = logging.getLogger(__name__)

RECHECK_S = 60.0
"""Profiles are composed anew when a period ends, and this often in any case: the wall clock may have jumped."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A profile, and the payload that it came in."""

    profile: ChargingProfile
    payload: Payload


@dataclass(frozen=True, slots=True)
class _Expected:
    """A profile that came with a remote start: it is for the transaction of that token, if that begins in time."""

    kept: _Kept
    id_token: str
    until: float


class Profiles:
    """The profiles of one uplink for all its stations."""

    def __init__(self, uplink: UplinkId, rooms: Rooms, clock: Clock, nominal_voltage_v: float) -> None:
        self.uplink = uplink
        self.nominal_voltage_v = nominal_voltage_v
        self._rooms = rooms
        self._clock = clock
        self._kept: dict[StationId, list[_Kept]] = {}
        self._running: dict[EvseId, Charging] = {}
        self._expected: dict[EvseId, _Expected] = {}
        self._paused: dict[EvseId, TransactionId] = {}
        self._standing: dict[StationId, dict[str, Ceiling]] = {}
        self._due: dict[StationId, float] = {}

    # --- what the central asks ----------------------------------------------------------------------------------------

    async def set(self, asked: ProfileSet, payload: Payload) -> Reply:
        """Keep a profile. One of a transaction needs a transaction of this station that runs on its EVSE."""
        profile = asked.profile
        station = profile.evse.station
        if profile.evse.evse != 0 and profile.evse.evse not in self._rooms.facts.evses(station):
            return Refuse(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"there is no connector {profile.evse.evse}")
        if not self._obeyed(profile.evse):
            return central_encode.not_supported("SetChargingProfile")
        if not self.takes(profile):
            return central_encode.negative("SetChargingProfile") or {}
        if profile.purpose is ProfilePurpose.TX:
            transaction = await self._transaction(profile.evse, asked.uplink_transaction_id)
            if transaction is None:
                return central_encode.negative("SetChargingProfile") or {}
            profile = replace(profile, transaction=transaction)
        if not await self._add(station, _Kept(profile, payload)):
            return central_encode.negative("SetChargingProfile") or {}
        return central_encode.accepted()

    async def clear(self, station: StationId, asked: ProfilesCleared) -> Reply:
        """Forget what fits the filter; the station's own fallback is never among it."""
        kept = self._of(station)
        left = [k for k in kept if not asked.matches(k.profile)]
        if len(left) == len(kept) or not await self._replace(station, left):
            return central_encode.negative("ClearChargingProfile") or {}
        return central_encode.accepted()

    def takes(self, profile: ChargingProfile) -> bool:
        """Whether it is within what a virtual station offers, and can ever hold."""
        fits = profile.stack_level <= HIGHEST_STACK and len(profile.schedule.periods) <= MOST_PERIODS
        return fits and not is_over(profile, self._clock.wall())

    def _obeyed(self, evse: EvseId) -> bool:
        """False where the station refuses every limit: accepting one more would promise what nobody can keep."""
        standing = self._rooms.site.standing(evse.station, self.uplink)
        limits = {} if standing is None else standing.evses
        return all(limit.obedient for id, limit in limits.items() if evse.evse in (0, id.evse))

    def expect(self, evse: EvseId, asked: ProfileSet, payload: Payload, id_token: str, within_s: float) -> None:
        """A remote start brings a profile: it holds for the transaction of this token on this EVSE."""
        kept = _Kept(replace(asked.profile, evse=evse), {"connectorId": evse.evse, "csChargingProfiles": payload})
        self._expected[evse] = _Expected(kept, id_token, self._clock.monotonic() + within_s)

    def expect_no_more(self, evse: EvseId) -> None:
        """The remote start was not taken."""
        self._expected.pop(evse, None)

    async def _transaction(self, evse: EvseId, uplink_transaction_id: str | None) -> TransactionId | None:
        """The running transaction that the central means: by its id, or the one of the EVSE where it names none.

        Zero and negative ids name none either (errata of 1.6, 3.18).
        """
        if uplink_transaction_id is None or int(uplink_transaction_id) <= 0:
            running = self._running.get(evse)
            return running.transaction if running is not None else None
        mapped = await self._rooms.outbox.transaction_of(self.uplink, evse.station, uplink_transaction_id)
        return mapped.transaction if mapped is not None and mapped.running and mapped.evse == evse else None

    def of(self, station: StationId) -> Sequence[ChargingProfile]:
        """The profiles that it has set for a station."""
        return [k.profile for k in self._of(station)]

    def charging(self, evse: EvseId) -> Charging | None:
        """The transaction that its profiles follow."""
        return self._running.get(evse)

    # --- what happens on the site -------------------------------------------------------------------------------------

    def hear(self, event: events.TransactionStarted | events.TransactionEnded) -> None:
        """A profile of a transaction begins with it and dies with it."""
        if isinstance(event, events.TransactionStarted):
            self._began(event)
        else:
            self._ended(event)
        self._apply(event.evse.station)

    def _began(self, event: events.TransactionStarted) -> None:
        began = event.started if event.started is not None else self._clock.wall()
        self._running[event.evse] = Charging(event.transaction, began)
        expected = self._expected.pop(event.evse, None)
        if expected is None or expected.id_token != event.id_token or self._clock.monotonic() > expected.until:
            return
        kept = _Kept(replace(expected.kept.profile, transaction=event.transaction), expected.kept.payload)
        self._rooms.spawn(self._add(event.evse.station, kept), f"profile of {event.evse}")

    def _ended(self, event: events.TransactionEnded) -> None:
        running = self._running.get(event.evse)
        if running is not None and running.transaction == event.transaction:
            del self._running[event.evse]
        self.resume(event.evse, event.transaction)
        kept = self._of(event.evse.station)
        left = [k for k in kept if k.profile.transaction != event.transaction]
        if len(left) != len(kept):
            self._rooms.spawn(self._replace(event.evse.station, left), f"profiles of {event.evse}")

    def pause(self, evse: EvseId, transaction: TransactionId) -> None:
        """Give a transaction no more energy until it ends."""
        self._paused[evse] = transaction
        ceiling = Ceiling(self._pause_key(evse), self.uplink, 0.0, evse, text=f"{self.uplink} refuses the token")
        self._rooms.inbox.post(events.CeilingSet(ceiling, self._clock.monotonic()))

    def resume(self, evse: EvseId, transaction: TransactionId) -> None:
        """Let a transaction have energy again, or it is over."""
        if self._paused.get(evse) == transaction:
            del self._paused[evse]
            self._rooms.inbox.post(events.CeilingCleared(self._pause_key(evse), self._clock.monotonic()))

    def _pause_key(self, evse: EvseId) -> str:
        return f"{self.uplink}/refused/{evse}"

    def refresh(self) -> None:
        """Time passed: periods begin and end."""
        now = self._clock.monotonic()
        for station in [station for station, due_at in self._due.items() if due_at <= now]:
            self._apply(station)

    def recompose(self) -> None:
        """The wall clock has jumped."""
        for station in [*self._due]:
            self._apply(station)

    def restore(self) -> None:
        """Bring back what the disk remembers."""
        for station in self._rooms.virtual.profiled(self.uplink):
            kept = self._of(station)
            left = [k for k in kept if self._lives(k.profile)]
            if len(left) != len(kept):  # a transaction ended, and we did so before it was written
                self._kept[station] = left
            self._apply(station)

    def withdraw(self) -> None:
        """This central has no say any more: what it asked for bounds nothing."""
        now = self._clock.monotonic()
        keys = [key for standing in self._standing.values() for key in standing]
        keys += [self._pause_key(evse) for evse in self._paused]
        for key in keys:
            self._rooms.inbox.post(events.CeilingCleared(key, now))
        self._standing.clear()
        self._paused.clear()
        self._due.clear()

    def _lives(self, profile: ChargingProfile) -> bool:
        own = profile.transaction
        return own is None or self._rooms.facts.running_transaction(profile.evse.station, own) is not None

    # --- inside -------------------------------------------------------------------------------------------------------

    def _of(self, station: StationId) -> list[_Kept]:
        kept = self._kept.get(station)
        if kept is None:
            stored = self._rooms.virtual.profiles(self.uplink, station)
            read = (_read(payload, station, self.nominal_voltage_v) for payload in stored)
            kept = self._kept[station] = [k for k in read if k is not None]
        return kept

    async def _add(self, station: StationId, new: _Kept) -> bool:
        """A profile replaces the one with its id, and the one with its purpose, EVSE, stack level and transaction.

        Where there is no place left, those that can never hold again make some.
        """
        left = [k for k in self._of(station) if not _replaces(new.profile, k.profile)]
        if len(left) >= MOST_PROFILES:
            left = [k for k in left if not is_over(k.profile, self._clock.wall())]
        return len(left) < MOST_PROFILES and await self._replace(station, [*left, new])

    async def _replace(self, station: StationId, kept: Sequence[_Kept]) -> bool:
        """In force at once, because others may come before the disk has it; False and undone if the disk has it not."""
        before, now = self._of(station), [*kept]
        self._kept[station] = now
        self._apply(station)
        try:
            await self._rooms.virtual.set_profiles(self.uplink, station, [_stored(k) for k in now])
        except EnvironmentFault as fault:
            log.warning("%s/%s: charging profiles are not on disk: %s", self.uplink, station, fault)
            if self._kept[station] is now:
                self._kept[station] = before
                self._apply(station)
            return False
        return True

    def _apply(self, station: StationId) -> None:
        """Tell the site what holds now, and what no longer does."""
        profiles = [k.profile for k in self._of(station)]
        if not profiles and station not in self._standing:
            return
        wall, now = self._clock.wall(), self._clock.monotonic()
        evses = (EvseId(station, number) for number in self._rooms.facts.evses(station))
        charging = {evse: self._running.get(evse) for evse in evses}
        composed = compose(profiles, self.uplink, station, charging, wall, now)
        ceilings = {c.key: c for c in composed.ceilings}
        standing = self._standing.get(station, {})
        for key in standing.keys() - ceilings.keys():
            self._rooms.inbox.post(events.CeilingCleared(key, now))
        for key, ceiling in ceilings.items():
            if key not in standing or standing[key].ceiling_a != ceiling.ceiling_a:
                lasting = replace(ceiling, expires_at=None)  # it ends when it is composed anew, not by itself
                self._rooms.inbox.post(events.CeilingSet(lasting, now))
        if not profiles:
            self._standing.pop(station, None)
            self._due.pop(station, None)
            return
        self._standing[station] = ceilings
        changes_at = composed.changes_at
        self._due[station] = min(now + RECHECK_S, now + RECHECK_S if changes_at is None else changes_at)


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
