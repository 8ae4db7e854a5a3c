"""A message at which the connection ends each time: told once, until it has left the queue."""

import asyncio
import json
from typing import Any

import pytest

from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import OutboxItem, OutboxKind, OutboxMessage
from sitectl.uplinks.step import Step
from sitectl.uplinks.stuck import ENDS, Stuck
from sitectl.wire.outcomes import Answer, CallOutcome, Gone, Refused, TimedOut
from tests.unit.uplinks.central import CP, Drop, Nothing
from tests.unit.uplinks.twins import World, on_virtual_time

GONE = Gone("it hung up", sent=True)


class Journal(list[tuple[str, Any]]):
    def record(self, type: str, station: StationId | None = None, evse: int | None = None, data: Any = None) -> None:
        assert station == CP
        self.append((type, data))


def item(seq: int = 7) -> OutboxItem:
    message = OutboxMessage("StopTransaction", {}, "1.6", OutboxKind.STOP)
    return OutboxItem(seq, UplinkId("central"), CP, message, None, None, None, 0)


def ended(stuck: Stuck, times: int, seq: int = 7) -> None:
    for _ in range(times):
        stuck.head(item(seq))
        stuck.tried(item(seq), Step.GONE, GONE)


def test_the_fifth_end_in_a_row_is_told_and_noted_once() -> None:
    stuck = Stuck(UplinkId("central"), CP, journal := Journal())
    ended(stuck, ENDS - 1)
    assert not [*stuck.findings()]
    assert journal == []
    ended(stuck, 3)
    ((what, where, do),) = stuck.findings()
    assert where == CP
    assert what == (
        "The connection to central ends each time at the same message: StopTransaction, message 7, 7 times, "
        "the last time: it hung up"
    )
    assert f"timeline {CP}" in do
    assert journal == [
        ("outbox.stuck", {"uplink": "central", "action": "StopTransaction", "seq": 7, "why": "it hung up"})
    ]


@pytest.mark.parametrize(
    ("step", "outcome"),
    [
        (Step.SENT, Answer({})),
        (Step.SENT, Refused("InternalError", "no")),
        (Step.SENT, TimedOut()),
        (Step.NOT_ACCEPTED, Refused("SecurityError", "")),
    ],
)
def test_it_ends_with_any_answer_and_is_counted_anew(step: Step, outcome: CallOutcome) -> None:
    stuck = Stuck(UplinkId("central"), CP, journal := Journal())
    ended(stuck, ENDS)
    stuck.tried(item(), step, outcome)
    assert not [*stuck.findings()]
    ended(stuck, ENDS - 1)
    assert not [*stuck.findings()]
    ended(stuck, 1)
    assert len(journal) == 2


def test_it_ends_when_another_message_or_none_is_next() -> None:
    for next in (item(8), None):
        stuck = Stuck(UplinkId("central"), CP, Journal())
        ended(stuck, ENDS)
        stuck.head(next)
        assert not [*stuck.findings()]


def test_ends_at_different_messages_are_nobodys_fault() -> None:
    stuck = Stuck(UplinkId("central"), CP, journal := Journal())
    for seq in range(20):
        ended(stuck, ENDS - 1, seq)
    assert not [*stuck.findings()]
    assert journal == []


def test_a_connection_that_had_ended_before_it_was_sent_changes_nothing() -> None:
    stuck = Stuck(UplinkId("central"), CP, journal := Journal())
    for _ in range(ENDS):
        stuck.tried(item(), Step.GONE, Gone("no network", sent=False))
    assert journal == []
    ended(stuck, ENDS - 1)
    stuck.tried(item(), Step.GONE, Gone("no network", sent=False))
    assert journal == []
    ended(stuck, 1)
    assert [type for type, _ in journal] == ["outbox.stuck"]


def test_a_central_that_falls_silent_at_it_counts_as_one_that_hangs_up() -> None:
    stuck = Stuck(UplinkId("central"), CP, Journal())
    for _ in range(ENDS):
        stuck.tried(item(), Step.SICK, TimedOut())
    ((what, _, _),) = stuck.findings()
    assert what.endswith("no answer, nor to a heartbeat")


@on_virtual_time
async def test_a_central_that_hangs_up_at_a_start_is_told_of_until_it_takes_it():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = Drop()
        stored = await world.starts()
        await world.stops(stored)
        await asyncio.sleep(300)
        ((what, where, _),) = world.pool.findings()
        ((seq,),) = await world.rows("SELECT min(seq) FROM outbox")
        assert f"StartTransaction, message {seq}, " in what
        assert where == CP
        assert [kept for _, kept in await world.outbox()] == ["sent", "queued"]
        await world.store.journal.drain()
        ((data,),) = await world.rows("SELECT data FROM events WHERE type = 'outbox.stuck'")
        assert {key: json.loads(data)[key] for key in ("uplink", "action", "seq")} == {
            "uplink": "central", "action": "StartTransaction", "seq": seq,
        }  # fmt: skip
        del world.central.answers["StartTransaction"]
        await asyncio.sleep(60)
        assert not [*world.pool.findings()]
        assert await world.outbox() == []


@on_virtual_time
async def test_a_message_that_leaves_no_other_behind_is_not_told_for_ever():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = world.central.answers["Heartbeat"] = Nothing()
        await world.starts()
        await asyncio.sleep(600)
        assert len([*world.pool.findings()]) == 1
        world.central.answers.clear()
        await asyncio.sleep(60)
        assert not [*world.pool.findings()]
        assert await world.outbox() == []
