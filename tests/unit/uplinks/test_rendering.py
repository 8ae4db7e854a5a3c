"""Payloads at the door, as plain values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import orjson
import pytest

from sitectl.model.ids import StationId, TransactionId, UplinkId
from sitectl.model.transaction import AS_STORED, AuthorizationStatus, OutboxItem, OutboxKind, OutboxMessage
from sitectl.model.uplink import ZeroId
from sitectl.uplinks import rendering
from sitectl.uplinks.rendering import is_nameless

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOON, LATE = "2026-11-20T12:00:50Z", "2026-11-20T12:30:00Z"


def item(action: str, payload: dict, kind: OutboxKind, **more) -> OutboxItem:
    message = OutboxMessage(action, payload, "1.6", kind, kind is not OutboxKind.START)
    transaction = TransactionId("t")
    found = {"uplink_transaction_id": "42", "rendered": None, "attempts": 0, **more}
    return OutboxItem(1, UplinkId("central"), StationId("CP01"), message, transaction, **found)


def rendered(item: OutboxItem, central_now: datetime, zero_id: ZeroId = ZeroId.MINUS_ONE) -> dict:
    made = rendering.rendered(item, central_now, zero_id)
    assert made is not None
    return made.payload


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
    data = {"timestamp": SOON, "transactionData": [{"timestamp": stamp, "sampledValue": [{"value": "1"}]}, 7]}
    stop = rendered(item("StopTransaction", data, OutboxKind.STOP), NOW)
    assert stop["transactionData"] == [{"timestamp": told, "sampledValue": [{"value": "1"}]}]


def test_signed_data_is_never_touched():
    value = {"timestamp": LATE, "sampledValue": [{"value": "x", "format": "SignedData"}]}
    values = item("MeterValues", {"connectorId": 1, "meterValue": [value]}, OutboxKind.METER)
    assert rendered(values, NOW)["meterValue"] == [value]


def test_a_meter_never_runs_backwards():
    stop = {"meterStop": 5, "timestamp": SOON}
    assert rendered(item("StopTransaction", stop, OutboxKind.STOP, meter_start_wh=9), NOW)["meterStop"] == 9
    assert rendered(item("StopTransaction", stop, OutboxKind.STOP, meter_start_wh=4), NOW)["meterStop"] == 5
    assert stop["meterStop"] == 5
    text = {"meterStop": "5", "timestamp": SOON}
    assert rendered(item("StopTransaction", text, OutboxKind.STOP, meter_start_wh=9), NOW)["meterStop"] == 9


def test_meter_values_without_a_value_do_not_go_up():
    nothing = item(
        "MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": SOON, "sampledValue": []}]}, OutboxKind.METER
    )
    assert rendering.rendered(nothing, NOW) is None


@pytest.mark.parametrize(
    ("ordered", "reason", "told"),
    [(True, "Remote", "DeAuthorized"), (True, "EVDisconnected", "EVDisconnected"), (False, "Remote", "Remote")],
)
def test_a_stop_says_why_it_was_ordered(ordered, reason, told):
    payload = {"meterStop": 5, "reason": reason}
    # What the central thinks of the token is not why it was stopped: somebody may have asked for that from afar.
    stop = item("StopTransaction", payload, OutboxKind.STOP, deauthorized=ordered, verdict=AuthorizationStatus.INVALID)
    assert rendered(stop, NOW)["reason"] == told


@pytest.mark.parametrize(("policy", "id"), [(ZeroId.MINUS_ONE, -1), (ZeroId.SEND_ZERO, 0)])
def test_what_a_refusal_without_an_id_leaves_to_say(policy, id):
    refused = item(
        "StopTransaction",
        {"meterStop": 5},
        OutboxKind.STOP,
        uplink_transaction_id=None,
        verdict=AuthorizationStatus.INVALID,
    )
    assert is_nameless(refused)
    assert rendered(refused, NOW, policy)["transactionId"] == id
    for more in ({"uplink_transaction_id": "7"}, {"verdict": AuthorizationStatus.ACCEPTED}, {"start_dead": True}):
        other = replace(refused, **more)
        assert not is_nameless(other)
        assert rendered(other, NOW, policy)["transactionId"] == (7 if "uplink_transaction_id" in more else -1)


def test_what_was_stored_stays_as_it_is():
    payload = {"timestamp": LATE, "meterValue": [{"timestamp": LATE, "sampledValue": [{"value": "5", "unit": None}]}]}
    values = item("MeterValues", payload, OutboxKind.METER)
    first = rendered(values, NOW)
    assert first == rendered(values, NOW)
    assert first != rendered(values, NOW + timedelta(hours=1))
    assert payload["meterValue"][0]["timestamp"] == LATE


STARTED, SAMPLED = datetime(2026, 11, 20, 11, tzinfo=UTC), datetime(2026, 11, 20, 11, 30, 0, 500, tzinfo=UTC)


def test_a_transaction_is_told_in_the_order_of_its_times():
    told = {"told_start": STARTED, "told_last": SAMPLED}
    early = {"meterValue": [{"timestamp": "2026-11-20T10:59:59Z", "sampledValue": [{"value": "1"}]}]}
    assert rendered(item("MeterValues", early, OutboxKind.METER, **told), NOW)["meterValue"][0]["timestamp"] == (
        "2026-11-20T11:00:00Z"
    )
    late = {"meterValue": [{"timestamp": "2026-11-20T11:10:00Z", "sampledValue": [{"value": "1"}]}]}
    assert rendered(item("MeterValues", late, OutboxKind.METER, **told), NOW)["meterValue"] == late["meterValue"]
    stop = {"meterStop": 5, "timestamp": "2026-11-20T11:29:00Z"}
    made = rendering.rendered(item("StopTransaction", stop, OutboxKind.STOP, **told), NOW)
    assert made.payload["timestamp"] == "2026-11-20T11:30:01Z"
    assert made.newest == datetime(2026, 11, 20, 11, 30, 1, tzinfo=UTC)


def test_a_stop_lies_at_or_after_the_values_that_come_with_it():
    stop = {
        "timestamp": "2026-11-20T11:00:00Z",
        "transactionData": [{"timestamp": "2026-11-20T11:00:30Z", "sampledValue": [{"value": "1"}]}],
    }
    made = rendered(item("StopTransaction", stop, OutboxKind.STOP, told_start=STARTED), NOW)
    assert (made["timestamp"], made["transactionData"]) == ("2026-11-20T11:00:30Z", stop["transactionData"])


def test_signed_times_bound_nothing():
    value = {"timestamp": LATE, "sampledValue": [{"value": "x", "format": "SignedData"}]}
    made = rendering.rendered(item("MeterValues", {"meterValue": [value]}, OutboxKind.METER, told_start=STARTED), NOW)
    assert (made.payload["meterValue"], made.newest) == ([value], None)


# --- a central whose clock is slow ------------------------------------------------------------------------------------

START_11, STOP_11_20 = "2026-11-20T11:00:00Z", "2026-11-20T11:20:00Z"
TEN_MINUTES = timedelta(minutes=10)


def told(message: OutboxItem, central_now: datetime, our_now: datetime | None) -> str:
    made = rendering.rendered(message, central_now, our_now=our_now)
    assert made is not None
    return str(made.payload["timestamp"])


def test_a_backlog_keeps_its_duration_at_a_central_whose_clock_is_slow():
    now = STARTED + timedelta(minutes=21)
    start = item("StartTransaction", {"timestamp": START_11}, OutboxKind.START, started=STARTED)
    assert told(start, now - TEN_MINUTES, now) == "2026-11-20T10:50:00Z"
    rest = {"started": STARTED, "told_start": STARTED - TEN_MINUTES}
    value = {"timestamp": "2026-11-20T11:05:00.7Z", "sampledValue": [{"value": "1"}]}
    sample = rendering.rendered(
        item("MeterValues", {"meterValue": [value]}, OutboxKind.METER, **rest), now - TEN_MINUTES
    )
    assert sample is not None
    assert sample.payload["meterValue"][0]["timestamp"] == "2026-11-20T10:55:00Z"
    stop = item("StopTransaction", {"meterStop": 5, "timestamp": STOP_11_20}, OutboxKind.STOP, **rest)
    for shows in (now - TEN_MINUTES, now, now + TEN_MINUTES):  # its clock may have been set meanwhile
        assert told(stop, shows, now) == "2026-11-20T11:10:00Z"


def test_what_a_start_was_cut_by_is_taken_off_the_stop_too():
    """A station whose clock is fast, or a central of which we cannot tell by how much it is slow."""
    shows = STARTED - timedelta(minutes=3)
    start = item("StartTransaction", {"timestamp": START_11}, OutboxKind.START, started=STARTED)
    assert told(start, shows, None) == "2026-11-20T10:57:00Z"
    rest = {"started": STARTED, "told_start": shows}
    stop = item("StopTransaction", {"meterStop": 5, "timestamp": STOP_11_20}, OutboxKind.STOP, **rest)
    assert told(stop, NOW, NOW) == "2026-11-20T11:17:00Z"
    assert told(stop, STARTED + TEN_MINUTES, None) == "2026-11-20T11:10:00Z", "nothing in its future, all the same"


@pytest.mark.parametrize("behind_s", [-3000, 0, 29])
def test_a_clock_that_is_fast_or_a_little_slow_moves_nothing(behind_s):
    start = item("StartTransaction", {"timestamp": START_11}, OutboxKind.START, started=STARTED)
    assert told(start, NOW - timedelta(seconds=behind_s), NOW) == START_11
    rest = {"started": STARTED + timedelta(microseconds=700_000), "told_start": STARTED}
    stop = item("StopTransaction", {"timestamp": STOP_11_20}, OutboxKind.STOP, **rest)
    assert told(stop, NOW - timedelta(seconds=behind_s), NOW) == STOP_11_20


def test_signed_data_is_not_moved_with_the_rest():
    value = {"timestamp": START_11, "sampledValue": [{"value": "x", "format": "SignedData"}]}
    stop = {"timestamp": STOP_11_20, "transactionData": [value]}
    rest = {"started": STARTED, "told_start": STARTED - TEN_MINUTES}
    made = rendering.rendered(item("StopTransaction", stop, OutboxKind.STOP, **rest), NOW)
    assert made is not None
    assert (made.payload["timestamp"], made.payload["transactionData"]) == ("2026-11-20T11:10:00Z", [value])


PLAIN = {"connectorId": 1, "meterValue": [{"timestamp": SOON, "sampledValue": [{"value": "1"}]}]}


def test_what_goes_up_as_it_is_stored_needs_no_copy_and_comes_back_to_the_byte():
    values = item("MeterValues", PLAIN, OutboxKind.METER)
    text = orjson.dumps(rendered(values, NOW)).decode()
    assert rendering.thawed(values) is None
    kept = rendering.frozen(values, text)
    assert kept == AS_STORED
    assert rendering.thawed(replace(values, rendered=kept)) == text


@pytest.mark.parametrize(
    "values",
    [
        item("MeterValues", {"meterValue": [{"timestamp": LATE, "sampledValue": [{"value": "1"}]}]}, OutboxKind.METER),
        item("StopTransaction", {"meterStop": 5, "timestamp": SOON}, OutboxKind.STOP),
        item("StartTransaction", {"connectorId": 1, "timestamp": SOON}, OutboxKind.START),
    ],
)
def test_what_was_changed_and_what_is_money_is_kept_as_text(values):
    text = orjson.dumps(rendered(values, NOW)).decode()
    assert rendering.frozen(values, text) == text
    assert rendering.thawed(replace(values, rendered=text)) == text


def test_of_a_transaction_without_a_name_the_text_is_kept():
    refused = item("MeterValues", PLAIN, OutboxKind.METER, uplink_transaction_id=None)
    refused = replace(refused, verdict=AuthorizationStatus.BLOCKED)
    text = orjson.dumps(rendered(refused, NOW, ZeroId.MINUS_ONE)).decode()
    assert rendering.frozen(refused, text) == text
