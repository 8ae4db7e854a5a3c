"""The stations room opposite the `ocpp` package's ChargePoint: every call of either side, on real sockets."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from ocpp.v16 import call

from sitectl.model.commands import (
    Answered,
    ChangeAvailability,
    Command,
    GetVariables,
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
    Urgency,
)
from sitectl.model.events import LimitAcknowledged, TransactionEnded, TransactionStarted
from sitectl.model.ids import EvseId
from sitectl.model.limits import Offer, OfferKind
from sitectl.ocpp.v16.actions import FROM_CENTRAL
from tests.integration.station_site import CP, boots, charger, site, until
from tests.unit.stations.twins import station_plan

# --- the ten calls of stations ---


async def test_a_whole_transaction_is_on_disk_and_told_to_the_site(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here, charger(here.url()) as station:
        await boots(station)
        assert (await station.call(call.Heartbeat())).current_time.endswith("Z")
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        await station.call(call.StatusNotification(1, "NoError", "Preparing", timestamp=now))
        assert (await station.call(call.Authorize("TAG1"))).id_tag_info["status"] == "Accepted"
        started = await station.call(call.StartTransaction(1, "TAG1", 100, now))
        assert started.id_tag_info["status"] == "Accepted"
        assert started.transaction_id > 0
        (running,) = await here.store.ledger.open_transactions(CP)
        assert running.station_transaction_id == started.transaction_id
        value = {"value": "16.0", "measurand": "Current.Import", "unit": "A", "phase": "L1"}
        await station.call(call.MeterValues(1, [{"timestamp": now, "sampledValue": [value]}], started.transaction_id))
        assert here.stations.book.reading(EvseId(CP, 1)).current_a.l1 == 16.0
        for action in (call.FirmwareStatusNotification("Idle"), call.DiagnosticsStatusNotification("Idle")):
            await station.call(action)
        here.centrals.answer = {"status": "Accepted"}
        assert (await station.call(call.DataTransfer("acme"))).status == "Accepted"
        await station.call(call.StopTransaction(900, now, started.transaction_id, reason="Local"))
        assert await here.store.ledger.open_transactions(CP) == []
        kinds = [type(e) for e in here.inbox if isinstance(e, TransactionStarted | TransactionEnded)]
        assert kinds == [TransactionStarted, TransactionEnded]
        assert ("outbox", CP) in here.centrals.heard


async def test_all_nineteen_calls_of_centrals_can_be_sent(tmp_path: Path) -> None:
    one = EvseId(CP, 1)
    relayed = {
        "CancelReservation": {"reservationId": 1},
        "ClearCache": {},
        "ClearChargingProfile": {"id": 9},
        "GetCompositeSchedule": {"connectorId": 1, "duration": 60},
        "GetDiagnostics": {"location": "ftp://10.0.0.1/"},
        "GetLocalListVersion": {},
        "ReserveNow": {"connectorId": 1, "expiryDate": "2030-01-01T00:00:00Z", "idTag": "T", "reservationId": 1},
        "SendLocalList": {"listVersion": 1, "updateType": "Full"},
        "UpdateFirmware": {"location": "ftp://10.0.0.1/", "retrieveDate": "2030-01-01T00:00:00Z"},
    }
    begins = datetime(2026, 1, 1, tzinfo=UTC)
    commands: list[Command] = [
        OfferLimit(Offer(one, 2, 16.0, OfferKind.DYNAMIC, 0.0), 7, begins, 300, cut=True),
        RequestStart(one, "TAG1"),
        RequestStop(CP, 7),
        ResetStation(CP, ResetKind.ON_IDLE),
        TriggerMessage(one, "MeterValues"),
        ChangeAvailability(one, operative=True),
        GetVariables(CP, ("HeartbeatInterval",)),
        SetVariable(CP, "HeartbeatInterval", "60"),
        UnlockConnector(one),
        TransferData(CP, "acme", "m", "d"),
        *(RelayCall(CP, action, payload) for action, payload in relayed.items()),
    ]
    async with site(tmp_path, station_plan()) as here, charger(here.url()) as station:
        await boots(station)
        for command in commands:
            outcome = await here.stations.execute(CP, command, Urgency.CONTROL)
            assert isinstance(outcome, Answered), (command, outcome)
        assert set(station.asked) == set(FROM_CENTRAL)


async def test_a_limit_arrives_as_the_standard_wants_it_and_comes_back_acknowledged(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here, charger(here.url()) as station:
        await boots(station)
        offer = Offer(EvseId(CP, 1), 2, 13.7, OfferKind.DYNAMIC, 0.0)
        here.stations.limits.offer(OfferLimit(offer, 7, datetime(2026, 1, 1, tzinfo=UTC), 300, cut=True))
        await until(lambda: here.inbox.of(LimitAcknowledged))
        (profile,) = station.__dict__["profiles"]
        assert profile["charging_profile_purpose"] == "TxProfile"
        assert profile["charging_schedule"]["charging_schedule_period"][0]["limit"] == Decimal("13.7")
