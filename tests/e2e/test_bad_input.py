"""A whole site with everything bad at once: frames, peers at the door, a meter, a central.

Meanwhile other stations charge, and nothing of it reaches them: their calls wait for none of it, no transaction is
lost, and no limit rises.
"""

import asyncio
import contextlib
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from sitectl.base.clock import SystemClock
from sitectl.simulator.csms import CentralSystem
from tests.e2e.rig import Daemon, OddMeter, background, basic, daemon, meter, site, until
from tests.e2e.station import Charger, charger, now

RATED_A = 63.0
BASE_A = 12.0
WAITED_S = 5.0
"""Whoever waits for something that is bad here waits at least so long: a central says garbage, then nothing, for 5 s
each, a meter nothing for 6 s, and an answer is waited for 10 s and more. How quick it is else is for the benches."""

TURNS = 6
"""An answer takes a few turns of two processes, and on a busy machine each may be as late as our own at its worst."""

LOST_S = 4.0
"""A reading is fresh for two cycles; and what was decided by then takes a moment to arrive."""

GOOD = ("CP01", "CP02", "CP03")
BAD_FRAMES: list[str | bytes] = [
    "",
    " ",
    "]]",
    "null",
    "{}",
    "[]",
    "[2]",
    '[2,"a"]',
    '[2,"a","Heartbeat"]',
    '[2,"a","Heartbeat",[]]',
    '[2,"a","Heartbeat",null]',
    '[2,"a","NoSuchAction",{}]',
    '[2,"a","heartbeat",{}]',
    '[2,5,"Heartbeat",{}]',
    '[2,"' + "x" * 300 + '","Heartbeat",{}]',
    '[3,"nobody asked",{}]',
    '[3,"nobody asked",{}]',
    '[4,"nobody asked","InternalError","",{}]',
    '[5,"a",{}]',
    '[6,"a","Heartbeat",{}]',
    '[99,"a","Heartbeat",{}]',
    '[-2,"a","Heartbeat",{}]',
    '[2.5,"a","Heartbeat",{}]',
    "[" * 20_000,
    "[" * 5_000 + "]" * 5_000,
    '{"a":' * 5_000 + "1" + "}" * 5_000,
    '[2,"a","MeterValues",{"connectorId":' + "9" * 5_000 + "}]",
    '[2,"a","MeterValues",{"connectorId":1e999,"meterValue":[]}]',
    '[2,"a","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"never","sampledValue":[{"value":"NaN"}]}]}]',
    '[2,"a","StatusNotification",{"connectorId":-7,"status":"Exploded","errorCode":"None"}]',
    '[2,"a","BootNotification",{"chargePointVendor":"\\ud800"}]',
    '[2,"a","DataTransfer",{"vendorId":"' + "\\u0000" * 200 + '"}]',
    '[2,"a","Heartbeat",{}] trailing',
    '\ufeff[2,"a","Heartbeat",{}]',
    "[2,'a','Heartbeat',{}]",
    '[2,"a","Heartbeat",{"a":NaN}]',
    b"\xff\xfe\x00",
    b'[2,"a","Heartbeat",{"a":"\xc3\x28"}]',
    b"\x00" * 1000,
]


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Path]:
    def write(device: OddMeter, central: CentralSystem) -> Path:
        (tmp_path / "secret.txt").write_text("a-good-password-of-it")
        (tmp_path / "secret.txt").chmod(0o600)
        listed = {"circuit": "grid", "phases": "L1L2L3", "profile_storage": "ram", "max_a": 32}
        stations = {id: dict(listed) for id in GOOD}
        stations |= {"BAD": listed | {"max_a": 6}, "LOCKED": listed | {"max_a": 6, "password_file": "secret.txt"}}
        return site(
            tmp_path,
            circuits={"grid": {"rated_a": RATED_A, "meter": "main", "base_load_worst_a": 20}},
            meters={"main": {"sheet": "eastron-sdm630", "connection": f"tcp://127.0.0.1:{device.port}", "unit": 1}},
            stations=stations,
            uplinks={"central": {"url": central.url}},
        )

    return write


class Watch:
    """What the wires see: base load and cars on the meter, and whether what was allowed ever fits not."""

    def __init__(self, device: OddMeter, stations: list[Charger]) -> None:
        self.device = device
        self.stations = stations
        self.highest_a = 0.0
        self.latest_s = 0.0
        """By how much this process itself came too late, at worst."""

    async def run(self) -> None:
        loop, due_at = asyncio.get_running_loop(), math.inf
        while True:
            self.latest_s = max(self.latest_s, loop.time() - due_at)
            drawn = BASE_A + sum(station.draws_a for station in self.stations)
            allowed = BASE_A + sum(station.limit_a for station in self.stations if station.transaction)
            self.highest_a = max(self.highest_a, allowed)
            self.device.measure(0.1, (drawn, drawn, drawn))
            due_at = loop.time() + 0.1
            await asyncio.sleep(0.1)


def raises(station: Charger, since: float, until: float) -> list[tuple[float, float]]:
    """Limits that rose between two moments."""
    told = station.car.told
    return [(at, limit) for (_, before), (at, limit) in pairwise(told) if limit > before and since < at < until]


# --- what is bad ------------------------------------------------------------------------------------------------------


async def heartbeat(socket: ClientConnection, id: str) -> None:
    """Whatever was said before: this connection is served."""
    await socket.send(json.dumps([2, id, "Heartbeat", {}]))
    async with asyncio.timeout(30):
        while True:
            answer = json.loads(await socket.recv())
            if answer[:2] == [3, id]:
                return
            if answer[0] == 2:
                await socket.send(json.dumps([4, answer[1], "InternalError", "", {}]))


@asynccontextmanager
async def bare(port: int) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{port}/x/BAD"
    async with connect(url, subprotocols=["ocpp1.6"], max_size=None) as socket:  # type: ignore[list-item]
        yield socket


async def say_nonsense(port: int) -> None:
    """Bad frames, each followed by a good one on the same connection; giants end it, and it comes back."""
    async with bare(port) as socket:
        for number, frame in enumerate(BAD_FRAMES):
            await socket.send(frame, text=True)
            await heartbeat(socket, f"good-{number}")
        await socket.send(b'[2,"b","Heartbeat",{}]')  # binary, and yet sense
        for _ in range(300):
            await socket.send("]]")
        await heartbeat(socket, "after the flood")
    for giant in ("x" * 300_000, '[2,"a","DataTransfer",{"vendorId":"' + "x" * 2_000_000 + '"}]'):
        async with bare(port) as socket:
            await socket.send(giant)
            await socket.wait_closed()
            assert socket.close_code == 1009
    async with bare(port) as socket:
        await heartbeat(socket, "back")


async def start_twice(port: int) -> int:
    """One transaction, however often its start is said, on however many connections."""
    start = {"connectorId": 1, "idTag": "TWICE", "meterStart": 5, "timestamp": now()}
    ids = set()
    for message in ("s1", "s1", "s2"):
        async with bare(port) as socket:
            for _ in range(2):
                await socket.send(json.dumps([2, message, "StartTransaction", start]))
            while True:
                answer = json.loads(await socket.recv())
                if answer[:2] == [3, message]:
                    ids.add(answer[2]["transactionId"])
                    break
                if answer[0] == 2:
                    await socket.send(json.dumps([4, answer[1], "InternalError", "", {}]))
    assert len(ids) == 1
    return int(ids.pop())


async def stop_twice(port: int, transaction: int) -> None:
    stop = {"transactionId": transaction, "meterStop": 8, "timestamp": now()}
    async with bare(port) as socket:
        for message in ("e1", "e1", "e2"):
            await socket.send(json.dumps([2, message, "StopTransaction", stop]))
        await heartbeat(socket, "stopped")


async def knock(
    port: int, path: str, status: HTTPStatus, subprotocols: list[Any] | None = None, **headers: str
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"ws://127.0.0.1:{port}{path}", subprotocols=subprotocols, additional_headers=headers):
            pass
    assert refused.value.response.status_code == status


async def besiege(port: int) -> None:
    """Those who may not come in."""
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(10)]
    ocpp: list[Any] = ["ocpp1.6"]
    wrong = basic("LOCKED", "not-the-password-of-it")
    for _ in range(3):
        await knock(port, "/x/BAD", HTTPStatus.BAD_REQUEST, ["ocpp9.9"])
        await knock(port, "/x/LOCKED", HTTPStatus.UNAUTHORIZED, ocpp, **wrong)
        await knock(port, "/x/LOCKED", HTTPStatus.UNAUTHORIZED, ocpp)
        await knock(port, "/x/STRANGER", HTTPStatus.NOT_FOUND, ocpp)
        await knock(port, "/x/%2Fetc", HTTPStatus.NOT_FOUND, ocpp)
        await knock(port, "/x/CP01", HTTPStatus.FORBIDDEN, ocpp, Origin="https://evil.example")
    for garbage in (b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 5000):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(garbage)
        writer.close()
    for _, writer in silent:
        writer.transport.abort()


async def break_meter(device: OddMeter, at: dict[str, float]) -> None:
    """NaN, late, short, nothing: one after the other without a good reading in between, then well again."""
    from sitectl.simulator.meter import MeterFault

    loop = asyncio.get_running_loop()
    at["bad"] = loop.time()
    device.fault = MeterFault.NAN
    await asyncio.sleep(4)
    device.fault, device.late_s = MeterFault.NONE, 3.5  # a daemon on a busy machine is not so late that it takes it
    await asyncio.sleep(4)
    device.late_s, device.short = 0.0, True
    await asyncio.sleep(4)
    device.short, device.fault = False, MeterFault.SILENT
    await asyncio.sleep(6)
    at["good"] = loop.time()
    device.fault = MeterFault.NONE


async def break_central(central: CentralSystem) -> None:
    """Garbage, silence, refusal, each on the central's own port; then it is back."""

    async def garbage(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            while await socket.recv():
                for frame in BAD_FRAMES[:20]:
                    await socket.send(frame)

    async def silence(socket: ServerConnection) -> None:
        await socket.wait_closed()

    def refuse(socket: ServerConnection, _: Any) -> Any:
        return socket.respond(HTTPStatus.FORBIDDEN, "no\n")

    await central.cut()
    for converse, door in ((garbage, None), (silence, None), (silence, refuse)):
        async with serve(
            converse,
            "127.0.0.1",
            central.port,
            subprotocols=["ocpp1.6"],
            process_request=door,
            close_timeout=0.2,  # type: ignore[list-item]
        ):
            await asyncio.sleep(5)
    await central.open()


# --- the site ---------------------------------------------------------------------------------------------------------


async def status_waits_for_nothing(running: Daemon, watch: Watch) -> None:
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        await running.get("status")
        assert loop.time() - began < WAITED_S + TURNS * watch.latest_s
        await asyncio.sleep(0.5)


@pytest.mark.timeout(150)
async def test_nobody_notices_what_is_bad_elsewhere(config: Callable[..., Path]) -> None:
    central = CentralSystem(SystemClock())
    await central.open()
    async with meter() as device, daemon(config(device, central)) as running, contextlib.AsyncExitStack() as held:
        stations = [await held.enter_async_context(charger(running.port, id)) for id in GOOD]
        await until(lambda: all(station.fallback_a is not None for station in stations))
        watch, at = Watch(device, stations), {}
        async with bare(running.port) as socket:
            boot = {"chargePointVendor": "Bad", "chargePointModel": "Worse"}
            await socket.send(json.dumps([2, "boot", "BootNotification", boot]))
            await heartbeat(socket, "booted")
        doubled = await start_twice(running.port)
        for station in stations:
            await station.begin(f"TAG-{station.id}")
        charging = [station.charge_on() for station in stations]
        async with background(watch.run(), status_waits_for_nothing(running, watch), *charging):
            await until(lambda: all(station.car.tx_profile_a for station in stations))
            async with asyncio.TaskGroup() as group:
                group.create_task(say_nonsense(running.port))
                group.create_task(besiege(running.port))
                group.create_task(break_meter(device, at))
                group.create_task(break_central(central))
            status = await running.get("status")
            await stop_twice(running.port, doubled)
        for station in stations:
            await station.end()
            assert station.slowest_s < WAITED_S + TURNS * watch.latest_s, station.id
            risen = [(moment - at["bad"], limit) for moment, limit in raises(station, at["bad"] + LOST_S, at["good"])]
            assert risen == [], station.id
        assert watch.highest_a <= RATED_A + 0.1
        assert status["meters"]["main"]["state"] in ("lost", "fresh", "late")
        rows = (await running.get("transactions"))["transactions"]
        assert sorted(row["id_token"] for row in rows) == ["TAG-CP01", "TAG-CP02", "TAG-CP03", "TWICE"]
        for station in stations:
            row = next(row for row in rows if row["station"] == station.id)
            truth = station.ledger[0]
            assert (row["station_id"], row["started"]) == (str(truth.id), truth.started)
            assert (row["meter_start_wh"], row["meter_stop_wh"]) == (truth.start_wh, truth.stop_wh)
        known = central.ledger.transactions
        await until(lambda: len(known) == 4 and all(t.meter_stop_wh is not None for t in known.values()), 60)
        told = {t.station: (t.meter_start_wh, t.meter_stop_wh) for t in known.values()}
        assert told == {s.id: (s.ledger[0].start_wh, s.ledger[0].stop_wh) for s in stations} | {"BAD": (5, 8)}
        assert central.ledger.oddities == []
        assert "Traceback" not in running.log
        await running.stop()
    await central.cut()
