"""Every command and answer is what the standard's schema wants, without null."""

from datetime import UTC, datetime

import orjson
import pytest

from sitectl.config.schemas import load_schemas
from sitectl.model.commands import (
    ChangeAvailability,
    GetVariables,
    InstallFallback,
    OfferLimit,
    RelayCall,
    RequestStart,
    RequestStop,
    ResetKind,
    ResetStation,
    SetVariable,
    TransferData,
    TriggerMessage,
    UnlockConnector,
)
from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import Offer, OfferKind
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.ocpp.schema import Validator
from sitectl.ocpp.v16 import encode
from sitectl.ocpp.versions import Version

VALIDATOR = Validator(load_schemas(Version.V16))
STATION = StationId("CP01")
EVSE = EvseId(STATION, 2)
NOW = datetime(2026, 11, 20, 6, 11, 0, 999_999, tzinfo=UTC)
DYNAMIC = Offer(EVSE, 7, 16.0, OfferKind.DYNAMIC, 0.0)
FALLBACK = Offer(EVSE, 8, 6.0, OfferKind.FALLBACK, 0.0)


@pytest.mark.parametrize(
    ("command", "action", "payload"),
    [
        (RequestStart(EVSE, "ABC"), "RemoteStartTransaction", {"connectorId": 2, "idTag": "ABC"}),
        (RequestStop(STATION, 5), "RemoteStopTransaction", {"transactionId": 5}),
        (ResetStation(STATION, ResetKind.IMMEDIATE), "Reset", {"type": "Hard"}),
        (ResetStation(STATION, ResetKind.ON_IDLE), "Reset", {"type": "Soft"}),
        (TriggerMessage(EVSE, "MeterValues"), "TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 2}),
        (TriggerMessage(EvseId(STATION, 0), "Heartbeat"), "TriggerMessage", {"requestedMessage": "Heartbeat"}),
        (ChangeAvailability(EVSE, True), "ChangeAvailability", {"connectorId": 2, "type": "Operative"}),
        (
            ChangeAvailability(EvseId(STATION, 0), False),
            "ChangeAvailability",
            {"connectorId": 0, "type": "Inoperative"},
        ),
        (GetVariables(STATION), "GetConfiguration", {}),
        (GetVariables(STATION, ("A", "B")), "GetConfiguration", {"key": ["A", "B"]}),
        (SetVariable(STATION, "A", "1"), "ChangeConfiguration", {"key": "A", "value": "1"}),
        (UnlockConnector(EVSE), "UnlockConnector", {"connectorId": 2}),
        (TransferData(STATION, "V"), "DataTransfer", {"vendorId": "V"}),
        (TransferData(STATION, "V", "M", "D"), "DataTransfer", {"vendorId": "V", "messageId": "M", "data": "D"}),
        (RelayCall(STATION, "ClearCache", {"a": None}), "ClearCache", {}),
        (RelayCall(STATION, "CancelReservation", {"reservationId": 3}), "CancelReservation", {"reservationId": 3}),
    ],
)
def test_commands(command, action, payload):
    assert encode.call(command) == (action, payload)
    assert VALIDATOR.deviations(action, "request", payload) == ()


@pytest.mark.parametrize("command", [OfferLimit(DYNAMIC, 5, NOW, 300, False), InstallFallback(FALLBACK)])
def test_limits_are_charging_profiles(command):
    action, payload = encode.call(command)
    assert action == "SetChargingProfile"
    assert VALIDATOR.deviations(action, "request", payload) == ()


INFO = IdTokenInfo(AuthorizationStatus.ACCEPTED, NOW, "P" * 30)


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", encode.boot_answer(encode.Registration.ACCEPTED, NOW, 300)),
        ("Heartbeat", encode.heartbeat_answer(NOW)),
        ("Authorize", encode.authorize_answer(INFO)),
        ("StartTransaction", encode.start_answer(2_000_001_234, INFO)),
        ("StartTransaction", encode.start_answer(1, IdTokenInfo(AuthorizationStatus.BLOCKED))),
        ("StopTransaction", encode.stop_answer()),
        ("StopTransaction", encode.stop_answer(INFO)),
        ("DataTransfer", encode.transfer_answer()),
        ("DataTransfer", encode.transfer_answer("Accepted", "x")),
        ("MeterValues", encode.empty_answer()),
        ("StatusNotification", encode.empty_answer()),
        ("FirmwareStatusNotification", encode.empty_answer()),
        ("DiagnosticsStatusNotification", encode.empty_answer()),
    ],
)
def test_answers(action, payload):
    assert VALIDATOR.deviations(action, "response", payload) == ()
    assert b"null" not in orjson.dumps(payload)


def test_times_are_whole_seconds():
    assert encode.heartbeat_answer(NOW) == {"currentTime": "2026-11-20T06:11:00Z"}
