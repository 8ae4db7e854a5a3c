"""Numbers and texts where a strict central wants them."""

import pytest

from sitectl.config.schemas import load_schemas
from sitectl.ocpp.schema import Validator
from sitectl.ocpp.v16 import central_encode
from sitectl.ocpp.v16.forms import formed
from sitectl.ocpp.versions import Version

VALIDATOR = Validator(load_schemas(Version.V16))
T = "2026-11-20T06:11:00Z"


def values(*sampled) -> list:
    return [{"timestamp": T, "sampledValue": list(sampled)}]


@pytest.mark.parametrize(
    ("action", "said", "told"),
    [
        (
            "StartTransaction",
            {"connectorId": "1", "idTag": 12345, "meterStart": "5.7", "timestamp": T},
            {"connectorId": 1, "idTag": "12345", "meterStart": 5, "timestamp": T},
        ),
        (
            "StartTransaction",
            {"connectorId": [], "idTag": "A", "meterStart": "five", "timestamp": T},
            {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": T},
        ),
        (
            "StopTransaction",
            {"idTag": 7, "meterStop": "77", "timestamp": T, "transactionData": values({"value": 5})},
            {"idTag": "7", "meterStop": 77, "timestamp": T, "transactionData": values({"value": "5"})},
        ),
        (
            "StopTransaction",
            {"meterStop": 77.0, "timestamp": T, "transactionData": "none", "reason": ""},
            {"meterStop": 77, "timestamp": T},
        ),
        (
            "MeterValues",
            {"connectorId": "2", "meterValue": values({"value": 1001.5}, {"unit": "A"}, {"value": "x"})},
            {"connectorId": 2, "meterValue": values({"value": "1001.5"}, {"value": "x"})},
        ),
        (
            "MeterValues",
            {"connectorId": 1, "meterValue": {"timestamp": T, "sampledValue": {"value": 1}}},
            {"connectorId": 1, "meterValue": values({"value": "1"})},
        ),
    ],
)
def test_a_strict_central_takes_what_a_sloppy_station_says(action, said, told):
    shown = central_encode.with_transaction(action, said, "42")
    assert {key: value for key, value in shown.items() if key != "transactionId"} == told
    if action == "StartTransaction":
        shown = central_encode.presentable(action, said)
    assert VALIDATOR.deviations(action, "request", shown) == ()


@pytest.mark.parametrize(
    ("said", "told"), [("Local", "Local"), ("evDisconnected", "EVDisconnected"), ("Bored", "Other"), (7, "Other")]
)
def test_a_reason_is_one_that_a_strict_central_knows(said, told):
    assert formed("StopTransaction", {"reason": said, "meterStop": 5}) == {"reason": told, "meterStop": 5}


@pytest.mark.parametrize("nothing", [[], None, "x", [{}], [None], values(), values({"unit": "A"}), values(None)])
def test_of_meter_values_without_a_value_nothing_is_left(nothing):
    assert formed("MeterValues", {"connectorId": 1, "meterValue": nothing}) == {"connectorId": 1}


def test_signed_values_are_not_touched_nor_what_stands_beside_them():
    signed = values({"value": 5, "format": "SignedData"}, {"value": 6}, {"unit": "A"})
    assert formed("MeterValues", {"meterValue": signed})["meterValue"] is not None
    assert formed("MeterValues", {"meterValue": signed}) == {"meterValue": signed}


def test_what_has_its_form_stays_as_it_is_in_its_order():
    said = {"timestamp": T, "meterStart": 5, "connectorId": 1, "idTag": "A"}
    assert list(formed("StartTransaction", said).items()) == list(said.items())
    assert formed("DataTransfer", {"data": 5}) == {"data": 5}
