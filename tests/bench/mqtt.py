"""How long it takes to tell a broker everything, and who waits for it meanwhile: `python -m tests.bench.mqtt [--json]`.

Method: a random site of a thousand stations and more (posts of one or two EVSEs, four levels of circuits, meters on the
panels) in full operation, a real mosquitto on loopback, and the room as the daemon runs it, on uvloop. Timed from the
moment at which the connection stands until every topic is with the broker; a task that sleeps for 2 ms at a time tells
how long the loop kept it waiting beyond that. The same with what Home Assistant is told of each station. Then a tenth
of the stations report, as in a second of operation, and the CPU time of one look and of what it sends is taken. Peer:
a plain paho client with a thread of its own sends the same messages.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any, cast

import paho.mqtt.client as paho
import uvloop
from paho.mqtt.enums import CallbackAPIVersion

from sitectl.base.clock import SystemClock
from sitectl.base.tasks import Tasks
from sitectl.config.settings_mqtt import MqttSettings
from sitectl.model.storage import StoreHealth
from sitectl.mqtt.room import Mqtt
from sitectl.mqtt.states import Told
from tests.bench.cycle import Busy
from tests.bench.figures import Figure, conclude
from tests.integration.mqtt_broker import MOSQUITTO, Broker

CONNECTORS = 2000
TICKS = 12
TICK_S = 0.05
PROBE_S = 0.002


class Waiting:
    """How long the loop keeps others waiting (s)."""

    def __init__(self) -> None:
        self.worst_s = 0.0

    async def watch(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(PROBE_S)
            self.worst_s = max(self.worst_s, time.perf_counter() - before - PROBE_S)


def behind(busy: Busy) -> Any:
    async def newest_event() -> int:
        return 0

    overview = SimpleNamespace(
        site_name="bench",
        wall=lambda: datetime(2026, 11, 30, tzinfo=UTC),
        problems=lambda: (),
        uplinks=dict,
        store=StoreHealth,
    )
    ledger = SimpleNamespace(newest_event=newest_event)
    return SimpleNamespace(site=busy.site, overview=overview, ledger=ledger, signals=tuple)


async def everything(busy: Busy, port: int, discovery: str | None, topic: str) -> tuple[float, float, int, float]:
    """Until all is told (s), the worst wait of others (s), messages, and CPU ms of a second's news."""
    settings = MqttSettings("127.0.0.1", port, topic, discovery)
    room = Mqtt(settings, behind(busy), cast(Any, None), SystemClock(), Random(1))
    tasks, waiting = Tasks(), Waiting()
    probe = tasks.spawn(waiting.watch(), "waiting")
    gc.collect()
    tasks.spawn(room.run(), "mqtt")
    while not room.link.up:
        await asyncio.sleep(0.0005)
    began, waiting.worst_s, told = time.perf_counter(), 0.0, 0
    while len(room._outgoing) or not told or told < len(room._told.hashes):
        await asyncio.sleep(0.001)
        told = room.published
    took_s, worst_s = time.perf_counter() - began, waiting.worst_s
    probe.cancel()
    await tasks.cancel_all()
    return took_s, worst_s, told, await a_second(busy, room)


async def a_second(busy: Busy, room: Mqtt) -> float:
    """CPU ms of one look after a tenth of the stations have reported."""
    room._told.forget()
    await room.look()
    busy.second(TICKS, timed=False, step=False)
    begun = time.process_time_ns()
    await room.look()
    return (time.process_time_ns() - begun) / 1e6


def by_paho(room: Mqtt, port: int, messages: dict[str, bytes]) -> float:
    """The same messages by a plain client (s)."""
    client = paho.Client(CallbackAPIVersion.VERSION2, protocol=paho.MQTTv5)
    client.connect("127.0.0.1", port)
    client.loop_start()
    began = time.perf_counter()
    sent = [client.publish(topic, payload, retain=True) for topic, payload in messages.items()]
    for one in sent:
        one.wait_for_publish(10)
    took_s = time.perf_counter() - began
    client.disconnect()
    client.loop_stop()
    return took_s


async def messages_of(busy: Busy, discovery: str | None) -> tuple[Mqtt, dict[str, bytes]]:
    settings = MqttSettings("127.0.0.1", 1, "peer", discovery)
    room = Mqtt(settings, behind(busy), cast(Any, None), SystemClock(), Random(1))
    room._told = Told()
    await room.look()
    return room, dict(room._outgoing._states)


async def measure() -> list[Figure]:
    busy = Busy(CONNECTORS, Random(7))
    busy.begin()
    for tick in range(TICKS):
        busy.second(tick, timed=False, step=False)
        await asyncio.sleep(TICK_S)
    stations = len(busy.site_plan.stations)
    with tempfile.TemporaryDirectory() as folder:
        broker = Broker(Path(folder), "allow_anonymous true\nmax_queued_messages 0")
        await broker.start()
        try:
            plain_s, plain_wait_s, plain, second_ms = await everything(busy, broker.port, None, "plain")
            with_s, with_wait_s, with_all, _ = await everything(busy, broker.port, "homeassistant", "with")
            room, messages = await messages_of(busy, None)
            peer_s = await asyncio.to_thread(by_paho, room, broker.port, messages)
        finally:
            broker.stop()
    assert plain >= len(messages)
    return [
        Figure(
            f"all state of {stations} stations, {plain} messages", plain_s, "s", 1.0, peer=f"paho alone {peer_s:.3f} s"
        ),
        Figure("the same, as often as paho alone takes", plain_s / peer_s, "x"),
        Figure("the longest that others waited meanwhile", plain_wait_s * 1000, "ms", 50.0),
        Figure(f"state and Home Assistant's devices, {with_all} messages", with_s, "s"),
        Figure("the longest that others waited meanwhile", with_wait_s * 1000, "ms", 50.0),
        Figure("one look after a tenth of the stations reported, CPU", second_ms, "ms"),
    ]


def main() -> int:
    if MOSQUITTO is None:
        print("no mosquitto here: packaging/install-test-tools.sh installs it", file=sys.stderr)
        return 1
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return conclude("mqtt", __doc__, runner.run(measure()))


if __name__ == "__main__":
    sys.exit(main())
