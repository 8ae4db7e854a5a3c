"""What a central says to the stations that we play."""

from datetime import UTC, datetime

import pytest

from sitectl.model.commands import (
    ChangeAvailability,
    GetVariables,
    RequestStart,
    ResetKind,
    ResetStation,
    SetVariable,
    TransferData,
    TriggerMessage,
    UnlockConnector,
)
from sitectl.model.ids import EvseId, StationId
from sitectl.model.schedule import ProfilePurpose
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.ocpp.v16 import central_decode
from sitectl.ocpp.v16.actions import FROM_CENTRAL
from sitectl.ocpp.v16.central_decode import StartAnswer, StartAsked, StopAsked, TransferStatus
from sitectl.ocpp.v16.central_lists import CacheCleared, ListSent, ListVersionAsked
from sitectl.ocpp.v16.central_reservations import CancelAsked
from sitectl.ocpp.v16.charging_profiles import Invalid, ProfilesCleared
from sitectl.ocpp.v16.encode import Registration
from sitectl.ocpp.versions import ErrorCode

STATION = StationId("CP01")
WHOLE, FIRST = EvseId(STATION, 0), EvseId(STATION, 1)
NOW = datetime(2026, 11, 20, 6, 11, tzinfo=UTC)
PROFILE = {
    "chargingProfileId": 4,
    "stackLevel": 2,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]},
}


def asked(action, payload):
    return central_decode.asked(action, payload, STATION, NOW)


@pytest.mark.parametrize(
    ("action", "payload", "meaning"),
    [
        ("RemoteStartTransaction", {"idTag": "A"}, StartAsked(RequestStart(WHOLE, "A"))),
        ("RemoteStartTransaction", {"idTag": "A", "connectorId": 1}, StartAsked(RequestStart(FIRST, "A"))),
        ("RemoteStopTransaction", {"transactionId": 4711}, StopAsked("4711")),
        ("RemoteStopTransaction", {"transactionId": "4711"}, StopAsked("4711")),
        ("Reset", {"type": "Hard"}, ResetStation(STATION, ResetKind.IMMEDIATE)),
        ("Reset", {"type": "soft"}, ResetStation(STATION, ResetKind.ON_IDLE)),
        ("TriggerMessage", {"requestedMessage": "Heartbeat"}, TriggerMessage(WHOLE, "Heartbeat")),
        ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}, ChangeAvailability(FIRST, False)),
        ("GetConfiguration", {}, GetVariables(STATION)),
        ("GetConfiguration", {"key": ["A"]}, GetVariables(STATION, ("A",))),
        ("ChangeConfiguration", {"key": "A", "value": "1"}, SetVariable(STATION, "A", "1")),
        ("ChangeConfiguration", {"key": "A", "value": ""}, SetVariable(STATION, "A", "")),
        ("UnlockConnector", {"connectorId": 1}, UnlockConnector(FIRST)),
        ("DataTransfer", {"vendorId": "V", "data": "D"}, TransferData(STATION, "V", None, "D")),
        ("ClearChargingProfile", {}, ProfilesCleared()),
        ("ClearCache", {}, CacheCleared()),
        ("GetLocalListVersion", {}, ListVersionAsked()),
        ("SendLocalList", {"listVersion": 1, "updateType": "Full"}, ListSent(1, True)),
        ("CancelReservation", {"reservationId": 7}, CancelAsked(7)),
    ],
)
def test_calls(action, payload, meaning):
    assert asked(action, payload) == meaning


def test_every_action_of_a_central_is_read():
    for action in FROM_CENTRAL:
        result = asked(action, {})
        assert not isinstance(result, Invalid) or result.code is not ErrorCode.NOT_IMPLEMENTED


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("Dance", {}, ErrorCode.NOT_IMPLEMENTED),
        ("BootNotification", {}, ErrorCode.NOT_IMPLEMENTED),
        ("Reset", {"type": "Softly"}, ErrorCode.FORMAT_VIOLATION),
        ("Reset", {}, ErrorCode.FORMAT_VIOLATION),
        ("RemoteStartTransaction", {}, ErrorCode.FORMAT_VIOLATION),
        ("RemoteStartTransaction", {"idTag": "T" * 21}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ("RemoteStopTransaction", {"transactionId": "x"}, ErrorCode.FORMAT_VIOLATION),
        ("ChangeAvailability", {"connectorId": 1, "type": "Off"}, ErrorCode.FORMAT_VIOLATION),
        ("GetCompositeSchedule", {"connectorId": 1, "duration": -1}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ("SetChargingProfile", {}, ErrorCode.FORMAT_VIOLATION),
    ],
)
def test_what_cannot_be_understood(action, payload, code):
    result = asked(action, payload)
    assert isinstance(result, Invalid)
    assert result.code is code
    assert result.description


def test_a_remote_start_may_bring_a_profile():
    result = asked("RemoteStartTransaction", {"idTag": "A", "connectorId": 1, "chargingProfile": PROFILE})
    assert isinstance(result, StartAsked)
    assert result.profile is not None
    assert result.profile.profile.purpose is ProfilePurpose.TX
    bad = asked("RemoteStartTransaction", {"idTag": "A", "chargingProfile": {"stackLevel": 1}})
    assert isinstance(bad, Invalid)


def test_boot_answer():
    good = central_decode.boot_answer({"status": "Accepted", "interval": 300, "currentTime": "2026-11-20T06:11:00Z"})
    assert (good.value.status, good.value.interval_s, good.value.now) == (Registration.ACCEPTED, 300, NOW)
    assert good.deviations == ()
    poor = central_decode.boot_answer({"status": "Sure", "interval": 0})
    assert (poor.value.status, poor.value.interval_s, poor.value.now) == (Registration.REJECTED, 60, None)
    assert central_decode.heartbeat_answer({"currentTime": "2026-11-20T06:11:00Z"}).value == NOW
    assert central_decode.heartbeat_answer({}).value is None


@pytest.mark.parametrize(
    ("transaction", "read"),
    [(4711, "4711"), ("4711", "4711"), (0, None), (-1, None), (None, None), ("abc", None), (17.0, "17"), (17.5, None)],
)
def test_start_answer(transaction, read):
    payload = {"transactionId": transaction, "idTagInfo": {"status": "Accepted"}}
    expected = StartAnswer(read, IdTokenInfo(AuthorizationStatus.ACCEPTED))
    assert central_decode.start_answer(payload).value == expected


def test_verdicts():
    full = {"idTagInfo": {"status": "blocked", "expiryDate": "2026-11-20T06:11:00Z", "parentIdTag": "P"}}
    assert central_decode.authorize_answer(full).value == IdTokenInfo(AuthorizationStatus.BLOCKED, NOW, "P")
    assert central_decode.authorize_answer({}).value is None
    assert central_decode.authorize_answer({"idTagInfo": {"status": "Fine"}}).value is None
    assert central_decode.start_answer({"transactionId": 1, "idTagInfo": {}}).value == StartAnswer("1", None)
    assert central_decode.start_answer({"transactionId": 1}).value == StartAnswer("1", None)
    assert central_decode.stop_answer({}).value is None
    assert central_decode.stop_answer(full).value == IdTokenInfo(AuthorizationStatus.BLOCKED, NOW, "P")


def test_transfer_answer():
    accepted = central_decode.transfer_answer({"status": "Accepted", "data": "D"}).value
    assert accepted == (TransferStatus.ACCEPTED, "D")
    assert central_decode.transfer_answer({}).value == (TransferStatus.REJECTED, None)
