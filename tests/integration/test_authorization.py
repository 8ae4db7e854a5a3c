"""Who may charge, with the daemon as a process between a central and a station on another implementation of OCPP:
lists, cache, late refusals and reservations, each over a kill.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from ocpp.routing import on
from ocpp.v16 import call, call_result
from websockets.asyncio.client import connect

from tests.e2e.rig import Daemon, daemon, site, until
from tests.integration.csms import Csms, Point, csms, stamp
from tests.integration.station_site import SUBPROTOCOL, Charger, boots

EXPIRES = "2100-01-01T00:00:00Z"


class Station(Charger):
    """A charger that stops when it is told to, and may say that it holds reservations."""

    reserves = False

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.stopped: list[int] = []
        self.reserved: list[dict[str, Any]] = []
        self._later: list[asyncio.Task[Any]] = []

    @on("RemoteStopTransaction")
    def remote_stop(self, transaction_id: int) -> Any:
        self.stopped.append(transaction_id)
        self._later.append(asyncio.create_task(stops(self, transaction_id, "Remote")))
        return call_result.RemoteStopTransaction("Accepted")

    @on("ReserveNow")
    def reserve_now(self, **asked: Any) -> Any:
        self.reserved.append(asked)
        return call_result.ReserveNow("Accepted")

    @on("GetConfiguration")
    def get_configuration(self, key: list[str] | None = None, **_: Any) -> Any:
        self._note("GetConfiguration")
        profiles = "Core,SmartCharging" + ",Reservation" * self.reserves
        known = {"LocalPreAuthorize": "false", "SupportedFeatureProfiles": profiles}
        keys = [{"key": name, "readonly": False, "value": value} for name, value in known.items()]
        asked = [entry for entry in keys if key is None or entry["key"] in key]
        return call_result.GetConfiguration(configuration_key=asked, unknown_key=[])


@asynccontextmanager
async def station(running: Daemon, *, reserves: bool = False) -> AsyncIterator[Station]:
    """CP01, booted, with both of its connectors free."""
    async with connect(f"ws://127.0.0.1:{running.port}/CP01", subprotocols=SUBPROTOCOL) as connection:
        one = Station("CP01", connection)
        one.reserves = reserves
        serving = asyncio.create_task(one.start())
        await boots(one)
        for connector in (0, 1):
            await one.call(call.StatusNotification(connector, "NoError", "Available", timestamp=stamp()))
        try:
            yield one
        finally:
            serving.cancel()
            for task in one._later:
                task.cancel()


async def authorizes(one: Station, token: str) -> str:
    answer = await one.call(call.Authorize(id_tag=token))
    status: str = answer.id_tag_info["status"]
    return status


async def starts(one: Station, token: str, meter: int = 100, **more: Any) -> tuple[int, str]:
    answer = await one.call(call.StartTransaction(1, token, meter, stamp(), **more))
    return answer.transaction_id, answer.id_tag_info["status"]


async def stops(one: Station, transaction: int, reason: str = "Local", **more: Any) -> None:
    await one.call(call.StopTransaction(900, stamp(), transaction, reason=reason, **more))


def config(path: Path, central: Csms, **authorization: Any) -> Path:
    rules = {"mode": "uplink", **authorization}
    return site(path, uplinks={"central": {"url": central.url}}, authorization=rules)


async def at(central: Csms) -> Point:
    await until(lambda: "CP01" in central.points and bool(central.of("StatusNotification")), 30, "up at the central")
    return central.points["CP01"]


async def cut_off(central: Csms, running: Daemon) -> None:
    """The daemon is killed, and all that it had sent has arrived."""
    await running.kill()
    await until(lambda: "CP01" not in central.points, 30, "the end of the connection at the central")
    central.heard.clear()


async def away(central: Csms, running: Daemon) -> None:
    """The central is gone, and the daemon knows."""
    await central.close()
    central.heard.clear()
    async with asyncio.timeout(30):
        while (await running.get("status"))["uplinks"]["central"]["state"] == "online":
            await asyncio.sleep(0.05)


def on_disk(folder: Path) -> set[str]:
    """The tokens, in small letters, whose verdicts would outlive a kill."""
    with closing(sqlite3.connect(folder / "data" / "ledger.db", timeout=30)) as ledger:
        return {token for (token,) in ledger.execute("SELECT id_token FROM authorization_cache")}


TOKENS = ("LISTED01", "BLOCKED1", "SEEN1234", "NEVER123")


async def test_what_a_central_told_of_tokens_holds_while_it_is_away_and_over_a_kill(tmp_path: Path) -> None:
    async with csms() as central, daemon(config(tmp_path, central)) as running:
        async with station(running) as one:
            point = await at(central)
            listed = [
                {"id_tag": "LISTED01", "id_tag_info": {"status": "Accepted", "parent_id_tag": "FLEET"}},
                {"id_tag": "BLOCKED1", "id_tag_info": {"status": "Blocked"}},
            ]
            update = call.SendLocalList(list_version=3, update_type="Full", local_authorization_list=listed)
            assert (await point.call(update)).status == "Accepted"
            assert await authorizes(one, "SEEN1234") == "Accepted"
            await away(central, running)
            assert [await authorizes(one, token) for token in TOKENS] == ["Accepted", "Blocked", "Accepted", "Invalid"]
            await until(lambda: "seen1234" in on_disk(tmp_path), 30, "on disk, where it is written behind")
        await running.kill()
        await running.start()
        async with station(running) as one:
            assert [await authorizes(one, token) for token in TOKENS] == ["Accepted", "Blocked", "Accepted", "Invalid"]
            await central.open()
            point = await at(central)
            assert (await point.call(call.GetLocalListVersion())).list_version == 3
            stale = call.SendLocalList(list_version=3, update_type="Differential", local_authorization_list=[])
            assert (await point.call(stale)).status == "VersionMismatch"
            gone = call.SendLocalList(
                list_version=4, update_type="Differential", local_authorization_list=[{"id_tag": "LISTED01"}]
            )
            assert (await point.call(gone)).status == "Accepted"
            assert (await point.call(call.ClearCache())).status == "Accepted"
            await away(central, running)
            assert [await authorizes(one, token) for token in TOKENS] == ["Invalid", "Blocked", "Invalid", "Invalid"]


async def test_a_token_that_is_refused_too_late_is_stopped_over_a_kill_and_its_stop_says_why(tmp_path: Path) -> None:
    async with csms() as central, daemon(config(tmp_path, central)) as running:
        async with station(running) as one:
            await at(central)
            assert await authorizes(one, "CARD1234") == "Accepted"
            await away(central, running)
            transaction, status = await starts(one, "CARD1234")
            assert status == "Accepted"
        await running.kill()  # the start is on disk, whatever is not
        await running.start()
        central.verdict = "Blocked"
        await central.open()
        async with station(running) as one:
            await until(lambda: bool(central.of("StopTransaction")), 40, "the stop at the central")
            assert one.stopped == [transaction]
            [start], [stop] = central.of("StartTransaction"), central.of("StopTransaction")
            assert (start["id_tag"], stop["reason"]) == ("CARD1234", "DeAuthorized")
            await away(central, running)
            assert await authorizes(one, "CARD1234") == "Blocked"


@pytest.mark.parametrize("reserves", [False, True], ids=["kept by us", "held by the station"])
async def test_a_reservation_holds_over_a_kill_and_its_start_tells_its_id(tmp_path: Path, reserves: bool) -> None:
    async with csms() as central, daemon(config(tmp_path, central)) as running:
        async with station(running, reserves=reserves) as one:
            point = await at(central)
            await until(lambda: one.__dict__.get("asked", []).count("GetConfiguration") >= 5, 30, "its configuration")
            reserve = call.ReserveNow(connector_id=1, expiry_date=EXPIRES, id_tag="MINE1234", reservation_id=77)
            assert (await point.call(reserve)).status == "Accepted"
            assert [asked["reservation_id"] for asked in one.reserved] == [77] * reserves
            if not reserves:
                await until(lambda: central.of("StatusNotification")[-1]["status"] == "Reserved", 30, "Reserved")
        await cut_off(central, running)
        await running.start()
        async with station(running, reserves=reserves) as one:
            point = await at(central)
            if not reserves:
                await until(lambda: any(p["status"] == "Reserved" for p in central.of("StatusNotification")), 30)
                transaction, status = await starts(one, "OTHER123")
                assert status == "Blocked"
                await stops(one, transaction, "DeAuthorized")
            named = {"reservation_id": 77} if reserves else {}
            transaction, status = await starts(one, "MINE1234", 1000, **named)
            assert status == "Accepted"
            await until(lambda: len(central.of("StartTransaction")) == 2 - reserves)
            assert [p.get("reservation_id") for p in central.of("StartTransaction")] == [None] * (not reserves) + [77]
            assert (await point.call(call.CancelReservation(reservation_id=77))).status == "Rejected"


async def test_a_card_of_the_same_group_stops_and_it_is_on_record(tmp_path: Path) -> None:
    (tmp_path / "tokens.csv").write_text("id_token,parent\nCARD1,FAMILY\nCARD2,FAMILY\nCARD3,\n")
    async with csms() as central:
        central.verdict = "Invalid"  # what it thinks does not count here
        rules = config(tmp_path, central, mode="list", tokens_file="tokens.csv")
        async with daemon(rules) as running, station(running) as one:
            await at(central)
            answer = await one.call(call.Authorize(id_tag="CARD2"))
            assert answer.id_tag_info == {"status": "Accepted", "parent_id_tag": "FAMILY"}
            assert await authorizes(one, "STRANGER") == "Invalid"
            for meter, token in ((100, "CARD2"), (200, "CARD3")):
                transaction, status = await starts(one, "CARD1", meter)
                assert status == "Accepted"
                await stops(one, transaction, id_tag=token)
            await until(lambda: len(central.of("StopTransaction")) == 2)
            assert one.stopped == []
            told = [(p["id_tag"], p["reason"]) for p in central.of("StopTransaction")]
            assert told == [("CARD2", "Local"), ("CARD3", "Local")]
            shown = (await running.ask("transactions"))["transactions"]
            assert [one["stopped_by"] for one in shown] == ["other", "group"]
