"""Draining the outbox on virtual time: order, late binding, refusals, sickness, a full disk, restarts."""

import asyncio
import itertools
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from sitectl.base.virtual import run_virtual
from sitectl.model.commands import RequestStop
from sitectl.model.ids import StationId
from sitectl.model.uplink import DeadStart
from tests.unit.uplinks.central import CP, Drop, Error, Nothing, Raw, Slow
from tests.unit.uplinks.twins import CENTRAL, World, on_virtual_time

TRANSACTIONAL = ("StartTransaction", "MeterValues", "StopTransaction")


def transactional(world: World) -> list[str]:
    return [action for action in world.central.actions() if action in TRANSACTIONAL]


def started(id: object, status: str = "Accepted") -> dict:
    return {"transactionId": id, "idTagInfo": {"status": status}}


@on_virtual_time
async def test_a_transaction_goes_up_in_order_with_the_id_of_the_central():
    async with World() as world:
        await world.settles()
        stored = await world.starts()
        await world.samples(stored, 200)
        await world.samples(stored, 300)
        await world.stops(stored)
        await asyncio.sleep(1)
        assert transactional(world) == ["StartTransaction", "MeterValues", "MeterValues", "StopTransaction"]
        ids = [p["transactionId"] for action in TRANSACTIONAL[1:] for p in world.central.of(action)]
        assert ids == [4001, 4001, 4001]
        assert all(str(stored.station_transaction_id) not in heard.text for heard in world.central.heard)
        assert await world.outbox() == []
        assert world.central.crossed == 0  # never two calls at once


@on_virtual_time
async def test_what_gathered_while_the_central_was_away_goes_first_and_in_order():
    async with World() as world:
        first = await world.starts(1, "RED12345")
        await world.samples(first, 200)
        await world.stops(first)
        second = await world.starts(1, "BLUE1234")
        await world.settles()
        await world.samples(second, 400)
        await asyncio.sleep(1)
        assert transactional(world) == [
            "StartTransaction", "MeterValues", "StopTransaction", "StartTransaction", "MeterValues",
        ]  # fmt: skip
        assert [p["idTag"] for p in world.central.of("StartTransaction")] == ["RED12345", "BLUE1234"]


@on_virtual_time
async def test_a_lost_connection_counts_nothing_and_the_text_is_the_same():
    async with World() as world:
        await world.settles()
        answers = iter([Drop(), Nothing(), Drop()])
        world.central.answers["StartTransaction"] = lambda payload: next(answers, started(5))
        world.central.answers["Heartbeat"] = Nothing()
        await world.starts()
        await asyncio.sleep(200)
        texts = {json.dumps(p) for p in world.central.of("StartTransaction")}
        bodies = {h.text.split(",", 3)[3] for h in world.central.heard if h.action == "StartTransaction"}
        assert len(world.central.of("StartTransaction")) == 4
        assert len(texts) == len(bodies) == 1
        assert await world.outbox() == []
        assert "outbox.refused" not in [e[0] for e in await world.rows("SELECT type FROM events")]


@on_virtual_time
async def test_a_refused_message_is_tried_three_times_then_kept_as_dead_and_its_dependants_go_with_minus_one():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = Error("InternalError")
        stored = await world.starts()
        await world.samples(stored, 200)
        await world.stops(stored)
        await asyncio.sleep(200)
        asked = [h.at for h in world.central.heard if h.action == "StartTransaction"]
        gaps = [round(b - a) for a, b in itertools.pairwise(asked)]
        assert gaps == [60, 120]
        assert await world.outbox() == [("StartTransaction", "dead")]
        assert world.central.of("MeterValues") == []
        assert await world.rows("SELECT action FROM outbox_archive") == [("MeterValues",), ("StopTransaction",)]
        assert [p["transactionId"] for p in world.central.of("StopTransaction")] == [-1]
        await asyncio.sleep(2)
        assert world.view.dead == 1
        assert world.view.backlog == 0


@on_virtual_time
async def test_where_stops_of_dead_starts_are_held_nothing_goes_up_until_the_start_is_requeued():
    world = World()
    world.settings = replace(world.settings, on_dead_start=DeadStart.HOLD)
    async with world:
        await world.settles()
        world.central.answers["StartTransaction"] = Error("InternalError")
        stored = await world.starts()
        await world.samples(stored, 200)
        await world.stops(stored)
        await asyncio.sleep(200)
        assert world.central.of("StopTransaction") == []
        assert await world.rows("SELECT action FROM outbox_archive") == [("MeterValues",), ("StopTransaction",)]
        del world.central.answers["StartTransaction"]
        other = await world.starts(2)
        await world.stops(other)
        await asyncio.sleep(5)
        assert [p["transactionId"] for p in world.central.of("StopTransaction")] == [4001], "others do not wait for it"
        await world.store.dead_letters.requeue(stored.transaction)
        await asyncio.sleep(5)
        assert [p["transactionId"] for p in world.central.of("StopTransaction")] == [4001, 4002]
        assert await world.outbox() == []
        assert await world.rows("SELECT count(*) FROM outbox_archive") == [(0,)]


@on_virtual_time
async def test_a_requeued_transaction_goes_up_whole_with_the_id_of_the_central():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = Error("InternalError")
        stored = await world.starts()
        await world.samples(stored, 200)
        await world.stops(stored)
        await asyncio.sleep(200)
        del world.central.answers["StartTransaction"]
        world.central.heard.clear()
        await world.store.dead_letters.requeue(stored.transaction)
        await asyncio.sleep(5)
        assert transactional(world) == ["StartTransaction", "MeterValues", "StopTransaction"]
        assert [world.central.of(a)[0]["transactionId"] for a in ("MeterValues", "StopTransaction")] == [4001, 4001]
        assert await world.outbox() == []
        assert await world.rows("SELECT count(*) FROM outbox_archive") == [(0,)]


@on_virtual_time
async def test_attempts_and_interval_are_what_the_central_set():
    async with World() as world:
        await world.settles()
        for key, value in (("TransactionMessageAttempts", "2"), ("TransactionMessageRetryInterval", "7")):
            answer = await world.central.ask("ChangeConfiguration", {"key": key, "value": value})
            assert answer == {"status": "Accepted"}
        world.central.answers["StartTransaction"] = Error("InternalError")
        await world.starts()
        await asyncio.sleep(60)
        asked = [h.at for h in world.central.heard if h.action == "StartTransaction"]
        assert [round(b - a) for a, b in itertools.pairwise(asked)] == [7]
        assert await world.outbox() == [("StartTransaction", "dead")]


@on_virtual_time
async def test_a_sick_central_is_left_and_nothing_is_counted():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = Nothing()
        world.central.answers["Heartbeat"] = Nothing()
        await world.starts()
        await asyncio.sleep(400)
        assert len(world.central.dials) > 5
        assert await world.rows("SELECT attempts, state FROM outbox") == [(0, "sent")]


@on_virtual_time
async def test_a_poisonous_message_is_given_up_on_a_live_connection():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = Nothing()
        stored = await world.starts()
        await world.stops(stored)
        await asyncio.sleep(300)
        assert len(world.central.dials) == 1
        assert await world.outbox() == [("StartTransaction", "dead")]
        assert len(world.central.of("StopTransaction")) == 1


@pytest.mark.parametrize("seconds", [33.0, 38.0, 75.0])
def test_an_answer_that_comes_late_is_an_answer(seconds):
    """A slow central has taken the message: it must not get it three times, and the message must not die."""

    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.central.answers["StartTransaction"] = Slow(seconds, started(5))
            if seconds == 38.0:
                world.central.answers["Heartbeat"] = Slow(9.0, {})
            stored = await world.starts()
            await world.stops(stored)
            await asyncio.sleep(120)
            assert [p["transactionId"] for p in world.central.of("StopTransaction")] == [5]
            assert await world.outbox() == []
            assert len(world.central.of("StartTransaction")) == 1

    test()


@pytest.mark.parametrize(
    "said",
    [
        Raw('[3,"{id}",{"transactionId":'),
        Raw('[3,"{id}",[]]'),
        Raw('[3,"{id}"]'),
        Raw('[4,"{id}"]'),
    ],
)
def test_an_unreadable_answer_is_a_refusal_and_nothing_is_lost(said):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            answers = iter([said])
            world.central.answers["StartTransaction"] = lambda payload: next(answers, started(5))
            stored = await world.starts()
            await world.stops(stored)
            await asyncio.sleep(100)
            assert await world.outbox() == []
            assert [p["transactionId"] for p in world.central.of("StopTransaction")] == [5]

    test()


@pytest.mark.parametrize(
    ("id", "bound"),
    [(0, -1), (-1, -1), ("17", 17), ("x17", -1), (None, -1), (2**40, 2**40), (17.0, 17), (True, -1)],
)
def test_ids_of_sloppy_centrals(id, bound):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.central.answers["StartTransaction"] = started(id)
            stored = await world.starts()
            await world.stops(stored)
            await asyncio.sleep(1)
            assert [p["transactionId"] for p in world.central.of("StopTransaction")] == [bound]

    test()


@on_virtual_time
async def test_an_id_that_repeats_itself_is_of_the_transaction_that_runs():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = started(1)
        for _ in range(2):
            stored = await world.starts()
            await world.stops(stored)
        stored = await world.starts()
        assert await world.central.ask("RemoteStopTransaction", {"transactionId": 1}) == {"status": "Accepted"}
        assert world.door.of(RequestStop) == [RequestStop(CP, stored.station_transaction_id)]


@on_virtual_time
async def test_a_full_disk_holds_everything_back_and_an_answer_is_written_down_later():
    async with World() as world:
        await world.settles()
        stored = await world.starts()
        await world.samples(stored, 200)
        await asyncio.sleep(1)
        freed = None

        def fill(payload: dict) -> dict:
            nonlocal freed
            freed = freed or world.fill_disk()
            return {}

        world.central.answers["MeterValues"] = fill
        await world.samples(stored, 300)
        await world.samples(stored, 400)
        await asyncio.sleep(60)
        assert len(world.central.of("MeterValues")) == 2  # the second was answered, the third waits
        assert world.link().accepted
        assert freed is not None
        freed()
        await asyncio.sleep(10)
        assert len(world.central.of("MeterValues")) == 3  # and the second was not sent again
        assert await world.outbox() == []


def test_a_restart_resends_the_same_text_and_binds_late_what_waited(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await world.settles()
            world.central.answers["StartTransaction"] = Nothing()
            stored = await world.starts()
            await world.samples(stored, 200)
            await world.stops(stored)
            await world.restart()
            world.central.answers["StartTransaction"] = started(77)
            await asyncio.sleep(30)
            # The station is not back, but the central hears the rest, and that it is unavailable.
            assert transactional(world) == ["StartTransaction", "StartTransaction", "MeterValues", "StopTransaction"]
            bodies = {h.text.split(",", 3)[3] for h in world.central.heard if h.action == "StartTransaction"}
            assert len(bodies) == 1
            assert [p["transactionId"] for p in world.central.of("StopTransaction")] == [77]
            assert world.central.of("StatusNotification")[-1]["status"] == "Unavailable"
            assert await world.outbox() == []
            assert not world.link().accepted  # and it goes: there is nothing left to say

    run_virtual(test())


@on_virtual_time
async def test_a_backlog_leaves_at_the_pace_of_the_uplink_and_finished_stations_first():
    async with World(replay_per_s=2.0) as world:
        stations = [StationId(f"CP{n}") for n in range(4)]
        for station in stations:
            stored = await world.starts(station=station, wait=False)
            if station != stations[0]:
                await world.stops(stored)
                continue
            for wh in range(3):
                await world.samples(stored, wh)
        for station in stations:
            world.arrives(station)
            world.boots(station=station)
        await asyncio.sleep(60)
        sent = [h for h in world.central.heard if h.action in TRANSACTIONAL]
        assert len(sent) == 10
        assert 3.5 <= sent[-1].at - sent[0].at < 10.0
        assert [h.station for h in sent[-3:]] == stations[:1] * 3  # it still charges


@on_virtual_time
async def test_live_messages_do_not_wait_for_the_pace():
    async with World(replay_per_s=0.1) as world:
        await world.settles()
        began = world.clock.monotonic()
        stored = await world.starts(wait=False)
        await world.samples(stored, 200)
        await world.stops(stored)
        await asyncio.sleep(1)
        assert await world.outbox() == []
        assert world.clock.monotonic() - began < 2


@on_virtual_time
async def test_many_stations_drain_side_by_side_each_in_its_own_order():
    async with World() as world:
        stations = [StationId(f"CP{n:02}") for n in range(20)]
        for station in stations:
            stored = await world.starts(station=station, wait=False)
            for wh in range(3):
                await world.samples(stored, wh)
            await world.stops(stored)
            world.arrives(station)
            world.boots(station=station)
        await asyncio.sleep(30)
        for station in stations:
            sent = [h.action for h in world.central.heard if h.station == station and h.action in TRANSACTIONAL]
            assert sent == ["StartTransaction", *["MeterValues"] * 3, "StopTransaction"]
        assert Counter(world.central.actions())["StartTransaction"] == 20
        assert await world.rows("SELECT DISTINCT uplink FROM transaction_uplinks") == [(CENTRAL,)]
