"""Payloads at the door, as plain values."""

from datetime import UTC, datetime, timedelta

import pytest

from sitectl.model.ids import StationId, TransactionId, UplinkId
from sitectl.model.transaction import AuthorizationStatus, OutboxItem, OutboxKind, OutboxMessage
from sitectl.uplinks.rendering import rendered

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOON, LATE = "2026-11-20T12:00:50Z", "2026-11-20T12:30:00Z"


def item(action: str, payload: dict, kind: OutboxKind, **more) -> OutboxItem:
    message = OutboxMessage(action, payload, "1.6", kind, kind is not OutboxKind.START)
    transaction = TransactionId("t")
    found = {"uplink_transaction_id": "42", "rendered": None, "attempts": 0, **more}
    return OutboxItem(1, UplinkId("central"), StationId("CP01"), message, transaction, **found)


def test_the_centrals_own_id_is_bound_in_and_minus_one_where_it_has_none():
    stop = {"meterStop": 5, "timestamp": SOON}
    assert rendered(item("StopTransaction", stop, OutboxKind.STOP), NOW)["transactionId"] == 42
    nameless = item("StopTransaction", stop, OutboxKind.STOP, uplink_transaction_id=None)
    assert rendered(nameless, NOW)["transactionId"] == -1
    dead = item("StopTransaction", stop, OutboxKind.STOP, start_dead=True)
    assert rendered(dead, NOW)["transactionId"] == -1
    start = item("StartTransaction", {"connectorId": 2, "idTag": "T", "meterStart": 5}, OutboxKind.START)
    assert rendered(start, NOW) == {"connectorId": 2, "idTag": "T", "meterStart": 5}


@pytest.mark.parametrize(("stamp", "told"), [(SOON, SOON), (LATE, "2026-11-20T12:00:00Z"), ("whenever", "whenever")])
def test_nothing_happens_in_the_future_of_the_central(stamp, told):
    start = item("StartTransaction", {"timestamp": stamp}, OutboxKind.START)
    assert rendered(start, NOW)["timestamp"] == told
    values = {"meterValue": [{"timestamp": stamp, "sampledValue": [{"value": "1"}]}]}
    assert rendered(item("MeterValues", values, OutboxKind.METER), NOW)["meterValue"][0]["timestamp"] == told
    data = {"timestamp": SOON, "transactionData": [{"timestamp": stamp, "sampledValue": []}, 7]}
    stop = rendered(item("StopTransaction", data, OutboxKind.STOP), NOW)
    assert stop["transactionData"] == [{"timestamp": told, "sampledValue": []}, 7]


def test_signed_data_is_never_touched():
    value = {"timestamp": LATE, "sampledValue": [{"value": "x", "format": "SignedData"}]}
    values = item("MeterValues", {"connectorId": 1, "meterValue": [value]}, OutboxKind.METER)
    assert rendered(values, NOW)["meterValue"] == [value]


def test_a_meter_never_runs_backwards():
    stop = {"meterStop": 5, "timestamp": SOON}
    assert rendered(item("StopTransaction", stop, OutboxKind.STOP, meter_start_wh=9), NOW)["meterStop"] == 9
    assert rendered(item("StopTransaction", stop, OutboxKind.STOP, meter_start_wh=4), NOW)["meterStop"] == 5
    assert stop["meterStop"] == 5


@pytest.mark.parametrize(
    ("verdict", "reason", "told"),
    [
        (AuthorizationStatus.INVALID, "Remote", "DeAuthorized"),
        (AuthorizationStatus.BLOCKED, "EVDisconnected", "EVDisconnected"),
        (AuthorizationStatus.ACCEPTED, "Remote", "Remote"),
        (AuthorizationStatus.CONCURRENT_TX, "Remote", "Remote"),
        (None, "Remote", "Remote"),
    ],
)
def test_a_stop_says_why_it_was_ordered(verdict, reason, told):
    stop = item("StopTransaction", {"meterStop": 5, "reason": reason}, OutboxKind.STOP, verdict=verdict)
    assert rendered(stop, NOW)["reason"] == told


def test_what_was_stored_stays_as_it_is():
    payload = {"timestamp": LATE, "meterValue": [{"timestamp": LATE, "sampledValue": [{"value": None}]}]}
    values = item("MeterValues", payload, OutboxKind.METER)
    first = rendered(values, NOW)
    assert first == rendered(values, NOW)
    assert first != rendered(values, NOW + timedelta(hours=1))
    assert payload["meterValue"][0]["timestamp"] == LATE
