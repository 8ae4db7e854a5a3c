"""Temperatures in meter values: whose, in which unit, and what is none."""

from typing import Any

import pytest

from sitectl.ocpp.v16.temperatures import temperature_c


def told(*sampled: Any) -> dict[str, Any]:
    return {"connectorId": 1, "meterValue": [{"timestamp": "2026-01-01T12:00:00Z", "sampledValue": list(sampled)}]}


def heat(value: Any, **more: Any) -> dict[str, Any]:
    return {"value": value, "measurand": "Temperature", **more}


def test_the_hottest_part_of_the_station_counts_and_the_car_does_not() -> None:
    assert temperature_c(told(heat("41.5"), heat("63", location="Outlet"), heat("90", location="EV"))) == 63.0
    assert temperature_c(told({"value": "16", "measurand": "Current.Import"})) is None


@pytest.mark.parametrize(
    ("value", "unit", "read_c"),
    [("40", "Celsius", 40.0), ("40", "Celcius", 40.0), ("313.15", "K", 40.0), ("104", "Fahrenheit", 40.0)],
)
def test_units(value: str, unit: str, read_c: float) -> None:
    assert temperature_c(told(heat(value, unit=unit))) == pytest.approx(read_c)


@pytest.mark.parametrize("value", ["hot", None, [], "nan", "5000", True])
def test_what_is_no_temperature_is_none(value: Any) -> None:
    assert temperature_c(told(heat(value))) is None


@pytest.mark.parametrize("payload", [{}, {"meterValue": 7}, {"meterValue": [7]}, {"meterValue": [{"sampledValue": 7}]}])
def test_rubbish_is_none(payload: dict[str, Any]) -> None:
    assert temperature_c(payload) is None
