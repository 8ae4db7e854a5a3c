"""The nineteen calls of a central, one by one."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sitectl.simulator.answers import Answer, answer
from sitectl.simulator.charge_point import ChargePoint, ConnectorSpec, StationSpec
from sitectl.simulator.link import Refusal
from sitectl.simulator.vehicle import VehicleSpec

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
CAR = VehicleSpec(phases=3, max_a=32)


@pytest.fixture
def point() -> ChargePoint:
    return ChargePoint(StationSpec("CP01", (ConnectorSpec(), ConnectorSpec(16))))


def ask(point: ChargePoint, action: str, **payload: Any) -> Answer:
    return answer(point, action, payload, NOW)


def status(point: ChargePoint, action: str, **payload: Any) -> Any:
    return ask(point, action, **payload).payload["status"]


def start(point: ChargePoint, number: int = 1, transaction_id: int = 7) -> None:
    point.plug(number, CAR, "TAG")
    point.start(point.connectors[number], NOW).id = transaction_id


def profile(purpose: str, limit: float = 10, **more: Any) -> dict[str, Any]:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    return {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
        **more,
    }


def test_unknown_actions_are_not_implemented(point: ChargePoint) -> None:
    with pytest.raises(Refusal, match="NotImplemented"):
        ask(point, "MakeCoffee")


def test_tx_profiles_need_their_transaction(point: ChargePoint) -> None:
    def install(**more: Any) -> Any:
        return status(point, "SetChargingProfile", connectorId=1, csChargingProfiles=profile("TxProfile", **more))

    assert install() == "Rejected"
    start(point)
    assert install(transactionId=8) == "Rejected"
    assert install(transactionId=7) == "Accepted"
    assert install() == "Accepted"
    assert point.limit_a(point.connectors[1], NOW) == 10
    assert point.limit_a(point.connectors[2], NOW) == 16
    assert point.tx_profiles_received == 4


def test_station_maximum_belongs_on_connector_0(point: ChargePoint) -> None:
    lid = profile("ChargePointMaxProfile")
    assert status(point, "SetChargingProfile", connectorId=1, csChargingProfiles=lid) == "Rejected"
    assert status(point, "SetChargingProfile", connectorId=0, csChargingProfiles=lid) == "Accepted"


@pytest.mark.parametrize(
    ("connector", "broken"), [(9, profile("TxDefaultProfile")), (0, {}), (0, profile("TxProfile"))]
)
def test_impossible_profiles_get_a_call_error(point: ChargePoint, connector: int, broken: dict[str, Any]) -> None:
    with pytest.raises(Refusal, match="PropertyConstraintViolation"):
        ask(point, "SetChargingProfile", connectorId=connector, csChargingProfiles=broken)


def test_profiles_are_cleared_and_shown(point: ChargePoint) -> None:
    assert status(point, "ClearChargingProfile") == "Unknown"
    ask(point, "SetChargingProfile", connectorId=2, csChargingProfiles=profile("TxDefaultProfile"))
    shown = ask(point, "GetCompositeSchedule", connectorId=2, duration=60).payload
    assert shown["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 10}]
    assert status(point, "ClearChargingProfile", connectorId=2) == "Accepted"
    shown = ask(point, "GetCompositeSchedule", connectorId=0, duration=60).payload
    assert shown["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 48}]


def test_remote_start_takes_the_connector_with_a_car(point: ChargePoint) -> None:
    point.plug(2, CAR, None)
    assert status(point, "RemoteStartTransaction", idTag="APP") == "Accepted"
    request = point.connectors[2].request
    assert request is not None
    assert request.authorized
    assert point.ready_to_start(point.connectors[2], NOW)


def test_remote_start_asks_first_when_configured_and_lapses_without_a_car(point: ChargePoint) -> None:
    ask(point, "ChangeConfiguration", key="AuthorizeRemoteTxRequests", value="true")
    ask(point, "ChangeConfiguration", key="ConnectionTimeOut", value="0")
    assert status(point, "RemoteStartTransaction", idTag="APP", connectorId=1) == "Accepted"
    request = point.connectors[1].request
    assert request is not None
    assert not request.authorized
    assert not point.ready_to_start(point.connectors[1], NOW)
    assert point.connectors[1].request is None


def test_remote_start_where_nothing_is_free(point: ChargePoint) -> None:
    start(point)
    assert status(point, "RemoteStartTransaction", idTag="APP", connectorId=1) == "Rejected"


def test_remote_stop_by_id(point: ChargePoint) -> None:
    start(point)
    assert status(point, "RemoteStopTransaction", transactionId=8) == "Rejected"
    assert status(point, "RemoteStopTransaction", transactionId=7) == "Accepted"
    assert point.ledger[0].reason == "Remote"
    assert point.connectors[1].status() == "Finishing"


def test_reset_ends_transactions_and_reboots(point: ChargePoint) -> None:
    start(point)
    result = ask(point, "Reset", type="Hard")
    assert (result.payload, result.reboots, point.ledger[0].reason) == ({"status": "Accepted"}, True, "HardReset")


def test_unlock_ends_the_transaction(point: ChargePoint) -> None:
    start(point)
    assert status(point, "UnlockConnector", connectorId=1) == "Unlocked"
    assert point.ledger[0].reason == "UnlockCommand"
    assert status(point, "UnlockConnector", connectorId=5) == "NotSupported"


def test_availability(point: ChargePoint) -> None:
    start(point)
    assert status(point, "ChangeAvailability", connectorId=2, type="Inoperative") == "Accepted"
    assert point.connectors[2].status() == "Unavailable"
    assert status(point, "ChangeAvailability", connectorId=0, type="Inoperative") == "Scheduled"
    assert status(point, "ChangeAvailability", connectorId=0, type="Operative") == "Accepted"
    with pytest.raises(Refusal):
        ask(point, "ChangeAvailability", connectorId=7, type="Operative")


@pytest.mark.parametrize(
    ("message", "connector", "calls"),
    [
        ("BootNotification", None, ["BootNotification"]),
        ("Heartbeat", None, ["Heartbeat"]),
        ("StatusNotification", None, ["StatusNotification"] * 2),
        ("MeterValues", 2, ["MeterValues"]),
        ("FirmwareStatusNotification", None, ["FirmwareStatusNotification"]),
        ("Poem", None, None),
    ],
)
def test_trigger(point: ChargePoint, message: str, connector: int | None, calls: list[str] | None) -> None:
    payload = {"requestedMessage": message} | ({} if connector is None else {"connectorId": connector})
    result = answer(point, "TriggerMessage", payload, NOW)
    assert result.payload == {"status": "NotImplemented" if calls is None else "Accepted"}
    assert [action for action, _ in result.calls] == (calls or [])


def test_a_triggered_sample_of_a_transaction_names_it(point: ChargePoint) -> None:
    start(point)
    ((_, payload),) = ask(point, "TriggerMessage", requestedMessage="MeterValues", connectorId=1).calls
    assert payload["transactionId"] == 7
    assert payload["meterValue"][0]["sampledValue"][0]["context"] == "Trigger"


def test_reservations(point: ChargePoint) -> None:
    until = "2026-11-20T13:00:00Z"
    reserve = {"connectorId": 1, "idTag": "VIP", "expiryDate": until}
    assert status(point, "ReserveNow", reservationId=5, **reserve) == "Accepted"
    assert point.connectors[1].status() == "Reserved"
    assert status(point, "ReserveNow", reservationId=6, **reserve) == "Occupied"
    point.plug(1, CAR, "OTHER")
    assert not point.ready_to_start(point.connectors[1], NOW)
    assert status(point, "CancelReservation", reservationId=5) == "Accepted"
    assert status(point, "CancelReservation", reservationId=5) == "Rejected"
    assert point.ready_to_start(point.connectors[1], NOW)
    assert status(point, "ReserveNow", reservationId=7, **reserve) == "Occupied"


def test_a_reservation_is_used_up_by_its_start(point: ChargePoint) -> None:
    ask(point, "ReserveNow", reservationId=5, connectorId=1, idTag="TAG", expiryDate="2026-11-20T13:00:00Z")
    start(point)
    assert point.queue[0].payload["reservationId"] == 5
    assert point.connectors[1].reservation is None


def test_local_list(point: ChargePoint) -> None:
    entries = [{"idTag": "A", "idTagInfo": {"status": "Accepted"}}, {"idTag": "B", "idTagInfo": {"status": "Blocked"}}]
    assert (
        status(point, "SendLocalList", listVersion=3, updateType="Full", localAuthorizationList=entries) == "Accepted"
    )
    assert ask(point, "GetLocalListVersion").payload == {"listVersion": 3}
    assert point.locally_authorized("A", online=False)
    assert not point.locally_authorized("B", online=False)
    assert status(point, "SendLocalList", listVersion=3, updateType="Differential") == "VersionMismatch"
    removal = [{"idTag": "A"}]
    ask(point, "SendLocalList", listVersion=4, updateType="Differential", localAuthorizationList=removal)
    assert not point.locally_authorized("A", online=False)
    ask(point, "ChangeConfiguration", key="LocalAuthListEnabled", value="false")
    assert status(point, "SendLocalList", listVersion=5, updateType="Full") == "NotSupported"


def test_the_rest(point: ChargePoint) -> None:
    assert status(point, "ClearCache") == "Accepted"
    ask(point, "ChangeConfiguration", key="AuthorizationCacheEnabled", value="false")
    assert status(point, "ClearCache") == "Rejected"
    assert status(point, "DataTransfer", vendorId="x") == "UnknownVendorId"
    assert ask(point, "GetDiagnostics", location="ftp://x").payload == {}
    firmware = ask(point, "UpdateFirmware", location="ftp://x", retrieveDate="2026-11-20T13:00:00Z")
    assert firmware.calls == (("FirmwareStatusNotification", {"status": "DownloadFailed"}),)
    assert ask(point, "GetConfiguration", key=["NumberOfConnectors"]).payload["configurationKey"][0]["value"] == "2"
