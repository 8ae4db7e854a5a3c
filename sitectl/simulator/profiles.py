"""How a station obeys the charging profiles of OCPP 1.6 (edition 2, section 3.13, with errata 3.7, 3.8, 3.26, 3.69).

Pure: a store of profiles and the question "what may this connector draw now", with the moment handed in as an aware
datetime. Limits come out in ampere per phase; `None` means that no profile says anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sitectl.base.units import parse_timestamp

NOMINAL_V = 230.0
PURPOSES = ("ChargePointMaxProfile", "TxDefaultProfile", "TxProfile")
PERIODS = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}


@dataclass(frozen=True)
class Period:
    start_s: float
    limit: float
    phases: int


@dataclass(frozen=True)
class Profile:
    """One csChargingProfiles of the wire, read; raises KeyError, TypeError or ValueError on what is none."""

    id: int
    stack_level: int
    purpose: str
    kind: str
    transaction_id: int | None
    recurrency: timedelta | None
    valid_from: datetime | None
    valid_to: datetime | None
    start_schedule: datetime | None
    duration_s: float | None
    in_watts: bool
    periods: tuple[Period, ...]

    @classmethod
    def read(cls, raw: Mapping[str, Any]) -> Profile:
        schedule = raw["chargingSchedule"]
        purpose, kind, unit = raw["chargingProfilePurpose"], raw["chargingProfileKind"], schedule["chargingRateUnit"]
        if purpose not in PURPOSES or kind not in ("Absolute", "Recurring", "Relative") or unit not in ("A", "W"):
            raise ValueError("not a word of OCPP 1.6")
        periods = tuple(
            Period(float(p["startPeriod"]), float(p["limit"]), int(p.get("numberPhases", 3)))
            for p in schedule["chargingSchedulePeriod"]
        )
        if not periods or periods[0].start_s != 0 or any(p.limit < 0 for p in periods):
            raise ValueError("the first period starts at 0 and no limit is negative")
        return cls(
            id=int(raw["chargingProfileId"]),
            stack_level=int(raw["stackLevel"]),
            purpose=purpose,
            kind=kind,
            transaction_id=raw.get("transactionId"),
            recurrency=PERIODS[raw["recurrencyKind"]] if kind == "Recurring" else None,
            valid_from=_moment(raw.get("validFrom")),
            valid_to=_moment(raw.get("validTo")),
            start_schedule=_moment(schedule.get("startSchedule")),
            duration_s=schedule.get("duration"),
            in_watts=unit == "W",
            periods=periods,
        )

    def limit_a(self, now: datetime, started: datetime) -> float | None:
        """The limit at `now`; `started` anchors what is relative: the transaction's start, or when the profile came."""
        if (self.valid_from and now < self.valid_from) or (self.valid_to and now >= self.valid_to):
            return None
        elapsed_s = (now - self._begin(now, started)).total_seconds()
        if elapsed_s < 0 or (self.duration_s is not None and elapsed_s >= self.duration_s):
            return None
        period = [p for p in self.periods if p.start_s <= elapsed_s][-1]
        return period.limit / (NOMINAL_V * period.phases) if self.in_watts else period.limit

    def changes(self, now: datetime, started: datetime) -> Iterator[datetime]:
        """Moments at which `limit_a` may change."""
        yield from (moment for moment in (self.valid_from, self.valid_to) if moment)
        begin = self._begin(now, started)
        for origin in (begin, begin + self.recurrency) if self.recurrency else (begin,):
            yield from (origin + timedelta(seconds=p.start_s) for p in self.periods)
            if self.duration_s is not None:
                yield origin + timedelta(seconds=self.duration_s)

    def _begin(self, now: datetime, started: datetime) -> datetime:
        if self.kind == "Relative" or self.start_schedule is None:
            return started
        if self.recurrency and now > self.start_schedule:
            return self.start_schedule + (now - self.start_schedule) // self.recurrency * self.recurrency
        return self.start_schedule


@dataclass(frozen=True)
class _Installed:
    connector: int
    profile: Profile
    since: datetime


class ProfileStore:
    """All profiles of one station."""

    def __init__(self) -> None:
        self._installed: list[_Installed] = []

    def __len__(self) -> int:
        return len(self._installed)

    def install(self, connector: int, profile: Profile, now: datetime) -> None:
        """Keep `profile`; it replaces one of equal id, or of equal purpose and stack level on the same connector."""

        def replaced(other: _Installed) -> bool:
            twin = (other.connector, other.profile.purpose, other.profile.stack_level)
            return other.profile.id == profile.id or twin == (connector, profile.purpose, profile.stack_level)

        self._installed = [other for other in self._installed if not replaced(other)]
        self._installed.append(_Installed(connector, profile, now))

    def clear(
        self, profile_id: int | None, connector: int | None, purpose: str | None, stack_level: int | None
    ) -> bool:
        """Remove what matches (an id voids the other fields, several fields are a conjunction); True when any did."""

        def matches(entry: _Installed) -> bool:
            if profile_id is not None:
                return entry.profile.id == profile_id
            return (
                connector in (None, entry.connector)
                and purpose in (None, entry.profile.purpose)
                and stack_level in (None, entry.profile.stack_level)
            )

        kept = [entry for entry in self._installed if not matches(entry)]
        removed, self._installed = len(kept) < len(self._installed), kept
        return removed

    def end_transaction(self, connector: int) -> None:
        """A TxProfile dies with its transaction."""
        self.clear(None, connector, "TxProfile", None)

    def limit_a(
        self, connector: int, now: datetime, transaction_started: datetime | None, sharing: int = 1
    ) -> float | None:
        """The lowest of the station's maximum (split among `sharing` active connectors) and the transaction's profile.

        Without a transaction the TxDefaultProfile tells what one could start with.
        """
        station = self._top("ChargePointMaxProfile", {0}, now, None)
        own = self._top("TxProfile", {connector}, now, transaction_started) if transaction_started else None
        if own is None:
            own = self._top("TxDefaultProfile", {0, connector}, now, transaction_started)
        limits = [limit for limit in (station / sharing if station is not None else None, own) if limit is not None]
        return min(limits) if limits else None

    def composite(
        self, connector: int, now: datetime, duration_s: int, transaction_started: datetime | None, default_a: float
    ) -> list[dict[str, Any]]:
        """chargingSchedulePeriod list in ampere from `now` on; connector 0 shows the station's maximum alone."""
        end = now + timedelta(seconds=duration_s)
        changes = {now}
        for entry in self._installed:
            if entry.connector in (0, connector):
                changes.update(entry.profile.changes(now, transaction_started or entry.since))
        periods: list[dict[str, Any]] = []
        for moment in sorted(change for change in changes if now <= change < end):
            limit = self._top("ChargePointMaxProfile", {0}, moment, None) if connector == 0 else None
            limit = limit if connector == 0 else self.limit_a(connector, moment, transaction_started)
            shown = round(min(default_a, limit) if limit is not None else default_a, 1)
            if not periods or periods[-1]["limit"] != shown:
                periods.append({"startPeriod": int((moment - now).total_seconds()), "limit": shown})
        return periods

    def _top(self, purpose: str, connectors: set[int], now: datetime, started: datetime | None) -> float | None:
        """The valid limit of the highest stack level; at equal levels the connector's own hides connector 0's."""
        valid = [
            (entry.profile.stack_level, entry.connector, limit)
            for entry in self._installed
            if entry.profile.purpose == purpose and entry.connector in connectors
            if (limit := entry.profile.limit_a(now, started or entry.since)) is not None
        ]
        return max(valid)[2] if valid else None


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    parsed = parse_timestamp(text)
    if parsed is None:
        raise ValueError(f"no timestamp: {text!r}")
    return parsed[0]
