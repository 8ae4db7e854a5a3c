from typing import Any

from sitectl.quirks.payload import repair_payload
from sitectl.quirks.vocabulary import STANDARD, Quirks

SAMPLE = {"value": "1", "unit": "A"}
METER = {"connectorId": 1, "meterValue": [{"timestamp": "t", "sampledValue": [SAMPLE]}]}


def test_a_list_that_came_alone_is_wrapped() -> None:
    quirks = Quirks(wrap=frozenset({"meterValue", "sampledValue", "transactionData"}))
    alone = {"connectorId": 1, "meterValue": {"timestamp": "t", "sampledValue": SAMPLE}}
    assert repair_payload("MeterValues", alone, quirks) == (
        METER,
        ("meterValue came as an object", "sampledValue came as an object"),
    )
    stop = {"meterStop": 1, "transactionData": {"timestamp": "t", "sampledValue": [SAMPLE]}}
    assert repair_payload("StopTransaction", stop, quirks)[0]["transactionData"] == METER["meterValue"]


def test_only_what_the_sheet_names_is_wrapped() -> None:
    alone: dict[str, Any] = {"connectorId": 1, "meterValue": {"timestamp": "t", "sampledValue": SAMPLE}}
    assert repair_payload("MeterValues", alone, STANDARD) == (alone, ())
    half = Quirks(wrap=frozenset({"meterValue"}))
    assert repair_payload("MeterValues", alone, half)[0]["meterValue"] == [alone["meterValue"]]


def test_a_unit_of_its_own_becomes_that_of_the_standard_but_not_under_a_signature() -> None:
    quirks = Quirks(units={"C": "Celsius"})
    signed = {"value": "…", "unit": "C", "format": "SignedData"}
    said = {"meterValue": [{"sampledValue": [{"value": "20", "unit": "C"}, signed, SAMPLE]}]}
    payload, what = repair_payload("MeterValues", said, quirks)
    assert payload["meterValue"][0]["sampledValue"] == [{"value": "20", "unit": "Celsius"}, signed, SAMPLE]
    assert what == ("unit C",)
    assert said["meterValue"][0]["sampledValue"][0] == {"value": "20", "unit": "C"}, "the payload as it came is kept"


def test_an_error_code_of_its_own_stays_readable() -> None:
    quirks = Quirks(error_codes={"Error": "OtherError"})
    said = {"connectorId": 1, "errorCode": "Error", "status": "Faulted"}
    payload, what = repair_payload("StatusNotification", said, quirks)
    assert payload == {**said, "errorCode": "OtherError", "info": "Error"}
    assert what == ("errorCode Error",)
    assert repair_payload("StatusNotification", {**said, "info": "lid"}, quirks)[0]["info"] == "lid"


def test_what_is_well_formed_is_the_same_object() -> None:
    quirks = Quirks(wrap=frozenset({"meterValue"}), units={"C": "Celsius"}, error_codes={"Error": "OtherError"})
    for action, payload in (("MeterValues", METER), ("StatusNotification", {"errorCode": "NoError"}), ("Boot", {})):
        mended, what = repair_payload(action, payload, quirks)
        assert mended is payload
        assert what == ()
