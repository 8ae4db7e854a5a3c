"""What the stations that we play say to a central."""

from datetime import UTC, datetime

import pytest

from sitectl.config.schemas import load_schemas
from sitectl.model.commands import Answered, NotSent, Refused, Unanswered
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import EvseId, StationId
from sitectl.model.metering import EvseReading
from sitectl.ocpp.schema import Validator
from sitectl.ocpp.v16 import central_encode
from sitectl.ocpp.v16.actions import FROM_CENTRAL
from sitectl.ocpp.v16.statuses import evse_status
from sitectl.ocpp.versions import Version

VALIDATOR = Validator(load_schemas(Version.V16))
NOW = datetime(2026, 11, 20, 6, 11, tzinfo=UTC)


def test_a_boot_is_made_presentable():
    raw = {
        "chargePointVendor": "",
        "chargePointModel": "M" * 30,
        "iccid": None,
        "imsi": " ",
        "firmwareVersion": "1.0",
        "meterType": "x" * 26,
    }
    shown = central_encode.presentable("BootNotification", raw)
    assert shown == {
        "chargePointVendor": "unknown",
        "chargePointModel": "M" * 20,
        "firmwareVersion": "1.0",
        "meterType": "x" * 25,
    }
    assert VALIDATOR.deviations("BootNotification", "request", shown) == ()


def test_meter_values_go_up_as_they_came():
    values = {"meterValue": [{"timestamp": "t", "sampledValue": [{"value": "OCMF|x", "format": "SignedData"}]}]}
    bound = central_encode.with_transaction("MeterValues", {"connectorId": 1, **values}, "4711")
    assert bound == {"connectorId": 1, **values, "transactionId": 4711}


def test_messages_of_a_start_that_was_never_taken():
    bound = central_encode.with_transaction("StopTransaction", {"idTag": "x" * 21, "transactionId": 99}, None)
    assert bound == {"idTag": "x" * 20, "transactionId": -1}


@pytest.mark.parametrize(
    "payload",
    [
        central_encode.status(1, evse_status("SuspendedEVSE", "OtherError", "v" * 60, "i" * 60), NOW),
        central_encode.status(0, evse_status("Available"), NOW),
        central_encode.unavailable(2, NOW),
        central_encode.presentable("StatusNotification", {"connectorId": 1, "info": None}),
    ],
)
def test_statuses(payload):
    assert VALIDATOR.deviations("StatusNotification", "request", payload) == ()


def test_authorize():
    assert central_encode.authorize("x" * 30) == {"idTag": "x" * 20}


@pytest.mark.parametrize("action", sorted(FROM_CENTRAL))
@pytest.mark.parametrize(
    "outcome", [Refused("NotSupported"), Refused("InternalError"), Unanswered("late"), NotSent("offline")]
)
def test_no_is_said_in_the_words_of_the_action(action, outcome):
    payload = central_encode.outcome(action, outcome)
    assert payload is not None
    assert VALIDATOR.deviations(action, "response", payload) == ()


def test_what_came_of_a_command():
    assert central_encode.outcome("Reset", Answered("Accepted", {"status": "Accepted", "x": None})) == {
        "status": "Accepted"
    }
    assert central_encode.outcome("UnlockConnector", Refused("NotImplemented")) == {"status": "NotSupported"}
    assert central_encode.outcome("UnlockConnector", NotSent("offline")) == {"status": "UnlockFailed"}
    assert central_encode.outcome("Dance", NotSent("offline")) is None
    assert central_encode.accepted() == {"status": "Accepted"}


def test_an_answer_is_its_own_copy():
    answer = central_encode.negative("Reset")
    assert answer is not None
    answer["status"] = "changed"
    assert central_encode.negative("Reset") == {"status": "Rejected"}


def test_configuration():
    payload = central_encode.configuration({"A": ("1", True), "B": ("x" * 600, False)}, ["C"])
    assert payload["configurationKey"][0] == {"key": "A", "readonly": True, "value": "1"}
    assert VALIDATOR.deviations("GetConfiguration", "response", payload) == ()
    assert central_encode.configuration({}) == {}


@pytest.mark.parametrize(("phases", "labels"), [(3, ["L1", "L2", "L3"]), (1, ["L1"]), (0, [None])])
def test_a_reading_names_the_phases_that_its_station_named(phases, labels):
    reading = EvseReading(EvseId(StationId("CP01"), 1), 5.0, PhaseCurrents(6.0, 6.0, 6.0), phases)
    _, payload = central_encode.triggered_reading(reading, 7.0, NOW)
    [metered] = payload["meterValue"]
    assert [(value.get("phase"), value["value"]) for value in metered["sampledValue"]] == [(p, "6") for p in labels]
