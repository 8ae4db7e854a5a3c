"""Sampled values: one list of strings, of which we read currents, active power, the energy register and the offer.

Stations label them in many ways (OCPP 1.6 section 7.33 and the field): L1-N for a current is L1; N is nobody's phase;
without a phase a current counts on every phase and a power or energy is the total; a missing measurand is the energy
register; an unknown unit costs the sample and never the message. Signed data is not looked into.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.metering import MeterSample
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16.fields import Decoded, Fields, as_number

REGISTER = "Energy.Active.Import.Register"

_QUANTITIES: dict[str, dict[str, float]] = {
    "Current.Import": {"": 1.0, "a": 1.0, "ma": 0.001},
    "Current.Offered": {"": 1.0, "a": 1.0, "ma": 0.001},
    "Power.Active.Import": {"": 1.0, "w": 1.0, "kw": 1000.0},
    REGISTER: {"": 1.0, "wh": 1.0, "kwh": 1000.0},
}
_PHASES = {"L1": 0, "L2": 1, "L3": 2, "L1-N": 0, "L2-N": 1, "L3-N": 2}
_WRITTEN_AS = {"a": "A", "ma": "mA", "w": "W", "kw": "kW", "wh": "Wh", "kwh": "kWh"}
_NOBODYS = ("N", "L1-L2", "L2-L3", "L3-L1")
_TOTAL = 3

_Values = list[float | None]
"""One quantity: a value a phase, and the total at index 3."""

_Place = tuple[str, int, float]
_COMMON: dict[tuple[str | None, str | None, str | None], _Place] = {
    (named, phase, _WRITTEN_AS.get(unit)): (measurand, place, scale)
    for measurand, units in _QUANTITIES.items()
    for named in ((measurand, None) if measurand == REGISTER else (measurand,))
    for phase, place in ((None, _TOTAL), *_PHASES.items())
    for unit, scale in units.items()
}
"""Places of what is written as the standard has it, by measurand, phase and unit: nearly everything."""

_UNREAD = frozenset(
    (
        "Current.Export",
        "Energy.Active.Export.Interval",
        "Energy.Active.Export.Register",
        "Energy.Active.Import.Interval",
        "Energy.Reactive.Export.Interval",
        "Energy.Reactive.Export.Register",
        "Energy.Reactive.Import.Interval",
        "Energy.Reactive.Import.Register",
        "Frequency",
        "Power.Active.Export",
        "Power.Factor",
        "Power.Offered",
        "Power.Reactive.Export",
        "Power.Reactive.Import",
        "RPM",
        "SoC",
        "Temperature",
        "Voltage",
    )
)
"""The other measurands of the standard: nobody here reads them."""

MEASURANDS = frozenset(_QUANTITIES) | _UNREAD
"""All that a station may be asked for."""


class MeterValues(NamedTuple):
    """A MeterValues call. The transaction id is what the station said, and may be 0, -1 or stale."""

    evse: int
    station_transaction_id: int | None
    samples: tuple[MeterSample, ...]


def meter_values(payload: Payload) -> Decoded[MeterValues]:
    """Read a MeterValues call."""
    fields = Fields(payload)
    evse = fields.integer("connectorId", required=True)
    transaction = fields.integer("transactionId")
    read = samples(fields, "meterValue")
    return fields.decoded(MeterValues(evse or 0, transaction, read))


def samples(fields: Fields, key: str, *, required: bool = True) -> tuple[MeterSample, ...]:
    """The samples in a list of meter values, in the order of arrival."""
    return tuple(_sample(part) for part in fields.parts(key, required=required))


def _sample(fields: Fields) -> MeterSample:
    moment = fields.moment("timestamp", required=True)
    values: dict[str, _Values] = {}
    context = ""
    signed = False
    # By hand and not field by field: this is the message that stations send most, with dozens of values.
    for n, sampled in enumerate(fields.items("sampledValue", required=True)):
        if not isinstance(sampled, dict):
            fields.deviate(f"sampledValue.{n}", "type", "a sampled value is not an object")
            continue
        get = sampled.get
        if not context:
            context = _word(get("context"), "")
        if get("format") == "SignedData":
            signed = True
            continue
        measurand = get("measurand")
        try:
            if measurand in _UNREAD:
                continue
            place: _Place | str | None = _COMMON.get((measurand, get("phase"), get("unit")))
        except TypeError:
            place = None
        if place is None or "location" in sampled:
            place = _place(sampled)
            if place is None:
                continue
        number = as_number(get("value"))
        if isinstance(place, str) or number is None:
            offence = place if isinstance(place, str) else "value"
            fields.deviate(f"sampledValue.{n}.{offence}", "enum" if offence == "unit" else "type", str(sampled)[:120])
            continue
        quantity, phase, scale = place
        taken = values.get(quantity)
        if taken is None:
            taken = values[quantity] = [None, None, None, None]
        taken[phase] = number * scale
    return _combined(values, moment, context or "Sample.Periodic", signed)


def _place(sampled: dict[str, Any]) -> _Place | str | None:
    """Which quantity and phase a sampled value is, and what to multiply it with; the field that is wrong; or None."""
    measurand, phase = _word(sampled.get("measurand"), REGISTER), sampled.get("phase")
    units = _QUANTITIES.get(measurand)
    if units is None or sampled.get("location") == "EV":
        return None  # a quantity that nobody here reads
    place = _TOTAL if phase is None else _PHASES.get(phase) if isinstance(phase, str) else None
    if place is None:
        return None if phase in _NOBODYS else "phase"
    scale = units.get(_word(sampled.get("unit"), "").lower())
    return "unit" if scale is None else (measurand, place, scale)


def _word(value: Any, default: str) -> str:
    return (value.strip() or default) if isinstance(value, str) else default


def _combined(
    values: dict[str, _Values], moment: tuple[datetime, bool] | None, context: str, signed: bool
) -> MeterSample:
    get = values.get
    current, power, register, offered = (
        get("Current.Import"),
        get("Power.Active.Import"),
        get(REGISTER),
        get("Current.Offered"),
    )
    current_a, phases = (None, _TOTAL) if current is None else _currents(current)
    sampled, zoned = (None, True) if moment is None else moment
    return MeterSample(
        sampled,
        context,
        current_a,
        phases,
        None if power is None else _total(power),
        None if register is None else _total(register),
        None if offered is None else max(value for value in offered if value is not None),
        signed,
        zoned,
    )


def _currents(values: _Values) -> tuple[PhaseCurrents | None, int]:
    """Ampere per phase, and how many phases the station named: 0 where the value has none, which then stands on every
    phase. Phases win over it."""
    l1, l2, l3, total = values
    named = (l1 is not None) + (l2 is not None) + (l3 is not None)
    if named:
        return PhaseCurrents(l1 or 0.0, l2 or 0.0, l3 or 0.0), named
    return (None if total is None else PhaseCurrents(total, total, total)), 0


def _total(values: _Values) -> float | None:
    """The total as sent, unless its phases are all there and contradict it by more than a tenth; else their sum."""
    l1, l2, l3, total = values
    if l1 is None and l2 is None and l3 is None:
        return total
    if total is not None and (l1 is None or l2 is None or l3 is None):
        return total
    summed = (l1 or 0.0) + (l2 or 0.0) + (l3 or 0.0)
    return summed if total is None or abs(summed - total) > 0.1 * abs(total) else total
