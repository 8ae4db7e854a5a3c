"""Charging profiles of OCPP 1.6 (section 3.13): the two that we install in stations, and those that a central sets.

Ours: a TxDefaultProfile at stack 0 that never ends (what the EVSE may draw when nobody tells it anything), and over it
a TxProfile with a finite duration on the running transaction. When we fall silent the second ends and the first holds.

A central's become `ChargingProfile` values in ampere per phase; they are never passed on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sitectl.base.units import amperes, floor_step, format_utc, watts
from sitectl.model.commands import InstallFallback, OfferLimit
from sitectl.model.ids import EvseId, StationId
from sitectl.model.ladder import STATION_WIDE, LadderStep
from sitectl.model.schedule import (
    ChargingProfile,
    ChargingSchedule,
    ProfileKind,
    ProfilePurpose,
    Recurrency,
    SchedulePeriod,
)
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16.fields import Fields
from sitectl.ocpp.versions import ErrorCode

HIGHEST_STACK = 8
"""Stations report maxima up to 2^31 and then reject them; nobody needs more layers."""

ALWAYS = "2000-01-01T00:00:00Z"
"""Start of the fallback: before any time that a station's clock shows, even one that lost its battery. Without a start
some stations refuse an Absolute profile, and some refuse Relative ones."""


@dataclass(frozen=True, slots=True)
class ProfileStyle:
    """How a station wants its profiles. `max_stack` is its ChargeProfileMaxStackLevel.

    In watt the station divides by the phases that it assumes. `phases` is what is sent as numberPhases and multiplied
    with; 1 until the phases in use are measured, for all the watts may end up on one phase.
    """

    max_stack: int = HIGHEST_STACK
    watts: bool = False
    phases: int = 1
    nominal_voltage_v: float = 230.0


AMPERES = ProfileStyle()


_STEP_PURPOSES = {
    LadderStep.TX_PROFILE: "TxProfile",
    LadderStep.TX_DEFAULT: "TxDefaultProfile",
    LadderStep.TX_DEFAULT_STATION: "TxDefaultProfile",
    LadderStep.CHARGE_POINT_MAX: "ChargePointMaxProfile",
}


def dynamic(command: OfferLimit, style: ProfileStyle = AMPERES) -> Payload:
    """SetChargingProfile for the limit of the running transaction. `lifetime_s` counts from `begins`.

    One in the fallback's own place has no end: nothing would lie below it.
    """
    form, evse = command.form, command.offer.evse.evse
    schedule = _rate(command, style)
    if not form.replaces_fallback:
        schedule["duration"] = command.lifetime_s
    if not form.relative:
        schedule["startSchedule"] = format_utc(command.begins)
    profile = {
        "chargingProfileId": _profile_id(evse, is_dynamic=True),
        "stackLevel": 0 if form.lowest else max(1, min(style.max_stack, HIGHEST_STACK)),
        "chargingProfilePurpose": _STEP_PURPOSES[form.step],
        "chargingProfileKind": "Relative" if form.relative else "Absolute",
        "chargingSchedule": schedule,
    }
    if form.step is LadderStep.TX_PROFILE:
        profile["transactionId"] = command.station_transaction_id
    return {"connectorId": 0 if form.step in STATION_WIDE else evse, "csChargingProfiles": profile}


def fallback(command: InstallFallback, style: ProfileStyle = AMPERES) -> Payload:
    """SetChargingProfile for what an EVSE may draw when nobody tells it anything; without an end."""
    form, evse = command.form, command.offer.evse.evse
    place = form.fallback_place
    schedule = _rate(command, style)
    if not form.relative:
        schedule["startSchedule"] = ALWAYS
    profile = {
        "chargingProfileId": _profile_id(evse, is_dynamic=form.replaces_fallback),
        "stackLevel": 0,
        "chargingProfilePurpose": _STEP_PURPOSES[place],
        "chargingProfileKind": "Relative" if form.relative else "Absolute",
        "chargingSchedule": schedule,
    }
    return {"connectorId": 0 if place in STATION_WIDE else evse, "csChargingProfiles": profile}


def without_defaults() -> Payload:
    """ClearChargingProfile for all TxDefaultProfiles. Not by id: what has taken their place may bear the same."""
    return {"chargingProfilePurpose": "TxDefaultProfile"}


def _profile_id(evse: int, is_dynamic: bool) -> int:
    """One id for each of the two profiles of an EVSE, always the same, so that a new one replaces the old one."""
    return 2 * evse + (2 if is_dynamic else 1)


def _rate(command: OfferLimit | InstallFallback, style: ProfileStyle) -> Payload:
    """Unit and the one period. Rounded down to a tenth: strict parsers refuse more digits, and up would be too much.

    A DC station is told watts whatever it says that it allows: its amperes would be those of the vehicle's side.
    """
    limit_a = command.offer.limit_a
    if command.limit_w is not None:
        period = {"startPeriod": 0, "limit": floor_step(command.limit_w)}
        return {"chargingRateUnit": "W", "chargingSchedulePeriod": [period]}
    if not (style.watts or command.form.watts):
        period = {"startPeriod": 0, "limit": floor_step(limit_a)}
        if command.offer.phases is not None:
            period["numberPhases"] = command.offer.phases
        return {"chargingRateUnit": "A", "chargingSchedulePeriod": [period]}
    phases = style.phases if command.offer.phases is None else command.offer.phases
    limit_w = watts(floor_step(limit_a), style.nominal_voltage_v, phases)
    period = {"startPeriod": 0, "limit": floor_step(limit_w), "numberPhases": phases}
    return {"chargingRateUnit": "W", "chargingSchedulePeriod": [period]}


# --- what a central sets ---


@dataclass(frozen=True, slots=True)
class ProfileSet:
    """A SetChargingProfile. `uplink_transaction_id` is what the central calls the transaction of a TxProfile.

    The profile has no transaction yet: the caller resolves the central's id and puts our own there.
    """

    profile: ChargingProfile
    uplink_transaction_id: str | None = None


@dataclass(frozen=True, slots=True)
class ProfilesCleared:
    """A ClearChargingProfile. All fields None: everything."""

    id: int | None = None
    evse: int | None = None
    purpose: ProfilePurpose | None = None
    stack_level: int | None = None

    def matches(self, profile: ChargingProfile) -> bool:
        """Whether it clears this profile. By erratum 3.26 an id voids all other fields, and several must all fit."""
        if self.id is not None:
            return profile.id == self.id
        return (
            (self.evse is None or profile.evse.evse == self.evse)
            and (self.purpose is None or profile.purpose is self.purpose)
            and (self.stack_level is None or profile.stack_level == self.stack_level)
        )


@dataclass(frozen=True, slots=True)
class Invalid:
    """A call that cannot be understood; the central is owed a CALLERROR with this code."""

    code: ErrorCode
    description: str


class _Purpose(StrEnum):
    STATION_MAX = "ChargePointMaxProfile"
    TX_DEFAULT = "TxDefaultProfile"
    TX = "TxProfile"


class _RateUnit(StrEnum):
    AMPERE = "A"
    WATT = "W"


_PURPOSES = {
    _Purpose.STATION_MAX: ProfilePurpose.STATION_MAX,
    _Purpose.TX_DEFAULT: ProfilePurpose.TX_DEFAULT,
    _Purpose.TX: ProfilePurpose.TX,
}


def profile_set(
    payload: Payload, station: StationId, received: datetime, nominal_voltage_v: float = 230.0
) -> ProfileSet | Invalid:
    """Read a SetChargingProfile of a central. Whether connector and transaction exist is for the caller to say."""
    fields = Fields(payload)
    evse = fields.integer("connectorId", required=True)
    part = fields.part("csChargingProfiles", required=True)
    if evse is None or evse < 0 or part is None:
        return Invalid(ErrorCode.FORMAT_VIOLATION, _first(fields) or "connectorId is negative")
    return profile(part, EvseId(station, evse), received, nominal_voltage_v)


def profile(fields: Fields, evse: EvseId, received: datetime, nominal_voltage_v: float = 230.0) -> ProfileSet | Invalid:
    """Read a ChargingProfile object (also the one that may come with a RemoteStartTransaction)."""
    purpose = _word(fields, "chargingProfilePurpose", _Purpose)
    kind = _word(fields, "chargingProfileKind", ProfileKind)
    recurrency = _word(fields, "recurrencyKind", Recurrency)
    profile_id = fields.integer("chargingProfileId", required=True)
    stack = fields.integer("stackLevel", required=True)
    part = fields.part("chargingSchedule", required=True)
    if purpose is None or kind is None or profile_id is None or stack is None or stack < 0 or part is None:
        return Invalid(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, _first(fields) or "stackLevel is negative")
    if kind is ProfileKind.RECURRING and recurrency is None:
        return Invalid(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "a recurring profile needs a recurrencyKind")
    if purpose is _Purpose.STATION_MAX and evse.evse != 0:
        return Invalid(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "ChargePointMaxProfile is for connector 0")
    if purpose is _Purpose.TX and evse.evse == 0:
        return Invalid(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "TxProfile is not for connector 0")
    schedule = _schedule(part, kind, nominal_voltage_v)
    if isinstance(schedule, Invalid):
        return schedule
    transaction = fields.integer("transactionId")
    valid_from, valid_to = fields.moment("validFrom"), fields.moment("validTo")
    if fields.unread(transactionId=transaction, validFrom=valid_from, validTo=valid_to):
        return Invalid(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, _first(fields))
    value = ChargingProfile(
        id=profile_id,
        evse=evse,
        stack_level=stack,
        purpose=_PURPOSES[purpose],
        kind=kind,
        schedule=schedule,
        received=received,
        recurrency=recurrency,
        valid_from=valid_from[0] if valid_from else None,
        valid_to=valid_to[0] if valid_to else None,
    )
    named = transaction is not None and purpose is _Purpose.TX
    return ProfileSet(value, str(transaction) if named else None)


def _schedule(fields: Fields, kind: ProfileKind, nominal_voltage_v: float) -> ChargingSchedule | Invalid:
    unit = _word(fields, "chargingRateUnit", _RateUnit)
    parts = fields.parts("chargingSchedulePeriod", required=True)
    if unit is None or not parts:
        return Invalid(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, _first(fields) or "a schedule needs a period")
    periods: list[SchedulePeriod] = []
    for part in parts:
        start_s, limit = part.integer("startPeriod", required=True), part.number("limit", required=True)
        if start_s is None or limit is None or start_s < 0:
            return Invalid(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, _first(fields) or "startPeriod is negative")
        if unit is _RateUnit.WATT:
            # Errata 3.34 and 3.69: nominal voltage, and three phases unless the period says otherwise.
            phases = part.integer("numberPhases")
            limit = amperes(limit, nominal_voltage_v, phases if phases in (1, 2, 3) else 3)
        periods.append(SchedulePeriod(start_s, max(0.0, floor_step(limit))))
    periods.sort(key=lambda period: period.start_s)
    moment = fields.moment("startSchedule")
    start = None if kind is ProfileKind.RELATIVE or moment is None else moment[0]
    duration_s = fields.integer("duration")
    if fields.unread(startSchedule=moment, duration=duration_s):
        return Invalid(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, _first(fields))
    return ChargingSchedule(tuple(periods), start, None if duration_s is None else max(0, duration_s))


def profiles_cleared(payload: Payload) -> ProfilesCleared | Invalid:
    """Read a ClearChargingProfile of a central. A filter that cannot be read must not become "everything"."""
    fields = Fields(payload)
    purpose = _word(fields, "chargingProfilePurpose", _Purpose)
    cleared = ProfilesCleared(
        id=fields.integer("id"),
        evse=fields.integer("connectorId"),
        purpose=_PURPOSES[purpose] if purpose else None,
        stack_level=fields.integer("stackLevel"),
    )
    if fields.unread(
        id=cleared.id,
        connectorId=cleared.evse,
        chargingProfilePurpose=cleared.purpose,
        stackLevel=cleared.stack_level,
    ):
        return Invalid(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, _first(fields))
    return cleared


def _word(fields: Fields, key: str, words: type[Any]) -> Any:
    """A word of an enumeration, None when it is missing or none of it."""
    text = fields.text(key)
    if text is None:
        return None
    for word in words:
        if word.value.lower() == text.lower():
            return word
    fields.deviate(key, "enum", f"{key} has no value {text}")
    return None


def _first(fields: Fields) -> str:
    return fields.wrong[0].message if fields.wrong else ""
