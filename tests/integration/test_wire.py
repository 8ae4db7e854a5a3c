"""A peer on a real WebSocket, opposite the `ocpp` package's ChargePoint in both roles, and opposite nasty frames."""

import asyncio
from contextlib import asynccontextmanager

import orjson
import pytest
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from sitectl.base.clock import SystemClock
from sitectl.ocpp.endpoint import Endpoint, message_ids
from sitectl.ocpp.frame import MAX_LIMIT, Call
from sitectl.ocpp.versions import ErrorCode, Version
from sitectl.wire.limits import Limits
from sitectl.wire.outcomes import Answer, Gone, Refuse, Refused, Reply
from sitectl.wire.peer import Peer
from sitectl.wire.websocket import WEBSOCKET_OPTIONS, WebSocketTransport

NOW = "2026-11-20T06:11:00Z"


def peer_on(connection, handler, limits: Limits | None = None) -> Peer:
    return Peer(
        WebSocketTransport(connection),
        Endpoint(Version.V16, message_ids("us")),
        handler,
        clock=SystemClock(),
        limits=limits or Limits(),
    )


def central(received: Call) -> Reply:
    match received.action:
        case "BootNotification":
            return {"currentTime": NOW, "interval": 300, "status": "Accepted"}
        case "Heartbeat":
            return {"currentTime": NOW}
    return Refuse(ErrorCode.NOT_IMPLEMENTED, received.action)


@asynccontextmanager
async def our_server(handler=central, limits: Limits | None = None):
    """Our end listens; gives the address and a queue of the peers that connected, with the tasks that run them."""
    peers: asyncio.Queue[Peer] = asyncio.Queue()

    async def serve_one(connection: ServerConnection) -> None:
        peer = peer_on(connection, handler, limits)
        peers.put_nowait(peer)
        await peer.run()

    async with serve(serve_one, "127.0.0.1", 0, subprotocols=["ocpp1.6"], **WEBSOCKET_OPTIONS) as server:
        host, port = server.sockets[0].getsockname()[:2]
        yield f"ws://{host}:{port}/CP01", peers


class Station(ChargePoint):
    @on("Reset")
    def on_reset(self, type):
        return call_result.Reset(status="Accepted" if type == "Soft" else "Rejected")


class Central(ChargePoint):
    @on("Heartbeat")
    def on_heartbeat(self):
        return call_result.Heartbeat(current_time=NOW)


async def test_as_the_central_of_an_independent_station():
    async with our_server() as (url, peers), connect(url, subprotocols=["ocpp1.6"]) as connection:
        station = Station("CP01", connection)
        reading = asyncio.create_task(station.start())
        booted = await station.call(call.BootNotification(charge_point_model="M", charge_point_vendor="V"))
        assert booted.status == "Accepted"
        assert (await station.call(call.Heartbeat())).current_time == NOW
        assert await station.call(call.Authorize(id_tag="x")) is None
        peer = await peers.get()
        outcomes = await asyncio.gather(*(peer.call("Reset", {"type": kind}, 10) for kind in ("Soft", "Hard")))
        assert outcomes == [Answer({"status": "Accepted"}), Answer({"status": "Rejected"})]
        refused = await peer.call("Dance", {}, 10)
        assert isinstance(refused, Refused)
        assert refused.code == "NotSupported"
        assert await peer.responds(5)
        await connection.close()
        with pytest.raises(ConnectionClosed):
            await reading
        assert isinstance(await peer.call("Reset", {}, 10), Gone)


async def test_as_the_station_of_an_independent_central():
    centrals: asyncio.Queue[Central] = asyncio.Queue()

    async def serve_one(connection: ServerConnection) -> None:
        independent = Central("CP01", connection)
        centrals.put_nowait(independent)
        with pytest.raises(ConnectionClosed):
            await independent.start()

    async with serve(serve_one, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as server:
        host, port = server.sockets[0].getsockname()[:2]
        async with connect(f"ws://{host}:{port}/CP01", subprotocols=["ocpp1.6"], **WEBSOCKET_OPTIONS) as connection:
            peer = peer_on(connection, lambda _: {"status": "Accepted"})
            running = asyncio.create_task(peer.run())
            assert await peer.call("Heartbeat", {}, 10) == Answer({"currentTime": NOW})
            assert (await (await centrals.get()).call(call.Reset(type="Soft"))).status == "Accepted"
            await peer.close(1000, "done")
            assert (await running).reason == "done"


NASTY: list[bytes | str] = [
    b"\xff\xfe\xfd",
    b"\xc3\x28",
    b'[2,"\xff","Heartbeat",{}]',
    "",
    " ",
    "hello",
    "null",
    "[]",
    "{}",
    "[2]",
    '[2,"1"]',
    '[2,"1","Heartbeat"]',
    '[2,"1","Heartbeat",{}',
    '[2,"1","Heartbeat",[]]',
    '[2,"1",{},{}]',
    '[2,1,"Heartbeat",{}]',
    '["2","1","Heartbeat",{}]',
    '[3,"1",{}]',
    '[4,"-1","GenericError","",{}]',
    '[5,"1","GenericError","",{}]',
    '[6,"1","X",{}]',
    '[99,"1",{}]',
    '[2,"1","Heartbeat",{"a":NaN}]',
    '[2,"1","Heartbeat",{"a":' + "9" * 5000 + "}]",
    '[2,"1","Heartbeat",{"a":' + "[" * 60_000 + "}]",
    '[2,"1","Heartbeat",{"a":"' + "x" * 100_000 + '"}]',
    '[2,"1","Heartbeat",{}]\x00\x00',
    '[2,"1","Heartbeat",{"a":"\\ud800"}]',
]


async def test_nasty_frames_end_nothing():
    async with our_server() as (url, _), connect(url, subprotocols=["ocpp1.6"]) as connection:
        for n, nasty in enumerate(NASTY):
            await connection.send(nasty, text=True)
            await connection.send(f'[2,"good-{n}","Heartbeat",{{}}]')
            while (answer := orjson.loads(await asyncio.wait_for(connection.recv(), 10)))[1] != f"good-{n}":
                assert answer[0] in (3, 4)  # some can be mended
                assert answer[1] in ("-1", "1", 1, "\ufffd")
            assert answer == [3, f"good-{n}", {"currentTime": NOW}]


async def test_an_oversize_frame_ends_the_connection_with_1009():
    async with our_server() as (url, _), connect(url, subprotocols=["ocpp1.6"]) as connection:
        await connection.send("x" * (MAX_LIMIT + 1))
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(connection.recv(), 10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1009


async def test_a_station_that_does_not_read_is_dropped():
    limits = Limits(backlog_bytes=100_000)
    async with (
        our_server(lambda _: {"data": "x" * 50_000}, limits) as (url, peers),
        connect(url, subprotocols=["ocpp1.6"], max_queue=1, close_timeout=0.1) as connection,
    ):
        peer = await peers.get()
        while peer.lost is None:
            try:
                await connection.send('[2,"1","DataTransfer",{}]')
            except ConnectionClosed:
                break
            await asyncio.sleep(0)
        assert "does not read" in peer.lost.reason
