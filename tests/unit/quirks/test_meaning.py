import pytest

from sitectl.quirks.meaning import meant
from sitectl.quirks.vocabulary import STANDARD, Quirks

RUNS = {1: 77}
BEGAN = {1: 5000.0}


def metered(value: str = "120", unit: str | None = "Wh", **more: object) -> dict[str, object]:
    sample = {"value": value, "measurand": "Energy.Active.Import.Register"} | ({"unit": unit} if unit else {})
    return {"connectorId": 1, "transactionId": 77, "meterValue": [{"sampledValue": [sample]}], **more}


def value(payload: dict[str, object]) -> tuple[object, object]:
    sample = payload["meterValue"][0]["sampledValue"][0]  # type: ignore[index]
    return sample["value"], sample.get("unit")


def test_a_register_that_begins_with_the_transaction_is_added_to_where_it_began() -> None:
    quirks = Quirks(register_of_transaction=True)
    assert value(meant("MeterValues", metered("120"), quirks, RUNS, BEGAN)) == ("5120", "Wh")
    assert value(meant("MeterValues", metered("0.12", "kWh"), quirks, RUNS, BEGAN)) == ("5120", "Wh")
    assert value(meant("MeterValues", metered("120", None), quirks, RUNS, BEGAN)) == ("5120", "Wh")
    assert value(meant("MeterValues", metered("120", connectorId=0), quirks, RUNS, BEGAN)) == ("5120", "Wh")


def test_a_register_counts_in_what_the_sheet_says() -> None:
    quirks = Quirks(register_unit="kWh")
    assert value(meant("MeterValues", metered("5.12", "Wh"), quirks, RUNS, BEGAN)) == ("5120", "Wh")


@pytest.mark.parametrize("text", ["", "much", None, [1]])
def test_what_is_no_number_stays(text: object) -> None:
    said = metered()
    said["meterValue"][0]["sampledValue"][0]["value"] = text  # type: ignore[index]
    assert meant("MeterValues", said, Quirks(register_of_transaction=True), RUNS, BEGAN) is said


def test_other_measurands_and_signed_values_stay() -> None:
    quirks = Quirks(register_of_transaction=True)
    other = {"meterValue": [{"sampledValue": [{"value": "9", "measurand": "Current.Import"}]}]}
    signed = {"meterValue": [{"sampledValue": [{"value": "9", "format": "SignedData"}]}]}
    assert meant("MeterValues", other, quirks, RUNS, BEGAN) is other
    assert meant("MeterValues", signed, quirks, RUNS, BEGAN) is signed


def test_the_id_of_another_transaction_is_no_id() -> None:
    quirks = Quirks(stale_transaction_ids=True)
    assert "transactionId" not in meant("MeterValues", metered(transactionId=12), quirks, RUNS, BEGAN)
    right = metered()
    assert meant("MeterValues", right, quirks, RUNS, BEGAN) is right
    assert meant("MeterValues", stale := metered(transactionId=12), STANDARD, RUNS, BEGAN) is stale


def test_available_with_a_transaction_that_runs_is_charging() -> None:
    quirks = Quirks(available_while_charging=True)
    said = {"connectorId": 1, "status": "Available", "errorCode": "NoError"}
    assert meant("StatusNotification", said, quirks, RUNS, BEGAN)["status"] == "Charging"
    assert meant("StatusNotification", said, quirks, {}, {}) is said
    assert meant("StatusNotification", {**said, "connectorId": 2}, quirks, RUNS, BEGAN)["status"] == "Available"


def test_a_fault_that_stops_nothing_is_none() -> None:
    quirks = Quirks(harmless_faults=frozenset({"NoPPDetected"}))
    said = {"connectorId": 1, "status": "Faulted", "errorCode": "OtherError", "vendorErrorCode": "NoPPDetected"}
    assert meant("StatusNotification", said, quirks, {}, {})["status"] == "Available"
    assert meant("StatusNotification", said, quirks, RUNS, BEGAN)["status"] == "Charging"
    assert meant("StatusNotification", {**said, "vendorErrorCode": "Fire"}, quirks, RUNS, BEGAN)["status"] == "Faulted"
    danger = {**said, "errorCode": "GroundFailure"}
    assert meant("StatusNotification", danger, quirks, {}, {}) is danger, "a vendor's code beside it hides no danger"
