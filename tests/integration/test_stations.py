"""The stations room on real sockets and a real store, opposite the `ocpp` package's ChargePoint and raw clients."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from random import Random
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sitectl.base.clock import SystemClock
from sitectl.config.settings import (
    Address,
    AuthorizationMode,
    AuthorizationSettings,
    OcppSettings,
    TlsSettings,
    UnknownStations,
)
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
from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import Offer, OfferKind
from sitectl.model.station import StationPlan
from sitectl.ocpp.v16 import copies
from sitectl.ocpp.v16.actions import FROM_CENTRAL
from sitectl.security.tls import client_context
from sitectl.stations.stations import Stations
from sitectl.store.opening import Store, open_store
from tests.unit.security.test_tls import Authority
from tests.unit.stations.twins import CentralsTwin, Inbox, settings, station_plan, stop_payload

CP = StationId("CP01")
FREE = AuthorizationSettings(AuthorizationMode.FREE)
SUBPROTOCOL: Any = ["ocpp1.6"]


class Site:
    """The room with its store."""

    def __init__(self, stations: Stations, store: Store, inbox: Inbox, centrals: CentralsTwin) -> None:
        self.stations = stations
        self.store = store
        self.inbox = inbox
        self.centrals = centrals

    def url(self, station: str = "CP01") -> str:
        host, port = self.stations.server.addresses[0]
        return f"ws://{host}:{port}/ocpp/{station}"


@asynccontextmanager
async def site(
    folder: Path,
    *plans: StationPlan,
    passwords: dict[StationId, bytes] | None = None,
    commissioning: bool = False,
    unknown: UnknownStations = UnknownStations.QUARANTINE,
    tls: TlsSettings | None = None,
) -> AsyncIterator[Site]:
    clock = SystemClock()
    store = await open_store(
        folder / "store.db", clock, Random(1), lambda stop, version: copies.stop({"meterStop": stop.meter_stop_wh})
    )
    ocpp = OcppSettings(Address("127.0.0.1", 0), (ip_network("10.0.0.0/8"),), tls, unknown_stations=unknown)
    inbox, centrals = Inbox(), CentralsTwin()
    stations = Stations(
        settings(*plans, authorization=FREE, ocpp=ocpp, passwords=passwords),
        inbox=inbox,
        journal=store.journal,
        ledger=store.ledger,
        centrals=centrals,
        cache=store.tokens,
        store=store.stations,
        clock=clock,
        commissioning=lambda: commissioning,
    )
    await stations.load()
    await stations.start()
    try:
        yield Site(stations, store, inbox, centrals)
    finally:
        await stations.stop()
        await store.close()


def basic(user: str, password: bytes) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + password).decode()}


async def refused(url: str, **more: Any) -> int:
    """The HTTP status that a client is turned away with; 101 when it is not."""
    try:
        async with connect(url, compression=None, **{"subprotocols": SUBPROTOCOL, **more}):
            return 101
    except InvalidStatus as error:
        return error.response.status_code


async def until(true: Any, within_s: float = 5.0) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.01)


class Charger(ChargePoint):
    """A station on the `ocpp` package, which checks every frame of ours against the standard's schemas."""

    asked: list[str]

    async def start(self) -> None:
        try:
            await super().start()
        except ConnectionClosed:
            return

    def _note(self, action: str) -> None:
        self.__dict__.setdefault("asked", []).append(action)

    @on("GetConfiguration")
    def get_configuration(self, key: list[str] | None = None, **_: Any) -> Any:
        self._note("GetConfiguration")
        known = [{"key": "LocalPreAuthorize", "readonly": False, "value": "false"}]
        return call_result.GetConfiguration(configuration_key=known, unknown_key=["Other"])

    @on("ChangeConfiguration")
    def change_configuration(self, key: str, value: str, **_: Any) -> Any:
        self._note("ChangeConfiguration")
        return call_result.ChangeConfiguration("Accepted")

    @on("SetChargingProfile")
    def set_charging_profile(self, connector_id: int, cs_charging_profiles: Any, **_: Any) -> Any:
        self._note("SetChargingProfile")
        self.__dict__.setdefault("profiles", []).append(cs_charging_profiles)
        return call_result.SetChargingProfile("Accepted")


def _answering(action: str, answer: Any) -> Any:
    async def handler(self: Charger, **_: Any) -> Any:
        self._note(action)
        return answer

    handler.__name__ = f"answer_{action}"  # by this name the package looks for it
    return on(action)(handler)


ANSWERS: dict[str, Any] = {
    "CancelReservation": call_result.CancelReservation("Accepted"),
    "ChangeAvailability": call_result.ChangeAvailability("Accepted"),
    "ClearCache": call_result.ClearCache("Accepted"),
    "ClearChargingProfile": call_result.ClearChargingProfile("Accepted"),
    "DataTransfer": call_result.DataTransfer("Accepted"),
    "GetCompositeSchedule": call_result.GetCompositeSchedule("Rejected"),
    "GetDiagnostics": call_result.GetDiagnostics(),
    "GetLocalListVersion": call_result.GetLocalListVersion(1),
    "RemoteStartTransaction": call_result.RemoteStartTransaction("Accepted"),
    "RemoteStopTransaction": call_result.RemoteStopTransaction("Accepted"),
    "ReserveNow": call_result.ReserveNow("Accepted"),
    "Reset": call_result.Reset("Accepted"),
    "SendLocalList": call_result.SendLocalList("Accepted"),
    "TriggerMessage": call_result.TriggerMessage("Accepted"),
    "UnlockConnector": call_result.UnlockConnector("Unlocked"),
    "UpdateFirmware": call_result.UpdateFirmware(),
}
for _action, _answer in ANSWERS.items():
    setattr(Charger, f"answer_{_action}", _answering(_action, _answer))


@asynccontextmanager
async def charger(url: str, **more: Any) -> AsyncIterator[Charger]:
    async with connect(url, subprotocols=SUBPROTOCOL, **more) as connection:
        station = Charger(url.rpartition("/")[2], connection)
        task = asyncio.create_task(station.start())
        yield station
        task.cancel()


async def boots(station: Charger) -> None:
    answer = await station.call(call.BootNotification("One", "Acme"))
    assert answer.status == "Accepted"


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


# --- who may connect ---


async def test_status_codes_at_the_door(tmp_path: Path) -> None:
    plans = (station_plan("CP01", profile=1), station_plan("OPEN"))
    async with site(tmp_path, *plans, passwords={CP: b"secret"}, unknown=UnknownStations.REJECT) as here:
        right = basic("CP01", b"secret")
        assert await refused(here.url(), additional_headers=right) == 101
        assert await refused(here.url() + "/", additional_headers=right) == 101
        assert await refused(here.url()) == 401
        assert await refused(here.url(), additional_headers=basic("CP01", b"\xffwrong")) == 401
        assert await refused(here.url(), additional_headers=right, origin="http://x.example") == 403
        assert await refused(here.url(), additional_headers=right, subprotocols=["ocpp2.0.1"]) == 400
        assert await refused(here.url(), additional_headers=right, subprotocols=None) == 101
        assert await refused(here.url("NOBODY")) == 404
        assert await refused(here.url("CP%2F01"), additional_headers=right) == 404
        assert await refused(here.url("OPEN")) == 101


async def test_the_wrong_password_is_told_how_to_ask(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan(profile=1), passwords={CP: b"secret"}) as here:
        with pytest.raises(InvalidStatus) as error:
            await connect(here.url(), subprotocols=SUBPROTOCOL)
        assert error.value.response.headers["WWW-Authenticate"].startswith("Basic ")
        assert b"secret" not in error.value.response.body


async def test_a_missing_subprotocol_is_answered_without_the_header(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here, connect(here.url()) as raw:
        assert raw.subprotocol is None
        assert "Sec-WebSocket-Protocol" not in raw.response.headers
        assert "currentTime" in await ask(raw, "Heartbeat", {})


async def test_what_is_shown_in_the_commissioning_window_holds_after_a_restart(tmp_path: Path) -> None:
    plan = station_plan(profile=1)
    async with site(tmp_path, plan, commissioning=True) as here:
        assert await refused(here.url(), additional_headers=basic("CP01", b"\x01\xff first")) == 101
        await until(lambda: here.stations.book.records[CP].known is not None)
        assert await refused(here.url(), additional_headers=basic("CP01", b"second")) == 401
    async with site(tmp_path, plan, commissioning=True) as here:
        assert await refused(here.url(), additional_headers=basic("CP01", b"second")) == 401
        assert await refused(here.url(), additional_headers=basic("CP01", b"\x01\xff first")) == 101


async def test_a_restart_with_everything_else_dead_knows_every_station(tmp_path: Path) -> None:
    plans = (station_plan("CP01", profile=1), station_plan("CP02"))
    header = basic("CP01", b"mine")
    async with site(tmp_path, *plans, commissioning=True) as here:
        async with charger(here.url(), additional_headers=header) as station:
            await boots(station)
            now = "2026-01-01T12:00:00Z"
            started = await station.call(call.StartTransaction(1, "TAG1", 100, now))
        await until(lambda: not here.stations.book.online(CP))
    async with site(tmp_path, *plans) as here:
        assert here.stations.book.boot(CP) is not None
        assert here.stations.book.running(EvseId(CP, 1))
        async with connect(here.url(), subprotocols=SUBPROTOCOL, additional_headers=header) as raw:
            await ask(raw, "StopTransaction", stop_payload(started.transaction_id))
        assert await here.store.ledger.open_transactions(CP) == []


async def test_in_quarantine_a_boot_is_pending(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here, connect(here.url("NEW"), subprotocols=SUBPROTOCOL) as raw:
        boot = {"chargePointVendor": "Acme", "chargePointModel": "One"}
        assert (await ask(raw, "BootNotification", boot))["status"] == "Pending"
        assert list(here.stations.book.quarantined) == ["NEW"]


async def test_profiles_2_and_3_come_in_over_tls_only(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "site-ca")
    tls = TlsSettings(Address("127.0.0.1", 0), *authority.issue("gw"), authority.ca)
    plans = (station_plan("CP01", profile=2), station_plan("CP02", profile=3))
    header = basic("CP01", b"secret")
    async with site(tmp_path, *plans, passwords={CP: b"secret"}, tls=tls) as here:
        assert await refused(here.url(), additional_headers=header) == 403
        secure = f"wss://127.0.0.1:{here.stations.server.addresses[1][1]}"
        bare = {"ssl": client_context(authority.ca), "server_hostname": "gateway"}
        named = {**bare, "ssl": client_context(authority.ca, *authority.issue("CP02"))}
        other = {**bare, "ssl": client_context(authority.ca, *authority.issue("CP03"))}
        assert await refused(f"{secure}/CP01", additional_headers=header, **bare) == 101
        assert await refused(f"{secure}/CP01", **bare) == 401
        assert await refused(f"{secure}/CP02", **named) == 101
        assert await refused(f"{secure}/CP02", **bare) == 403
        assert await refused(f"{secure}/CP02", **other) == 403


# --- two connections ---


async def test_the_newest_connection_with_the_same_credential_wins(tmp_path: Path) -> None:
    header = basic("CP01", b"secret")
    async with site(tmp_path, station_plan(profile=1), passwords={CP: b"secret"}) as here:
        old = await connect(here.url(), subprotocols=SUBPROTOCOL, additional_headers=header)
        async with connect(here.url(), subprotocols=SUBPROTOCOL, additional_headers=header) as new:
            with pytest.raises(ConnectionClosed):
                async with asyncio.timeout(5):
                    await old.recv()
            assert "currentTime" in await ask(new, "Heartbeat", {})


async def test_another_address_is_turned_away_while_the_old_one_answers(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here, connect(here.url(), subprotocols=SUBPROTOCOL) as old:
        await ask(old, "Heartbeat", {})
        elsewhere = {"local_addr": ("127.0.0.2", 0)}
        assert await refused(here.url(), **elsewhere) == 403
        (problem,) = here.stations.problems()
        assert "127.0.0.2" in problem.what
        assert "currentTime" in await ask(old, "Heartbeat", {})


async def test_another_address_takes_over_from_a_connection_that_is_dead(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here:
        old = await connect(here.url(), subprotocols=SUBPROTOCOL)
        await ask(old, "Heartbeat", {})
        old.transport.pause_reading()
        async with connect(here.url(), subprotocols=SUBPROTOCOL, local_addr=("127.0.0.2", 0)) as new:
            assert "currentTime" in await ask(new, "Heartbeat", {})
        old.transport.abort()


# --- bad input ---


async def ask(raw: ClientConnection, action: str, payload: dict[str, Any], id: str = "ask") -> dict[str, Any]:
    """Call and give the answer; calls of the other side and answers to others are passed over."""
    await raw.send(json.dumps([2, id, action, payload]))
    async with asyncio.timeout(10):
        while True:
            frame = json.loads(await raw.recv())
            if frame[0] == 3 and frame[1] == id:
                return dict(frame[2])


async def test_no_frame_harms_anybody(tmp_path: Path) -> None:
    async with (
        site(tmp_path, station_plan("CP01"), station_plan("CP02")) as here,
        connect(here.url("CP01"), subprotocols=SUBPROTOCOL) as bad,
        connect(here.url("CP02"), subprotocols=SUBPROTOCOL) as good,
    ):
        frames: list[str | bytes] = [
            "",
            "null",
            "[]",
            "[2]",
            '[2,"1"',
            '[2,1,"Heartbeat",{}]',
            '[2,"1","Heartbeat"]',
            '[2,"1","Heartbeat",[]]',
            '[2,"1","Nonsense",{}]',
            '[3,"nobody-asked",{}]',
            '[4,"nobody-asked","GenericError","",{}]',
            '[5,"1","x","",{}]',
            '[7,"1"]',
            '[2,"1","StartTransaction",{"connectorId":' + "9" * 30 + "}]",
            "[" * 50 + "]" * 50,
            '[2,"1","DataTransfer",{"vendorId":"' + "x" * 100_000 + '"}]',
            b"\x00\x01\xff binary",
            json.dumps([2, "same", "Heartbeat", {}]),
            json.dumps([2, "same", "Heartbeat", {}]),
        ]
        for frame in frames:
            await bad.send(frame)
        await bad.send(b'[2,"utf","StatusNotification",{"info":"\xff\xfe"}]', text=True)
        assert "currentTime" in await ask(good, "Heartbeat", {})
        assert "currentTime" in await ask(bad, "Heartbeat", {})


async def test_an_oversize_frame_ends_only_its_own_connection(tmp_path: Path) -> None:
    async with (
        site(tmp_path, station_plan("CP01"), station_plan("CP02")) as here,
        connect(here.url("CP02"), subprotocols=SUBPROTOCOL) as good,
    ):
        bad = await connect(here.url("CP01"), subprotocols=SUBPROTOCOL)
        await bad.send("x" * 300_000)
        await bad.wait_closed()
        assert bad.close_code == 1009
        assert "currentTime" in await ask(good, "Heartbeat", {})


async def test_half_open_handshakes_end_by_themselves_and_more_than_enough_are_dropped(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here:
        host, port = here.stations.server.addresses[0]
        idle = [await asyncio.open_connection(host, port) for _ in range(2 + 32)]
        reader, writer = await asyncio.open_connection(host, port)
        async with asyncio.timeout(3):
            assert await reader.read() == b"", "the one too many is dropped at once"
        async with asyncio.timeout(8):
            assert await idle[0][0].read() == b"", "five seconds are enough for a request"
        for _, each in (*idle, (reader, writer)):
            each.close()
        assert await refused(here.url()) == 101
