"""Virtual stations on real sockets and a real store, opposite centrals of other makes."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from sitectl.base.clock import SystemClock
from sitectl.config.settings import UplinkSettings
from sitectl.model.commands import (
    Answered,
    ChangeAvailability,
    RequestStart,
    RequestStop,
    ResetKind,
    ResetStation,
    TransferData,
    UnlockConnector,
)
from sitectl.model.events import CeilingCleared, CeilingSet
from sitectl.model.ids import EvseId, StationId
from sitectl.model.uplink import UplinkState
from sitectl.security.tls import server_context
from sitectl.uplinks import dial, pool, uplink
from tests.integration.csms import CUT, RawCsms, certificate_for_loopback, csms, mute_port, raw_csms, well
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import CENTRAL, World

TRANSACTIONAL = ("StartTransaction", "MeterValues", "StopTransaction")


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits of the field are not for tests on the clock of the machine."""
    monkeypatch.setattr(uplink, "BACKOFF_BASE_S", 0.05)
    monkeypatch.setattr(uplink, "BACKOFF_CAP_S", 0.2)
    monkeypatch.setattr(pool, "REFRESH_S", 0.1)


@asynccontextmanager
async def site(path: Path, url: str, **more: Any) -> AsyncIterator[World]:
    uplink = UplinkSettings(CENTRAL, url, replay_per_s=1000.0, **more)
    async with World(path / "ledger.db", SystemClock(), uplink=uplink) as world:
        yield world


async def until(condition: Callable[[], Any], within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while not condition():
            await asyncio.sleep(0.01)


async def until_drained(world: World, within_s: float = 30.0) -> None:
    async with asyncio.timeout(within_s):
        while await world.rows("SELECT 1 FROM outbox WHERE state <> 'dead'"):
            await asyncio.sleep(0.02)


def up(world: World) -> None:
    world.arrives()
    world.boots()


async def charges(world: World, evse: int = 1, token: str = "TAG12345") -> None:
    """A whole transaction of four messages."""
    stored = await world.starts(evse, token, wait=False)
    await world.samples(stored, 200)
    await world.samples(stored, 300)
    await world.stops(stored)


# --- a central that keeps the standard -------------------------------------------------------------------------------


async def test_a_transaction_at_a_central_that_validates_everything(tmp_path: Path) -> None:
    async with csms() as central, site(tmp_path, central.url) as world:
        world.reports(0, "Available", info="")
        world.reports(1, "Preparing", vendorErrorCode=None)
        up(world)
        await charges(world)
        await until_drained(world)
        # Where the machine is slow, the central's time is old when it comes, and that clocks differ is told, too.
        actions = [action for _, action, _ in central.heard if action != "SecurityEventNotification"]
        assert actions[:3] == ["BootNotification", "StatusNotification", "StatusNotification"]
        assert actions[3:] == ["StartTransaction", "MeterValues", "MeterValues", "StopTransaction"]
        assert {p["transaction_id"] for action in TRANSACTIONAL[1:] for p in central.of(action)} == {4001}
        assert world.view.state is UplinkState.ONLINE
        info = await world.pool.authorize(CP, "TAG12345", 5.0)
        assert info is not None
        assert info.status == "Accepted"
        assert await world.pool.transfer(CP, {"vendorId": "v"}, 5.0) == {"status": "Accepted", "data": "pong"}


def _answered(status: str) -> Answered:
    return Answered(status, {"status": status})


_YES: dict[type, str] = {UnlockConnector: "Unlocked", ChangeAvailability: "Scheduled"}


async def test_every_command_of_a_central_and_its_answer_by_the_book(tmp_path: Path) -> None:
    async with csms() as central, site(tmp_path, central.url) as world:
        world.reports(1, "Available")
        up(world)
        await until(lambda: world.pool.views()[CENTRAL].stations == 1)
        stored = await world.starts(2, wait=False)
        await until(lambda: central.of("StartTransaction"))
        await until_drained(world)
        point = central.points[CP]
        world.door.outcome = lambda command: _answered(_YES.get(type(command), "Accepted"))
        default = {
            "charging_profile_id": 1,
            "stack_level": 0,
            "charging_profile_purpose": "TxDefaultProfile",
            "charging_profile_kind": "Absolute",
            "charging_schedule": {
                "charging_rate_unit": "W",
                "charging_schedule_period": [{"start_period": 0, "limit": 11040.0, "number_phases": 3}],
            },
        }
        statuses = [
            (await point.call(request)).status
            for request in (
                call.RemoteStartTransaction(id_tag="TAG12345", connector_id=1),
                call.RemoteStopTransaction(transaction_id=4001),
                call.Reset(type="Soft"),
                call.TriggerMessage(requested_message="StatusNotification", connector_id=1),
                call.ChangeAvailability(connector_id=1, type="Inoperative"),
                call.ChangeConfiguration(key="MeterValueSampleInterval", value="900"),
                call.DataTransfer(vendor_id="v", message_id="m", data="d"),
                call.SetChargingProfile(connector_id=1, cs_charging_profiles=default),
                call.ClearChargingProfile(id=1),
            )
        ]
        assert statuses == [*["Accepted"] * 4, "Scheduled", *["Accepted"] * 4]
        assert (await point.call(call.ClearChargingProfile())).status == "Unknown"
        assert (await point.call(call.UnlockConnector(connector_id=1))).status == "Unlocked"
        read = await point.call(call.GetConfiguration(key=["MeterValueSampleInterval", "AuthorizationKey"]))
        assert [entry["value"] for entry in read.configuration_key] == ["900"]
        assert read.unknown_key == ["AuthorizationKey"]
        assert [command for command, _ in world.door.commands] == [
            RequestStart(EvseId(CP, 1), "TAG12345"),
            RequestStop(CP, stored.station_transaction_id),
            ResetStation(CP, ResetKind.ON_IDLE),
            ChangeAvailability(EvseId(CP, 1), False),
            TransferData(CP, "v", "m", "d"),
            UnlockConnector(EvseId(CP, 1)),
        ]
        [ceiling] = world.inbox.of(CeilingSet)
        assert (ceiling.ceiling.evse, ceiling.ceiling.ceiling_a) == (EvseId(CP, 1), 16.0)
        assert [event.key for event in world.inbox.of(CeilingCleared)] == [ceiling.ceiling.key]


async def test_identity_and_password_as_the_central_knows_them(tmp_path: Path) -> None:
    async with csms() as central:
        central.passwords = {"DE*ABC*E01": "s3cret"}
        named: dict[str, Any] = {"identities": {CP: "DE*ABC*E01"}, "passwords": {CP: "s3cret"}}
        async with site(tmp_path, central.url, **named) as world:
            up(world)
            await until(lambda: "DE*ABC*E01" in central.points)


@pytest.mark.parametrize("status", [HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND, HTTPStatus.BAD_GATEWAY])
async def test_a_central_that_refuses_loses_nothing(tmp_path: Path, status: HTTPStatus) -> None:
    async with csms() as central, site(tmp_path, central.url) as world:
        central.refuses = status
        up(world)
        await charges(world)
        expected = UplinkState.OFFLINE if status is HTTPStatus.BAD_GATEWAY else UplinkState.REFUSED
        await until(lambda: world.view.state is expected)
        assert str(int(status)) in world.view.text
        # Four messages of a transaction, and where it was who we are that was refused, a word about that.
        await until(lambda: world.view.backlog == 4 + (status is HTTPStatus.UNAUTHORIZED))
        central.refuses = None
        await until_drained(world)
        assert len(central.of("StopTransaction")) == 1


async def test_over_tls_and_not_to_a_stranger(tmp_path: Path) -> None:
    certificate, key = certificate_for_loopback(tmp_path)
    async with csms() as central:
        await central.close()
        await central.open(server_context(certificate, key))
        url = central.url.replace("ws://", "wss://")
        async with site(tmp_path, url, ca=certificate) as world:
            up(world)
            await until(lambda: CP in central.points)
        (tmp_path / "other").mkdir()
        async with site(tmp_path / "other", url) as world:
            up(world)
            await until(lambda: world.view.state is UplinkState.OFFLINE)
            assert "certificate" in world.view.text.lower()


# --- centrals that break the rules -----------------------------------------------------------------------------------


async def test_a_central_that_never_answers_the_handshake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial, "OPEN_TIMEOUT_S", 0.1)
    async with mute_port() as port, site(tmp_path, f"ws://127.0.0.1:{port}") as world:
        up(world)
        await until(lambda: world.view.state is UplinkState.OFFLINE)
        assert world.view.text == "cannot connect: no answer"


async def test_nobody_listens(tmp_path: Path) -> None:
    async with mute_port() as port:
        pass
    async with site(tmp_path, f"ws://127.0.0.1:{port}") as world:
        up(world)
        await until(lambda: world.view.state is UplinkState.OFFLINE)


UNREADABLE = [
    '[3,"{id}"',
    '[3,"{id}",{"transactionId":1e999}]',
    '[3,"{id}",[]]',
    '[3,"{id}",null]',
    '[3,"{id}","text",1,2]',
    '[4,"{id}"]',
    '[4,"{id}",null,null,null]',
    '[4,"{id}","NoSuchCode","",{}]',
]
NOISE: list[str | bytes] = [
    "not json",
    b"\x00\xff\xfe",
    "[" * 500,
    "{}",
    '[3,"an answer to nobody",{}]',
    '[4,"another","a","b",{}]',
    '[9,"of the future",{}]',
    '[2,"","",{}]',
    '[2,"1",7,8]',
]


async def test_answers_that_cannot_be_read_are_counted_and_nothing_is_lost(tmp_path: Path) -> None:
    async with raw_csms() as central, site(tmp_path, central.url) as world:
        garbage = iter(UNREADABLE)

        def answer(message_id: str, action: str, payload: dict[str, Any]) -> Any:
            said = next(garbage, None) if action in TRANSACTIONAL else None
            return well(message_id, action, payload) if said is None else said.replace("{id}", message_id)

        central.answer = answer
        for key, value in (("TransactionMessageAttempts", "50"), ("TransactionMessageRetryInterval", "0")):
            await world.store.virtual.set_variable(CENTRAL, CP, key, value)
        up(world)
        await charges(world)
        await until_drained(world)
        assert _first_times(central) == ["StartTransaction", "MeterValues", "MeterValues", "StopTransaction"]
        assert len(central.of("StartTransaction")) == len(UNREADABLE) + 1
        assert len(set(central.of("StartTransaction"))) == 1
        assert len(central.of("BootNotification")) == 1  # the connection held


async def test_noise_between_the_answers_does_no_harm(tmp_path: Path) -> None:
    async with raw_csms() as central, site(tmp_path, central.url) as world:
        central.noise = NOISE
        up(world)
        for _ in range(3):
            await charges(world)
        await until_drained(world)
        assert [len(central.of(action)) for action in TRANSACTIONAL] == [3, 6, 3]
        assert len(central.of("BootNotification")) == 1


async def test_a_central_that_breaks_off_in_the_middle(tmp_path: Path) -> None:
    """Every third message meets a broken connection, before or instead of its answer."""
    async with raw_csms() as central, site(tmp_path, central.url) as world:
        count = 0

        def answer(message_id: str, action: str, payload: dict[str, Any]) -> Any:
            nonlocal count
            count += action in TRANSACTIONAL
            return CUT if action in TRANSACTIONAL and count % 3 == 0 else well(message_id, action, payload)

        central.answer = answer
        up(world)
        for _ in range(3):
            await charges(world)
        await until_drained(world)
        texts = [text for action in TRANSACTIONAL for text in central.of(action)]
        assert len(set(texts)) == 12  # each message was told, and each in the same words every time
        assert len(texts) > 12
        assert _first_times(central) == ["StartTransaction", "MeterValues", "MeterValues", "StopTransaction"] * 3
        assert await world.rows("SELECT max(attempts) FROM outbox") == [(None,)]


def _first_times(central: RawCsms) -> list[str]:
    """The transactional actions in the order in which each was told for the first time."""
    told: dict[str, str] = {}
    for frame in central.frames:
        parts = frame.split(",", 3)
        if parts[0] == "[2" and parts[2].strip('"') in TRANSACTIONAL:
            told.setdefault(parts[3], parts[2].strip('"'))
    return list(told.values())


async def test_a_central_whose_ids_are_strings_zeros_and_repeats(tmp_path: Path) -> None:
    ids = iter([0, -1, "17", 17, 17])
    async with raw_csms() as central, site(tmp_path, central.url) as world:

        def answer(message_id: str, action: str, payload: dict[str, Any]) -> Any:
            if action == "StartTransaction":
                return [3, message_id, {"transactionId": next(ids), "idTagInfo": {"status": "Accepted"}}]
            return well(message_id, action, payload)

        central.answer = answer
        up(world)
        for _ in range(5):
            await charges(world)
        await until_drained(world)
        stops = [json.loads(text.removesuffix("]"))["transactionId"] for text in central.of("StopTransaction")]
        assert stops == [-1, -1, 17, 17, 17]


# --- the whole story -------------------------------------------------------------------------------------------------


async def test_nothing_is_lost_or_doubled_over_an_outage_and_a_restart_of_ours(tmp_path: Path) -> None:
    """Transactions of two stations before, during and after the outage; the central knows repeats by their content."""
    stations = [StationId("CP01"), StationId("CP02")]
    async with csms() as central, site(tmp_path, central.url) as world:
        ours: list[int] = []

        async def charge(n: int) -> None:
            for station in stations:
                stored = await world.starts(1, f"TAG{n:05}", station=station, meter=n, wait=False)
                ours.append(stored.station_transaction_id)
                await world.samples(stored, n + 1)
                await world.samples(stored, n + 2)
                await world.stops(stored, n + 3)

        for station in stations:
            world.arrives(station)
            world.boots(station=station)
        for n in range(6):
            await charge(n)
            if n == 1:
                await central.close()
            if n == 3:
                await world.restart()
        await central.open()
        for station in stations:
            world.arrives(station)
        await charge(6)
        await until_drained(world)
        assert world.view.dead == 0
        assert len(central.started) == 14
        for station in stations:
            told: dict[str, None] = {}
            for frame in central.frames[station]:
                kind, _, action, rest = frame.split(",", 3)
                if kind == "[2" and action.strip('"') in TRANSACTIONAL:
                    told.setdefault(f"{action} {rest}")
            # Repeats are identical, so told for the first time they are exactly what was stored, in that order.
            assert [text.split()[0].strip('"') for text in told] == [
                "StartTransaction", "MeterValues", "MeterValues", "StopTransaction",
            ] * 7  # fmt: skip
            meters = [json.loads(t.split(" ", 1)[1][:-1])["meterStop"] for t in told if "meterStop" in t]
            assert meters == [n + 3 for n in range(7)]
        everything = "".join(frame for frames in central.frames.values() for frame in frames)
        assert not any(str(number) in everything for number in ours)
        stops = Counter(p["transaction_id"] for p in central.of("StopTransaction"))
        assert set(stops) == set(central.started.values())
