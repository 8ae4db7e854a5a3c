"""The simulated peers over real sockets, each against an implementation that is not theirs."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint as LibraryChargePoint
from ocpp.v16 import call, call_result
from pymodbus.client import AsyncModbusTcpClient
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve

from sitectl.base.clock import SystemClock
from sitectl.base.tasks import Tasks
from sitectl.simulator.charge_point import ConnectorSpec, StationSpec
from sitectl.simulator.csms import CentralSystem
from sitectl.simulator.layout import lay_out
from sitectl.simulator.meter import MeterFault, SimulatedMeter
from sitectl.simulator.site import SimulatedSite
from sitectl.simulator.station import Station
from sitectl.simulator.vehicle import VehicleSpec

CLOCK = SystemClock()
CAR = VehicleSpec(phases=3, max_a=16, reaction_s=1, ramp_up_a_per_s=5)


async def until(condition: Any, seconds: float = 30.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def running(station: Station) -> AsyncIterator[Station]:
    """The station, connected, with its time passing ten times as fast as ours."""

    async def tick() -> None:
        while True:
            station.tick(1.0)
            await asyncio.sleep(0.1)

    tasks = Tasks()
    tasks.spawn(station.run(), "station")
    tasks.spawn(tick(), "tick")
    try:
        yield station
    finally:
        await tasks.cancel_all()


@pytest.fixture
async def csms() -> AsyncIterator[CentralSystem]:
    central = CentralSystem(CLOCK)
    await central.open()
    yield central
    await central.cut()


def station_for(central: CentralSystem, **spec: Any) -> Station:
    return Station(StationSpec("CP/01", **spec), central.url, CLOCK, Random(1), 1000.4)


async def test_a_station_charges_and_both_ledgers_agree(csms: CentralSystem) -> None:
    async with running(station_for(csms)) as station:
        point = station.charge_point
        await until(lambda: station.online)
        point.configuration.change("MeterValueSampleInterval", "1")
        point.plug(1, CAR, "TAG")
        await until(lambda: csms.ledger.transactions and point.ledger[0].id == 4001)
        await until(lambda: csms.ledger.statuses.get(("CP/01", 1)) == "Charging" and point.ledger[0].energy_wh > 20)
        await until(lambda: csms.ledger.transactions[4001].samples >= 2)
        point.unplug(1, CLOCK.wall())
        await until(lambda: not point.queue and csms.ledger.statuses.get(("CP/01", 1)) == "Available")
    (own,), (told,) = point.ledger, csms.ledger.transactions.values()
    assert (told.station, told.connector, told.id_tag) == ("CP/01", 1, "TAG")
    assert (told.meter_start_wh, told.meter_stop_wh, told.reason) == (1000, own.meter_stop_wh, "Local")
    assert told.meter_stop_wh is not None
    assert own.energy_wh == pytest.approx(told.meter_stop_wh - told.meter_start_wh, abs=1)
    assert csms.ledger.oddities == []


async def test_transactions_survive_a_cut_uplink_and_are_told_once(csms: CentralSystem) -> None:
    async with running(station_for(csms)) as station:
        point = station.charge_point
        point.plug(1, CAR, "TAG")
        await until(lambda: point.ledger and point.ledger[0].id is not None)
        await csms.cut()
        await until(lambda: not station.online)
        point.unplug(1, CLOCK.wall())
        point.plug(1, CAR, "TAG")  # known from the cache: may start without the central
        await until(lambda: len(point.ledger) == 2)
        assert csms.ledger.transactions[4001].stopped is None
        await csms.open()
        await until(lambda: len(csms.ledger.transactions) == 2 and not point.queue, 15)
    assert csms.ledger.transactions[4001].meter_stop_wh == point.ledger[0].meter_stop_wh
    assert csms.ledger.transactions[4002].stopped is None
    assert station.connections == 2


async def test_a_repeated_start_gets_the_first_id_and_a_careless_central_doubles_it(csms: CentralSystem) -> None:
    start = {"connectorId": 1, "idTag": "TAG", "meterStart": 5, "timestamp": "2026-11-20T10:00:00Z"}
    assert [csms.ledger.start("CP01", dict(start)) for _ in range(2)] == [4001, 4001]
    csms.ledger.deduplicates = False
    assert csms.ledger.start("CP01", start) == 4002


async def test_unanswered_transaction_messages_are_repeated_word_for_word() -> None:
    heard: list[Any] = []

    async def accept(socket: Any) -> None:
        async for text in socket:
            _, call_id, action, payload = json.loads(text)
            if action in ("StartTransaction", "StopTransaction"):
                heard.append((action, payload))
                if [other for other, _ in heard].count(action) < 3:
                    socket.transport.abort()
                    return
            accepted = {"status": "Accepted", "idTagInfo": {"status": "Accepted"}, "transactionId": 5, "interval": 0}
            await socket.send(json.dumps([3, call_id, accepted]))

    async with serve(accept, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with running(Station(StationSpec("CP01"), f"ws://127.0.0.1:{port}", CLOCK, Random(1))) as station:
            station.charge_point.plug(1, CAR, "TAG")
            await until(lambda: station.charge_point.ledger)
            station.charge_point.unplug(1, CLOCK.wall())
            await until(lambda: not station.charge_point.queue, 30)
    assert heard[0] == heard[1] == heard[2]
    assert heard[3] == heard[4] == heard[5]
    assert heard[3][1]["transactionId"] == 5
    assert len(heard) == 6


async def test_central_steers_a_station(csms: CentralSystem) -> None:
    async with running(station_for(csms, connectors=(ConnectorSpec(), ConnectorSpec()))) as station:
        await until(lambda: station.online)
        name, point = station.id, station.charge_point
        point.plug(2, CAR, None)
        assert await csms.call(name, "RemoteStartTransaction", {"idTag": "APP"}) == {"status": "Accepted"}
        await until(lambda: point.ledger and point.ledger[0].id is not None)
        assert point.ledger[0].connector == 2
        profile = {
            "chargingProfileId": 1,
            "transactionId": point.ledger[0].id,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Relative",
            "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8}]},
        }
        answer = await csms.call(name, "SetChargingProfile", {"connectorId": 2, "csChargingProfiles": profile})
        assert answer == {"status": "Accepted"}
        await until(lambda: point.connectors[2].drawn == (7.5, 7.5, 7.5))
        triggered = csms.ledger.calls["MeterValues"]
        await csms.call(name, "TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 2})
        await until(lambda: csms.ledger.calls["MeterValues"] == triggered + 1)
        assert await csms.call(name, "Reset", {"type": "Soft"}) == {"status": "Accepted"}
        await until(lambda: station.connections == 2 and station.online)
        await until(lambda: csms.ledger.transactions[4001].reason == "SoftReset")
        assert csms.ledger.calls["BootNotification"] == 2


async def test_a_dropped_station_stays_away_and_returns(csms: CentralSystem) -> None:
    async with running(station_for(csms, boots_on_reconnect=False)) as station:
        await until(lambda: station.online)
        station.drop(0.5)
        await until(lambda: not station.online and "CP/01" not in csms.links)
        await until(lambda: station.online)
    assert csms.ledger.calls["BootNotification"] == 1


async def test_wrong_passwords_are_refused_and_right_ones_admitted() -> None:
    central = CentralSystem(CLOCK, passwords={"CP/01": "secret"})
    await central.open()
    async with (
        running(station_for(central, password="wrong")),
        running(station_for(central, password="secret")) as good,
    ):
        await until(lambda: good.online)
        assert len(central.links) == 1
    await central.cut()


class LibraryStation(LibraryChargePoint):
    @on("GetConfiguration")
    def on_get_configuration(self, **_: Any) -> call_result.GetConfiguration:
        return call_result.GetConfiguration(unknown_key=["Nothing"])


async def test_an_independent_station_is_content_with_the_central(csms: CentralSystem) -> None:
    tasks = Tasks()
    async with connect(f"{csms.url}/LIB1", subprotocols=["ocpp1.6"]) as socket:  # type: ignore[list-item]
        library = LibraryStation("LIB1", socket)
        tasks.spawn(library.start(), "library")
        boot = await library.call(call.BootNotification(charge_point_vendor="V", charge_point_model="M"))
        assert boot.status == "Accepted"
        assert (await library.call(call.Authorize(id_tag="T"))).id_tag_info["status"] == "Accepted"
        assert (await library.call(call.Heartbeat())).current_time.endswith("Z")
        await library.call(call.StatusNotification(connector_id=1, error_code="NoError", status="Preparing"))
        started = await library.call(
            call.StartTransaction(connector_id=1, id_tag="T", meter_start=7, timestamp="2026-11-20T10:00:00Z")
        )
        value = {"timestamp": "2026-11-20T10:00:10Z", "sampledValue": [{"value": "8"}]}
        await library.call(call.MeterValues(connector_id=1, transaction_id=started.transaction_id, meter_value=[value]))
        await library.call(
            call.StopTransaction(transaction_id=started.transaction_id, meter_stop=9, timestamp="2026-11-20T10:01:00Z")
        )
        assert (await library.call(call.DataTransfer(vendor_id="x"))).status == "UnknownVendorId"
        assert await csms.call("LIB1", "GetConfiguration", {}) == {"unknownKey": ["Nothing"]}
    await tasks.cancel_all()
    (transaction,) = csms.ledger.transactions.values()
    assert (transaction.meter_stop_wh, transaction.samples, csms.ledger.oddities) == (9, 1, [])


class LibraryCentral(LibraryChargePoint):
    """The library validates every frame against the schemas, in both directions."""

    @on("BootNotification")
    def on_boot(self, **_: Any) -> call_result.BootNotification:
        return call_result.BootNotification(current_time="2026-11-20T10:00:00Z", interval=60, status="Accepted")

    @on("StatusNotification")
    def on_status(self, **_: Any) -> call_result.StatusNotification:
        return call_result.StatusNotification()

    @on("Authorize")
    def on_authorize(self, **_: Any) -> call_result.Authorize:
        return call_result.Authorize(id_tag_info={"status": "Accepted"})

    @on("StartTransaction")
    def on_start(self, **_: Any) -> call_result.StartTransaction:
        return call_result.StartTransaction(transaction_id=77, id_tag_info={"status": "Accepted"})

    @on("StopTransaction")
    def on_stop(self, **_: Any) -> call_result.StopTransaction:
        return call_result.StopTransaction()

    @on("MeterValues")
    def on_meter_values(self, **_: Any) -> call_result.MeterValues:
        return call_result.MeterValues()

    @on("FirmwareStatusNotification")
    def on_firmware_status(self, **_: Any) -> call_result.FirmwareStatusNotification:
        return call_result.FirmwareStatusNotification()


PROFILE = {
    "charging_profile_id": 1,
    "stack_level": 0,
    "charging_profile_purpose": "TxDefaultProfile",
    "charging_profile_kind": "Absolute",
    "charging_schedule": {"charging_rate_unit": "A", "charging_schedule_period": [{"start_period": 0, "limit": 6.0}]},
}
NINETEEN = [
    (call.CancelReservation(reservation_id=1), "Rejected"),
    (call.ChangeAvailability(connector_id=0, type="Operative"), "Accepted"),
    (call.ChangeConfiguration(key="MeterValueSampleInterval", value="1"), "Accepted"),
    (call.ClearCache(), "Accepted"),
    (call.SetChargingProfile(connector_id=0, cs_charging_profiles=PROFILE), "Accepted"),
    (call.GetCompositeSchedule(connector_id=1, duration=300), "Accepted"),
    (call.ClearChargingProfile(id=1), "Accepted"),
    (call.DataTransfer(vendor_id="x"), "UnknownVendorId"),
    (call.GetConfiguration(key=["NumberOfConnectors", "Strange"]), None),
    (call.GetConfiguration(), None),
    (call.GetDiagnostics(location="ftp://127.0.0.1/"), None),
    (call.GetLocalListVersion(), None),
    (call.SendLocalList(list_version=1, update_type="Full", local_authorization_list=[]), "Accepted"),
    (call.ReserveNow(connector_id=9, expiry_date="2030-01-01T00:00:00Z", id_tag="T", reservation_id=1), "Rejected"),
    (call.TriggerMessage(requested_message="StatusNotification"), "Accepted"),
    (call.UpdateFirmware(location="ftp://127.0.0.1/", retrieve_date="2030-01-01T00:00:00Z"), None),
    (call.RemoteStartTransaction(id_tag="T", connector_id=1), "Accepted"),
    (call.RemoteStopTransaction(transaction_id=5), "Rejected"),
    (call.UnlockConnector(connector_id=1), "Unlocked"),
    (call.Reset(type="Hard"), "Accepted"),
]


async def test_an_independent_central_is_content_with_the_station() -> None:
    centrals: list[LibraryCentral] = []

    async def accept(socket: Any) -> None:
        centrals.append(LibraryCentral("CP/01", socket))
        await centrals[-1].start()

    async with serve(accept, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:  # type: ignore[list-item]
        port = next(iter(server.sockets)).getsockname()[1]
        async with running(Station(StationSpec("CP/01"), f"ws://127.0.0.1:{port}", CLOCK, Random(1))) as station:
            await until(lambda: station.online)
            point = station.charge_point
            station.charge_point.configuration.change("MeterValuesSampledData", "Current.Import,Voltage,SoC")
            point.configuration.change("StopTxnSampledData", "Energy.Active.Import.Register")
            for request, status in NINETEEN:
                answer = await centrals[-1].call(request, suppress=False)
                assert status is None or answer.status == status, request
            await until(lambda: station.connections == 2 and station.online)
            point.plug(1, CAR, "T")
            await until(lambda: point.ledger and point.ledger[0].id == 77 and point.ledger[0].energy_wh > 5)
            await until(lambda: point.queue or point.connectors[1].drawn[0] > 6)
            point.unplug(1, CLOCK.wall())
            await until(lambda: not point.queue)


async def test_an_independent_modbus_client_reads_the_meter() -> None:
    meter = SimulatedMeter(unit=3)
    await meter.open()
    meter.measure(3600, (10.0, 20.5, -4.0))
    client = AsyncModbusTcpClient("127.0.0.1", port=meter.port, timeout=0.3, retries=0, reconnect_delay=0)
    assert await client.connect()

    async def read(address: int, values: int) -> Any:
        reply = await client.read_input_registers(address, count=2 * values, device_id=3)
        assert not reply.isError()
        decoded = client.convert_from_registers(reply.registers, client.DATATYPE.FLOAT32)
        return decoded if isinstance(decoded, list) else [decoded]

    assert await read(0, 9) == [230, 230, 230, 10, 20.5, 4, 2300, 4715, -920]
    assert await read(52, 1) == [6095]
    assert await read(70, 3) == pytest.approx([50, 6.095, 0])
    assert (await client.read_holding_registers(0, count=2, device_id=3)).exception_code == 1
    assert (await client.read_input_registers(380, count=4, device_id=3)).exception_code == 2
    assert (await client.read_input_registers(0, count=100, device_id=3)).exception_code == 3
    meter.fault = MeterFault.NAN
    assert all(value != value for value in await read(6, 3))
    meter.fault = MeterFault.FROZEN
    meter.measure(1, (1, 1, 1))
    assert await read(6, 3) == [10, 20.5, 4]
    meter.fault = MeterFault.SILENT
    with pytest.raises(Exception, match=r"(?i)no response"):
        await client.read_input_registers(0, count=2, device_id=3)
    client.close()
    await meter.close()


async def test_a_whole_site_without_a_controller_shows_its_truth() -> None:
    site = SimulatedSite(lay_out(4), "ws://127.0.0.1:9", CLOCK, seed=1)
    for number, station in enumerate(site.stations.values()):
        point = station.charge_point
        point.configuration.change("AllowOfflineTxForUnknownId", "true")
        point.plug(1, CAR, f"T{number}")
        point.start(point.connectors[1], CLOCK.wall())
    for _ in range(200):
        site.advance(0.1)
    assert site.flows["grid"] == pytest.approx((4 * 16,) * 3, abs=0.7)
    assert site.flows["garage"] == pytest.approx((2 * 16,) * 3)
    assert site.offers["grid"].peak_a == pytest.approx([4 * 32] * 3, abs=0.7)
    assert site.energy_wh > 0
    assert site.allowed_wh > site.energy_wh * 0.9
    assert site.ev_hours == pytest.approx(4 * 20 / 3600)
    assert not site.idle
