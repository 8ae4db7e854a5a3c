from datetime import UTC, datetime

from sitectl.model.transaction import OutboxKind
from sitectl.ocpp.v16 import copies

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_our_transaction_id_never_goes_up() -> None:
    payload = {"transactionId": 2_000_000_001, "timestamp": "2026-01-01T11:00:00Z", "meterStop": 9}
    stop = copies.stop(payload)
    assert stop.payload == {"timestamp": "2026-01-01T11:00:00Z", "meterStop": 9}
    assert (stop.action, stop.kind, stop.version, stop.needs_transaction_id) == (
        "StopTransaction",
        OutboxKind.STOP,
        "1.6",
        True,
    )
    assert payload["transactionId"] == 2_000_000_001, "the original is left alone"


def test_a_start_asks_for_no_id() -> None:
    start = copies.start({"connectorId": 1, "timestamp": "1970-01-01T00:00:00Z"}, NOON)
    assert start.payload == {"connectorId": 1, "timestamp": "2026-01-01T12:00:00Z"}
    assert not start.needs_transaction_id


def test_only_impossible_times_of_meter_values_are_replaced() -> None:
    values = [{"timestamp": "1970-01-01T00:00:00Z", "sampledValue": []}, {"timestamp": "2026-01-01T11:59:00Z"}]
    message = copies.meter_values({"connectorId": 1, "transactionId": 7, "meterValue": values}, {0: NOON})
    assert message.payload["meterValue"] == [
        {"timestamp": "2026-01-01T12:00:00Z", "sampledValue": []},
        {"timestamp": "2026-01-01T11:59:00Z"},
    ]
    assert values[0]["timestamp"] == "1970-01-01T00:00:00Z"
    assert copies.meter_values({"meterValue": values[1]}, {}).payload == {"meterValue": values[1]}
