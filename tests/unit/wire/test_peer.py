"""A peer over transports in memory, on virtual time."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.ocpp.endpoint import AnswerMemory, Endpoint, message_ids
from sitectl.ocpp.frame import Call, Send
from sitectl.ocpp.versions import ErrorCode, Version
from sitectl.wire.limits import Limits
from sitectl.wire.memory import MemoryTransport, pair
from sitectl.wire.outcomes import Answer, Gone, Late, Lost, Refuse, Refused, Silence, TimedOut
from sitectl.wire.peer import Peer
from sitectl.wire.ports import TransportClosed

EPOCH = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


def on_virtual_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    def run() -> None:
        run_virtual(test())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


def echo(call: Call) -> dict:
    return {"action": call.action, **call.payload}


class Bench:
    """A peer with its far end in the hands of the test."""

    def __init__(
        self, handler=echo, *, limits: Limits | None = None, endpoint: Endpoint | None = None, notice=None, tap=None
    ):
        near, self.far = pair("daemon:1", "station:2")
        self.transport: MemoryTransport = near
        self.peer = Peer(
            near,
            endpoint or Endpoint(Version.V16, message_ids("us"), remembered=frozenset({"StartTransaction"})),
            handler,
            clock=LoopClock(EPOCH),
            name="CP01",
            limits=limits or Limits(),
            notice=notice,
            tap=tap,
        )
        self.running = asyncio.get_running_loop().create_task(self.peer.run())

    def says(self, text: bytes | str) -> None:
        self.far.send_raw(text)

    async def hears(self) -> list:
        return orjson.loads(await self.far.recv())

    async def end(self) -> Lost:
        await self.far.close(1000, "bye")
        return await self.running


@on_virtual_time
async def test_a_call_is_answered_at_once():
    bench = Bench()
    bench.says('[2,"1","Heartbeat",{"n":1}]')
    assert await bench.hears() == [3, "1", {"action": "Heartbeat", "n": 1}]
    assert await bench.end() == Lost("bye", 1000)
    assert bench.peer.lost == Lost("bye", 1000)
    assert bench.peer.address == "station:2"


@on_virtual_time
async def test_a_tap_hears_every_frame_as_it_is_and_when():
    heard = []
    bench = Bench(tap=lambda at, sent, data: heard.append((round(at), sent, data)))
    bench.says('[2,"1","Heartbeat",{}]')
    await bench.hears()
    await asyncio.sleep(3)
    calling = asyncio.get_running_loop().create_task(bench.peer.call("Reset", {}, 5))
    await bench.hears()
    bench.says(b'[3,"us-1",{}]')
    await calling
    bench.says(b"[5,\xff")
    await bench.end()
    assert heard == [
        (0, False, '[2,"1","Heartbeat",{}]'),
        (0, True, '[3,"1",{"action":"Heartbeat"}]'),
        (3, True, '[2,"us-1","Reset",{}]'),
        (3, False, b'[3,"us-1",{}]'),
        (3, False, b"[5,\xff"),
    ]


@on_virtual_time
async def test_a_slow_handler_does_not_stop_the_reader():
    later = asyncio.get_running_loop().create_future()

    async def sleepy(call: Call) -> dict:
        await asyncio.sleep(5)
        return {"slept": 5}

    def handler(call: Call):
        return {"Future": later, "Sleep": sleepy(call) if call.action == "Sleep" else None}.get(call.action, {})

    bench = Bench(handler)
    for text in ('[2,"1","Future",{}]', '[2,"2","Sleep",{}]', '[2,"3","Now",{}]'):
        bench.says(text)
    assert await bench.hears() == [3, "3", {}]
    assert await bench.hears() == [3, "2", {"slept": 5}]
    later.set_result({"future": True})
    assert await bench.hears() == [3, "1", {"future": True}]
    await bench.end()


@on_virtual_time
async def test_what_a_handler_may_say():
    broken = asyncio.get_running_loop().create_future()
    broken.set_exception(OSError("disk full"))

    def handler(call: Call):
        match call.action:
            case "Refuse":
                return Refuse(ErrorCode.FORMAT_VIOLATION, "no", {"a": 1})
            case "Raise":
                raise KeyError("oops")
            case "Fail":
                return broken
            case "Nonsense":
                return {"a": object()}
            case "Nothing":
                return None
            case _:
                return Silence()

    bench = Bench(handler)
    for action in ("Silence", "Refuse", "Raise", "Fail", "Nonsense", "Nothing"):
        bench.says(f'[2,"{action}","{action}",{{}}]')
    heard = {message[1]: message[2:] for message in [await bench.hears() for _ in range(5)]}
    assert heard["Refuse"] == ["FormationViolation", "no", {"a": 1}]
    assert {action: heard[action][0] for action in ("Raise", "Fail", "Nonsense", "Nothing")} == dict.fromkeys(
        ("Raise", "Fail", "Nonsense", "Nothing"), "InternalError"
    )
    await bench.end()


@on_virtual_time
async def test_a_mistake_while_serving_money_is_met_with_silence_so_that_it_comes_again():
    mistakes = [KeyError("oops")]

    def handler(call: Call):
        if mistakes:
            raise mistakes.pop()
        return {"transactionId": 1}

    bench = Bench(handler)
    bench.says('[2,"a","StartTransaction",{}]')
    bench.says('[2,"a","StartTransaction",{}]')
    assert await bench.hears() == [3, "a", {"transactionId": 1}]
    await bench.end()


@on_virtual_time
async def test_bad_frames_end_nothing():
    bench = Bench()
    for bad in (b"\xff\x00", "", "[", '[2,"1"', "[" * 5000, '[9,"x"]', '[3,"x",{}]', '{"a":1}'):
        bench.says(bad)
    bench.says('[2,"last","Heartbeat",{}]')
    heard = []
    while not heard or heard[-1][0] != 3:
        heard.append(await bench.hears())
    assert [m[1] for m in heard] == ["-1", "-1", "1", "-1", "-1", "last"]
    await bench.end()


@on_virtual_time
async def test_a_repeated_start_is_served_once():
    served = []
    bench = Bench(lambda call: served.append(call) or {"transactionId": len(served)})
    for _ in range(3):
        bench.says('[2,"s","StartTransaction",{}]')
        assert await bench.hears() == [3, "s", {"transactionId": 1}]
    assert len(served) == 1
    await bench.end()


@on_virtual_time
async def test_an_answer_that_came_after_the_end_serves_the_next_connection():
    memory, stored = AnswerMemory(), asyncio.get_running_loop().create_future()

    def connect(n: int, handler) -> Bench:
        remembered = frozenset({"StartTransaction"})
        endpoint = Endpoint(Version.V16, message_ids(f"c{n}"), remembered=remembered, memory=memory, connection=n)
        return Bench(handler, endpoint=endpoint)

    first = connect(1, lambda _: stored)
    first.says('[2,"s","StartTransaction",{}]')
    await asyncio.sleep(1)
    assert (await first.end()).reason == "bye"
    stored.set_result({"transactionId": 7})
    await asyncio.sleep(1)
    second = connect(2, lambda _: {"transactionId": 8})
    second.says('[2,"s","StartTransaction",{}]')
    assert await second.hears() == [3, "s", {"transactionId": 7}]
    await second.end()


@on_virtual_time
async def test_calls_of_ours_take_turns():
    bench = Bench()
    calls = [asyncio.get_running_loop().create_task(bench.peer.call("Reset", {"n": n}, 30)) for n in range(3)]
    for n in range(3):
        kind, message_id, action, payload = await bench.hears()
        assert (kind, action, payload) == (2, "Reset", {"n": n})
        await asyncio.sleep(1)
        assert bench.far._inbox == type(bench.far._inbox)()
        bench.says(f'[3,"{message_id}",{{"n":{n}}}]' if n else f'[4,"{message_id}","NotSupported","no",{{}}]')
    assert await asyncio.gather(*calls) == [Refused("NotSupported", "no"), Answer({"n": 1}), Answer({"n": 2})]
    await bench.end()


@on_virtual_time
async def test_a_call_times_out_and_its_late_answer_is_told():
    told = []
    bench = Bench(notice=told.append)
    assert await bench.peer.call("SetChargingProfile", {"a": 1}, 30) == TimedOut()
    assert asyncio.get_running_loop().time() == pytest.approx(30, abs=0.1)
    second = asyncio.get_running_loop().create_task(bench.peer.call("Reset", {}, 30))
    await asyncio.sleep(0)
    bench.says('[3,"us-1",{"status":"Accepted"}]')
    bench.says('[3,"us-2",{}]')
    assert await second == Answer({})
    assert told == [Late("SetChargingProfile", {"a": 1}, {"status": "Accepted"})]
    bench.says('[6,"x","NotifyPeriodicEventStream",{}]')
    await asyncio.sleep(1)
    assert told[1] == Send("x", "NotifyPeriodicEventStream", {})
    await bench.end()


@on_virtual_time
async def test_a_cancelled_call():
    bench = Bench()
    spawn = asyncio.get_running_loop().create_task
    sent, waiting, last = (spawn(bench.peer.call("Reset", {"n": n}, 30)) for n in range(3))
    await asyncio.sleep(1)
    sent.cancel()
    waiting.cancel()
    await asyncio.sleep(1)
    assert (await bench.hears())[3] == {"n": 0}
    bench.says('[3,"us-1",{}]')
    assert (await bench.hears())[3] == {"n": 2}
    bench.says('[3,"us-2",{}]')
    assert await last == Answer({})
    await bench.end()


@on_virtual_time
async def test_calls_when_the_connection_ends():
    bench = Bench()
    spawn = asyncio.get_running_loop().create_task
    calls = [spawn(bench.peer.call("Reset", {}, 30)) for _ in range(2)]
    await asyncio.sleep(1)
    await bench.end()
    assert await asyncio.gather(*calls) == [Gone("bye", sent=True), Gone("bye", sent=False)]
    assert await bench.peer.call("Reset", {}, 30) == Gone("bye", sent=False)


@on_virtual_time
async def test_a_payload_that_is_no_json_is_our_mistake():
    bench = Bench()
    with pytest.raises(TypeError):
        await bench.peer.call("Reset", {"a": object()}, 30)
    call = asyncio.get_running_loop().create_task(bench.peer.call("Reset", {}, 30))
    await bench.hears()
    bench.says('[3,"us-2",{}]')
    assert await call == Answer({})
    await bench.end()


@on_virtual_time
async def test_a_handler_may_call_back():
    async def handler(call: Call) -> dict:
        outcome = await bench.peer.call("GetConfiguration", {}, 30)
        return {"outcome": str(outcome)}

    bench = Bench(handler)
    bench.says('[2,"1","BootNotification",{}]')
    assert (await bench.hears())[2] == "GetConfiguration"
    bench.says('[3,"us-1",{"x":1}]')
    assert (await bench.hears())[2] == {"outcome": "Answer(payload={'x': 1})"}
    await bench.end()


@on_virtual_time
async def test_a_flood_is_read_slowly():
    bench = Bench(limits=Limits(calls_per_s=200, burst=1000, backlog_bytes=10**9))
    for n in range(2000):
        bench.says(f'[2,"{n}","Heartbeat",{{}}]')
    for _ in range(2000):
        await bench.hears()
    assert asyncio.get_running_loop().time() == pytest.approx(5, abs=0.1)
    await bench.end()


@on_virtual_time
async def test_at_most_so_many_calls_are_served_at_a_time():
    waiting: list[asyncio.Future] = []

    def handler(call: Call):
        waiting.append(asyncio.get_running_loop().create_future())
        return waiting[-1]

    bench = Bench(handler, limits=Limits(pending=3))
    for n in range(10):
        bench.says(f'[2,"{n}","Heartbeat",{{}}]')
    await asyncio.sleep(100)
    assert len(waiting) == 3
    assert bench.peer.lost is None
    waiting[1].set_result({})
    assert await bench.hears() == [3, "1", {}]
    await asyncio.sleep(1)
    assert len(waiting) == 4
    await bench.peer.close(1001, "enough")
    assert await bench.running == Lost("enough", 1001)


@on_virtual_time
async def test_a_peer_that_does_not_read_is_dropped():
    bench = Bench(lambda _: {"data": "x" * 1000}, limits=Limits(backlog_bytes=10_000))
    for n in range(20):
        bench.says(f'[2,"{n}","Heartbeat",{{}}]')
    lost = await bench.running
    assert "does not read" in lost.reason


@on_virtual_time
async def test_cancelling_run_drops_the_connection():
    cancelled = []

    async def handler(call: Call) -> dict:
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            cancelled.append(call.action)
            raise
        return {}

    bench = Bench(handler)
    bench.says('[2,"1","Authorize",{}]')
    await asyncio.sleep(1)
    bench.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await bench.running
    with pytest.raises(TransportClosed):
        await bench.far.recv()
    assert cancelled == ["Authorize"]


def test_traffic_is_logged_only_on_demand(caplog):
    async def talk() -> None:
        bench = Bench()
        bench.says('[2,"1","Heartbeat",{}]')
        await bench.hears()
        await bench.end()

    with caplog.at_level(logging.INFO, logger="sitectl.wire"):
        run_virtual(talk())
    assert not caplog.records
    with caplog.at_level(logging.DEBUG, logger="sitectl.wire"):
        run_virtual(talk())
    assert [r.getMessage() for r in caplog.records if r.name == "sitectl.wire"] == [
        'CP01 < [2,"1","Heartbeat",{}]',
        'CP01 > [3,"1",{"action":"Heartbeat"}]',
    ]
