"""Who has a hand on which station, on virtual time."""

import asyncio

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.model.commands import (
    Answered,
    GetVariables,
    NotSent,
    ResetKind,
    ResetStation,
    TriggerMessage,
    Unanswered,
    UnlockConnector,
    Urgency,
)
from sitectl.model.hands import HandKind
from sitectl.model.ids import EvseId
from sitectl.stations.hands import DAY_S, MOST_KEPT, Hands
from tests.unit.stations.twins import CP, START, Yard, in_yard

HARD = ResetStation(CP, ResetKind.IMMEDIATE)
UNLOCK = UnlockConnector(EvseId(CP, 1))
ACCEPTED = Answered("Accepted", {})


def test_what_was_done_is_known_for_a_day_and_what_was_refused_or_never_left_is_not():
    async def main() -> None:
        hands = Hands(LoopClock(START))
        for outcome in (ACCEPTED, Unanswered("late"), Answered("Rejected", {}), NotSent("offline"), None):
            hand = hands.take(CP, HARD, "anna")
            assert hand is not None
            assert [one.by for one in hands.under_way(CP)] == ["anna"]
            hands.end(hand, outcome)
            assert not hands.under_way(CP)
        assert [hand.kind for hand in hands.lately(CP)] == [HandKind.HARD_RESET] * 3
        assert hands.stations() == (CP,)
        await asyncio.sleep(DAY_S + 1)
        assert not hands.lately(CP)

    run_virtual(main())


def test_two_at_once_are_told_apart_and_few_are_remembered():
    async def main() -> None:
        hands = Hands(LoopClock(START))
        first, second = hands.take(CP, HARD, "central a"), hands.take(CP, HARD, "central a")
        assert first is not None
        assert second is not None
        hands.end(first, ACCEPTED)
        assert len(hands.under_way(CP)) == 1
        hands.end(second, ACCEPTED)
        for _ in range(200):
            hands.end(hands.begin(CP, HandKind.RECONNECT, "healing"), ACCEPTED)
        assert len(hands.lately(CP)) == MOST_KEPT

    run_virtual(main())


def test_questions_are_no_hand():
    async def main() -> None:
        hands = Hands(LoopClock(START))
        assert hands.take(CP, GetVariables(CP), "anna") is None
        assert hands.take(CP, TriggerMessage(EvseId(CP, 0), "Heartbeat"), "anna") is None

    run_virtual(main())


@in_yard()
async def test_the_door_knows_who_used_it_and_how_it_ended(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "One"})
    assert (await yard.stations.execute(CP, UNLOCK, Urgency.STOP, by="central main")) is not None
    station.answers = lambda action, payload: {"status": "Rejected"}
    await yard.stations.execute(CP, HARD, Urgency.CONTROL, by="anna")
    assert [(hand.kind, hand.by) for hand in yard.stations.hands.lately(CP)] == [(HandKind.UNLOCK, "central main")]
    assert not yard.stations.hands.under_way(CP)


@in_yard()
async def test_a_reset_is_told_with_who_wanted_it(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "One"})
    await yard.stations.execute(CP, HARD, Urgency.CONTROL, by="healing")
    assert [info for _, _, info in yard.centrals.security] == ["Immediate reset was ordered by healing"]


@in_yard()
async def test_a_connection_that_is_hung_up_is_closed_and_that_counts_as_a_hand(yard: Yard) -> None:
    await yard.connect()
    assert isinstance(await yard.stations.hang_up(CP, "healing", "healing"), Answered)
    await asyncio.sleep(1)
    assert not yard.stations.book.online(CP)
    assert [hand.kind for hand in yard.stations.hands.lately(CP)] == [HandKind.RECONNECT]
    assert isinstance(await yard.stations.hang_up(CP, "healing", "healing"), NotSent)
