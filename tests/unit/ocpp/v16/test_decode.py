"""What stations say, good and bad."""

from datetime import UTC, datetime

import pytest

from sitectl.model.commands import Answered
from sitectl.model.ids import EvseId, StationId
from sitectl.model.station import ChargingState, StationIdentity
from sitectl.ocpp.v16 import decode

STATION = StationId("CP01")
RECEIVED = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
STARTED = datetime(2026, 11, 20, 6, 11, tzinfo=UTC)


def rules(decoded) -> list[str]:
    return [f"{d.path} {d.rule}" for d in decoded.deviations]


def test_boot():
    full = {"chargePointVendor": "V", "chargePointModel": " M ", "firmwareVersion": "1", "chargeBoxSerialNumber": "S"}
    assert decode.boot(full).value == StationIdentity("V", "M", "1", "S")
    poor = decode.boot({"chargePointVendor": "", "chargePointModel": 7})
    assert poor.value == StationIdentity("", "7")
    assert rules(poor) == ["chargePointVendor minLength", "chargePointModel type"]


def test_authorize():
    assert decode.authorize({"idTag": "ABC"}).value == "ABC"
    assert decode.authorize({"idTag": 123}).value == "123"
    assert decode.authorize({}).value == ""
    assert len(decode.authorize({"idTag": "x" * 10_000}).value) == 500


def start(**changes):
    good = {"connectorId": 2, "idTag": "ABC", "meterStart": 100, "timestamp": "2026-11-20T06:11:00Z"}
    return decode.start_transaction({**good, **changes}, STATION, RECEIVED, "m1")


def test_start():
    decoded = start(reservationId=4)
    assert decoded.deviations == ()
    value = decoded.value
    assert (value.evse, value.id_token, value.started) == (EvseId(STATION, 2), "ABC", STARTED)
    assert (value.started_raw, value.meter_start_wh, value.reservation_id) == ("2026-11-20T06:11:00Z", 100, 4)
    assert (value.message_id, value.clock) == ("m1", "station")
    assert value.start_key == "2|ABC|2026-11-20T06:11:00Z|100"


@pytest.mark.parametrize(
    ("timestamp", "started", "clock"),
    [
        ("2026-11-20T08:11:00.250+02:00", STARTED.replace(microsecond=250_000), "station"),
        ("2026-11-20 06:11:00", STARTED, "zone"),
        ("yesterday", RECEIVED, "receipt"),
        (None, RECEIVED, "receipt"),
        ({}, RECEIVED, "receipt"),
    ],
)
def test_start_times(timestamp, started, clock):
    value = start(timestamp=timestamp).value
    assert (value.started, value.clock) == (started, clock)


def test_a_garbled_start_is_still_a_start():
    decoded = start(connectorId="two", idTag=None, meterStart="100.7", reservationId=0)
    value = decoded.value
    assert (value.evse.evse, value.id_token, value.meter_start_wh, value.reservation_id) == (0, "", 100, None)
    assert rules(decoded) == ["connectorId type", "idTag required", "meterStart type"]
    assert start(meterStart=10**19).value.meter_start_wh == 0
    assert start(meterStart="1e300").value.meter_start_wh == 0


def test_stop():
    payload = {"transactionId": -1, "meterStop": 900, "timestamp": "2026-11-20T06:11:00Z"}
    decoded = decode.stop_transaction(payload, STATION, RECEIVED, "m2")
    assert decoded.deviations == ()
    value = decoded.value
    assert (value.station, value.station_transaction_id, value.meter_stop_wh) == (STATION, -1, 900)
    assert (value.reason, value.id_token, value.stopped) == ("Local", None, STARTED)
    assert decode.stop_samples(payload).value == ()
    data = [{"timestamp": "2026-11-20T06:11:00Z", "sampledValue": [{"value": "900", "context": "Transaction.End"}]}]
    [sample] = decode.stop_samples({**payload, "transactionData": data}).value
    assert (sample.register_wh, sample.context) == (900.0, "Transaction.End")


def test_status():
    payload = {"connectorId": 1, "status": "SuspendedEVSE", "errorCode": "NoError", "timestamp": "2026-11-20T06:11:00Z"}
    decoded = decode.status_notification(payload)
    assert decoded.deviations == ()
    assert decoded.value.evse == 1
    assert decoded.value.status.charging_state is ChargingState.SUSPENDED_EVSE
    assert decoded.value.reported == STARTED


def test_an_odd_status():
    decoded = decode.status_notification(
        {"connectorId": 1, "status": "Odd", "errorCode": "Error", "vendorErrorCode": 7}
    )
    status = decoded.value.status
    assert (status.preparing, status.error_code, status.info, status.vendor_error_code) == (
        True,
        "OtherError",
        "Error",
        "7",
    )
    assert rules(decoded) == ["status enum", "errorCode enum", "vendorErrorCode type"]


def test_data_transfer_and_work_status():
    long = "x" * 5000
    value = decode.data_transfer({"vendorId": "V", "messageId": "M", "data": long}).value
    assert (value.vendor_id, value.message_id, value.data) == ("V", "M", long)
    assert decode.work_status({"status": "Installing"}).value == "Installing"
    assert decode.work_status({}).value == ""


@pytest.mark.parametrize(
    ("payload", "status", "accepted"),
    [
        ({"status": "Accepted"}, "Accepted", True),
        ({"status": " accepted "}, "Accepted", True),
        ({"status": "RebootRequired"}, "RebootRequired", True),
        ({"status": "Rejected"}, "Rejected", False),
        ({"status": "Maybe"}, "Maybe", False),
        ({"status": 1}, "", False),
        ({"listVersion": 3}, "", False),
    ],
)
def test_answers(payload, status, accepted):
    answer = decode.answered(payload)
    assert answer == Answered(status, payload)
    assert answer.accepted is accepted


def test_configuration():
    decoded = decode.configuration(
        {
            "configurationKey": [
                {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
                {"key": "NumberOfConnectors", "readonly": "true", "value": 2},
                {"key": "Empty", "readonly": 0},
                {"readonly": True, "value": "nameless"},
                "junk",
            ],
            "unknownKey": ["Foo", 3],
        }
    )
    assert decoded.value.values == {
        "HeartbeatInterval": ("300", False),
        "NumberOfConnectors": ("2", True),
        "Empty": ("", False),
    }
    assert decoded.value.unknown == {"Foo"}
    assert decode.configuration({}).value.values == {}


def test_an_error_code_of_its_own_is_kept_beside_what_the_station_says() -> None:
    said = {"connectorId": 1, "status": "Faulted", "errorCode": "EmergencyStop", "info": "check 12"}
    assert decode.status_notification(said).value.status.info == "EmergencyStop: check 12"
    said = {**said, "info": "EmergencyStop at door"}
    assert decode.status_notification(said).value.status.info == "EmergencyStop at door"
