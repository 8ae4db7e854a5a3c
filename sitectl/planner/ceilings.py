"""All charging profiles of one central for one station -> ceilings.

Purposes combine by the lowest: the station maximum bounds the station as a whole; an EVSE is bounded by the profile of
its transaction if one is valid, else by the default one. Inside one purpose the highest valid stack level wins, and of
two on the same level the one for the EVSE itself (OCPP 1.6, 3.13.2 to 3.13.4). No profile: no limit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.limits import Ceiling
from sitectl.model.schedule import ChargingProfile, ProfilePurpose
from sitectl.planner.schedule import Allowed, allowed


@dataclass(frozen=True, slots=True)
class Charging:
    """The transaction that runs on an EVSE, and when it began."""

    transaction: TransactionId
    began: datetime


@dataclass(frozen=True, slots=True)
class Composed:
    """The ceilings that hold now, and when (monotonic s, None: never) they have to be looked at again."""

    ceilings: tuple[Ceiling, ...]
    changes_at: float | None


def compose(
    profiles: Sequence[ChargingProfile],
    source: str,
    station: StationId,
    charging: Mapping[EvseId, Charging | None],
    wall: datetime,
    now: float,
) -> Composed:
    """The ceilings that hold now, each with its expiry at the next moment at which its profiles change.

    `charging`: every EVSE of the station with what runs on it. `wall` and `now` are the same moment on both clocks.
    """
    bounds = [(EvseId(station, 0), station_limit(profiles, station, wall))]
    bounds += [(evse, evse_limit(profiles, evse, running, wall)) for evse, running in charging.items()]
    ceilings: list[Ceiling] = []
    changes_at: float | None = None
    for evse, bound in bounds:
        expires_at = None if bound.until is None else now + (bound.until - wall).total_seconds()
        if expires_at is not None:
            changes_at = expires_at if changes_at is None else min(changes_at, expires_at)
        if bound.limit_a is not None:
            text = f"charging profile of {source}"
            ceilings.append(Ceiling(f"{source}/{evse}", source, bound.limit_a, evse, None, expires_at, text))
    return Composed(tuple(ceilings), changes_at)


def station_limit(profiles: Iterable[ChargingProfile], station: StationId, wall: datetime) -> Allowed:
    """What bounds the station as a whole."""
    station_max = (p for p in profiles if p.purpose is ProfilePurpose.STATION_MAX)
    return _best(station_max, wall, None, EvseId(station, 0))


def evse_limit(profiles: Iterable[ChargingProfile], evse: EvseId, running: Charging | None, wall: datetime) -> Allowed:
    """What bounds one EVSE beside the station maximum."""
    here = [p for p in profiles if p.evse.evse in (0, evse.evse)]
    began = running.began if running is not None else None
    if running is not None:
        of_transaction = [p for p in here if p.purpose is ProfilePurpose.TX and p.transaction == running.transaction]
        limit = _best(of_transaction, wall, began, evse)
        if limit.limit_a is not None:
            return limit
        default = _best((p for p in here if p.purpose is ProfilePurpose.TX_DEFAULT), wall, began, evse)
        return Allowed(default.limit_a, _earlier(default.until, limit.until))
    return _best((p for p in here if p.purpose is ProfilePurpose.TX_DEFAULT), wall, began, evse)


def _best(profiles: Iterable[ChargingProfile], wall: datetime, began: datetime | None, evse: EvseId) -> Allowed:
    """The highest valid stack level; `until` also heeds the higher ones that are not valid yet."""
    until: datetime | None = None
    ranked = sorted(profiles, key=lambda p: (-p.stack_level, p.evse.evse != evse.evse, p.id))
    for profile in ranked:
        here = allowed(profile, wall, began)
        until = _earlier(until, here.until)
        if here.limit_a is not None:
            return Allowed(here.limit_a, until)
    return Allowed(None, until)


def _earlier(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
