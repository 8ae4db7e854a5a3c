"""What one charging profile allows at a moment, and until when.

Rules: OCPP 1.6 section 3.13 with its errata, the same as OCPP 2.0.1 K01. An absolute schedule counts from its own start
(a station maximum that names none, from its receipt), a recurring one from its newest recurrence, a relative one from
the start of the transaction. `duration` and `validTo` end it; then the next lower stack level applies.

While no transaction runs, what counts from its start allows what it would allow at the start: that is what an EVSE may
begin with.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sitectl.model.schedule import ChargingProfile, ProfileKind, ProfilePurpose, Recurrency

NEVER = datetime.max.replace(tzinfo=UTC)
"""The last moment that there is."""

PERIODS = {Recurrency.DAILY: timedelta(days=1), Recurrency.WEEKLY: timedelta(days=7)}


@dataclass(frozen=True, slots=True)
class Allowed:
    """At most `limit_a` per phase (None: no limit by this), unchanged until `until` (None: for good)."""

    limit_a: float | None
    until: datetime | None = None


def allowed(profile: ChargingProfile, now: datetime, began: datetime | None) -> Allowed:
    """What the profile allows now. `began`: when the transaction began, None while there is none."""
    if profile.valid_from is not None and now < profile.valid_from:
        return Allowed(None, profile.valid_from)
    if profile.valid_to is not None and now >= profile.valid_to:
        return Allowed(None)
    start = _start(profile, now, began)
    if start is None:
        return Allowed(_in_schedule(profile, now, now).limit_a, profile.valid_to)
    if now < start:
        return Allowed(None, _earlier(start, profile.valid_to))
    return _in_schedule(profile, now, start)


def is_over(profile: ChargingProfile, now: datetime) -> bool:
    """Whether it can never hold again, whatever runs."""
    schedule = profile.schedule
    if profile.valid_to is not None and (now >= profile.valid_to or profile.valid_to <= (profile.valid_from or now)):
        return True
    if profile.kind is not ProfileKind.ABSOLUTE or schedule.start is None or schedule.duration_s is None:
        return False
    return now >= later(schedule.start, schedule.duration_s)


def later(moment: datetime, seconds: float) -> datetime:
    """So many seconds after a moment. Centrals write durations that lead beyond all calendars: then it is never."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return NEVER


def _start(profile: ChargingProfile, now: datetime, began: datetime | None) -> datetime | None:
    """What the offsets count from; None: from the start of a transaction that is yet to come."""
    start = profile.schedule.start
    if start is None and (profile.kind is ProfileKind.RECURRING or profile.purpose is ProfilePurpose.STATION_MAX):
        start = profile.received
    if profile.kind is ProfileKind.RELATIVE:
        return profile.received if profile.purpose is ProfilePurpose.STATION_MAX else began
    if start is None:
        return began
    if profile.kind is ProfileKind.RECURRING and profile.recurrency is not None and start <= now:
        period = PERIODS[profile.recurrency]
        return start + period * ((now - start) // period)
    return start


def _in_schedule(profile: ChargingProfile, now: datetime, start: datetime) -> Allowed:
    schedule = profile.schedule
    ends = None if schedule.duration_s is None else later(start, schedule.duration_s)
    anew = None
    if profile.kind is ProfileKind.RECURRING and profile.recurrency is not None:
        anew = start + PERIODS[profile.recurrency]
    if ends is not None and now >= ends:
        return Allowed(None, _earlier(anew, profile.valid_to))
    elapsed_s = (now - start).total_seconds()
    limit_a = None
    changes = _earlier(ends, anew, profile.valid_to)
    for period in schedule.periods:
        if period.start_s <= elapsed_s:
            limit_a = period.limit_a
        else:
            return Allowed(limit_a, _earlier(later(start, period.start_s), changes))
    return Allowed(limit_a, changes)


def _earlier(*moments: datetime | None) -> datetime | None:
    return min((moment for moment in moments if moment is not None), default=None)
