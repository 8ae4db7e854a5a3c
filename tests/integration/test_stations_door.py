"""Who gets in, which of two connections serves, and that no input harms anybody: raw clients on real sockets."""

import asyncio
import json
import ssl
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import (
    Address,
    TlsSettings,
    UnknownStations,
)
from sitectl.model.ids import EvseId
from sitectl.security.tls import client_context
from tests.integration.station_site import CP, SUBPROTOCOL, ask, basic, boots, charger, refused, site, until
from tests.unit.security.test_tls import Authority
from tests.unit.stations.twins import station_plan, stop_payload

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
                async with asyncio.timeout(30):
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
        async with asyncio.timeout(4):
            assert await reader.read() == b"", "the one too many is dropped at once"
        async with asyncio.timeout(30):
            assert await idle[0][0].read() == b"", "five seconds are enough for a request"
        for _, each in (*idle, (reader, writer)):
            each.close()
        assert await refused(here.url()) == 101


# --- another configuration ---


async def test_a_new_certificate_is_shown_to_newcomers_and_ends_no_connection(tmp_path: Path) -> None:
    old, new = Authority(tmp_path, "old-ca"), Authority(tmp_path, "new-ca")
    tls = TlsSettings(Address("127.0.0.1", 0), *old.issue("gw"))
    async with site(tmp_path, station_plan("CP01", profile=2), passwords={CP: b"secret"}, tls=tls) as here:
        secure = f"wss://127.0.0.1:{here.stations.server.addresses[1][1]}/CP01"
        options: dict[str, Any] = {"subprotocols": SUBPROTOCOL, "additional_headers": basic("CP01", b"secret")}
        by_old = {"ssl": client_context(old.ca), "server_hostname": "gateway"}
        by_new = {"ssl": client_context(new.ca), "server_hostname": "gateway"}
        async with connect(secure, **options, **by_old) as station:
            renewed = TlsSettings(tls.listen, *new.issue("gw-new"))
            settings = replace(here.settings, ocpp=replace(here.settings.ocpp, tls=renewed))
            doors = await here.stations.prepare(settings)
            assert here.stations.reconfigure(settings, doors) == [CP]
            assert "currentTime" in await ask(station, "Heartbeat", {})
            with pytest.raises(ssl.SSLCertVerificationError):
                await connect(secure, **options, **by_old)
            async with connect(secure, **options, **by_new) as again:
                assert "currentTime" in await ask(again, "Heartbeat", {})
                assert "currentTime" in await ask(again, "Heartbeat", {})


async def test_what_cannot_be_opened_changes_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here:
        elsewhere = replace(here.settings, ocpp=replace(here.settings.ocpp, listen=Address("192.0.2.1", 8887)))
        with pytest.raises(EnvironmentFault):
            await here.stations.prepare(elsewhere)
        assert await refused(here.url()) == 101
