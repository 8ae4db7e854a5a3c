"""Commands at one topic are done as they came; those at others, and resets, wait for nobody."""

import asyncio
from typing import Any

from fastapi import FastAPI

from sitectl.api.inside import Inside
from sitectl.base.clock import SystemClock
from sitectl.mqtt.orders import Orders, Received
from sitectl.mqtt.topics import Topics


async def nobody_asks(topic: str, payload: bytes, correlation: bytes | None) -> None:
    raise AssertionError(topic)


async def test_the_limit_that_came_last_is_the_one_that_stands() -> None:
    app, first_may_end, other_came = FastAPI(), asyncio.Event(), asyncio.Event()
    begun: list[float] = []
    done: list[float] = []

    @app.put("/v1/stations/{id}/evses/{evse}/ceiling")
    async def bound(id: str, evse: int, body: dict[str, Any]) -> None:
        if id != "CP01":
            other_came.set()
            return
        begun.append(body["value"])
        if body["value"] == 32.0:
            await first_may_end.wait()
        done.append(body["value"])

    topics = Topics("sitectl")
    orders = Orders(topics, Inside(app, "mqtt"), SystemClock(), nobody_asks)

    def told(station: str, ampere: bytes) -> Received:
        return Received(f"{topics.base}/stations/{station}/evses/1/set/limit_a", ampere, retained=False)

    for ampere in (b"32", b"16", b"6"):
        orders.take(told("CP01", ampere))
    orders.take(told("CP02", b"10"))
    async with asyncio.timeout(30):
        await other_came.wait()
        while not begun:
            await asyncio.sleep(0.01)
        assert begun == [32.0]
        first_may_end.set()
        while len(done) < 3:
            await asyncio.sleep(0.01)
    assert done == [32.0, 16.0, 6.0]
    await orders.stop()


async def test_resets_wait_for_nobody() -> None:
    app, may_end, both = FastAPI(), asyncio.Event(), asyncio.Barrier(2)

    @app.post("/v1/stations/{id}/reset")
    async def reset(id: str) -> None:
        await both.wait()
        may_end.set()

    topics = Topics("sitectl")
    orders = Orders(topics, Inside(app, "mqtt"), SystemClock(), nobody_asks)
    for kind in (b"soft", b"hard"):
        orders.take(Received(f"{topics.base}/stations/CP01/set/reset", kind, retained=False))
    async with asyncio.timeout(30):
        await may_end.wait()
    await orders.stop()
