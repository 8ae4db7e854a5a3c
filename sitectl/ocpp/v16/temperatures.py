"""How warm a station says it is, in its meter values. Looked for now and then, not in every message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sitectl.model.transaction import Payload
from sitectl.ocpp.v16.fields import as_number

COLDEST_C, HOTTEST_C = -60.0, 200.0
"""What lies beyond is no temperature of a station."""


def temperature_c(payload: Payload) -> float | None:
    """The highest temperature of the station in a MeterValues call (degree Celsius); None: it tells none.

    That of a vehicle is not its own. Units as in the standard, and as they are misspelt.
    """
    found = [value for sampled in _sampled(payload) if (value := _of(sampled)) is not None]
    return max(found, default=None)


def _sampled(payload: Payload) -> Iterator[Mapping[str, Any]]:
    values = payload.get("meterValue")
    for value in values if isinstance(values, list) else ():
        sampled = value.get("sampledValue") if isinstance(value, dict) else None
        yield from (one for one in sampled if isinstance(one, dict)) if isinstance(sampled, list) else ()


def _of(sampled: Mapping[str, Any]) -> float | None:
    if sampled.get("measurand") != "Temperature" or sampled.get("location") == "EV":
        return None
    number, unit = as_number(sampled.get("value")), str(sampled.get("unit", "Celsius")).strip().lower()
    if number is None:
        return None
    if unit in ("k", "kelvin"):
        number -= 273.15
    elif unit in ("f", "fahrenheit"):
        number = (number - 32.0) / 1.8
    return number if COLDEST_C <= number <= HOTTEST_C else None
