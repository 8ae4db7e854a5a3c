"""Centrals that answer a start oddly: which id the rest of the transaction goes with, and what people see of it."""

from typing import Any

import pytest

from sitectl.base.virtual import run_virtual
from tests.unit.uplinks.central import Error, Nothing, Raw, Slow
from tests.unit.uplinks.twins import World

ACCEPTED = {"status": "Accepted"}


def outcome_of(answer: Any) -> tuple[list[Any], list[tuple[str, str]], Any]:
    """The ids that samples and stop went with, the events with their data, and what the ledger holds of the id."""

    async def main() -> tuple[list[Any], list[tuple[str, str]], Any]:
        import asyncio

        async with World() as world:
            await world.settles()
            world.central.answers["StartTransaction"] = answer
            stored = await world.starts()
            await world.samples(stored, 200)
            await world.stops(stored)
            await asyncio.sleep(400)
            heard = [*world.central.of("MeterValues"), *world.central.of("StopTransaction")]
            events = await world.rows("SELECT type, data FROM events ORDER BY seq")
            (row,) = await world.rows("SELECT uplink_transaction_id FROM transaction_uplinks")
            return [payload["transactionId"] for payload in heard], events, row[0]

    return run_virtual(main())


@pytest.mark.parametrize(
    ("answer", "goes_with", "held", "event"),
    [
        ({"transactionId": 7, "idTagInfo": ACCEPTED}, 7, "7", None),
        ({"transactionId": "7", "idTagInfo": ACCEPTED}, 7, "7", "uplink.deviation"),
        ({"transactionId": 7.0, "idTagInfo": ACCEPTED}, 7, "7", "uplink.deviation"),
        ({"transactionId": 7.5, "idTagInfo": ACCEPTED}, -1, None, "transaction.unnamed"),
        ({"transactionId": 0, "idTagInfo": ACCEPTED}, -1, None, "transaction.unnamed"),
        ({"transactionId": -1, "idTagInfo": {"status": "Invalid"}}, -1, None, "transaction.unnamed"),
        ({"transactionId": "abc", "idTagInfo": ACCEPTED}, -1, None, "transaction.unnamed"),
        ({"transactionId": None}, -1, None, "transaction.unnamed"),
        ({}, -1, None, "transaction.unnamed"),
    ],
)
def test_an_odd_id_loses_nothing_and_is_seen(
    answer: dict[str, Any], goes_with: int, held: str | None, event: str | None
) -> None:
    ids, events, id = outcome_of(answer)
    assert ids == [goes_with, goes_with]
    assert id == held
    types = [type for type, _ in events]
    if event is not None:
        assert event in types
    else:
        assert not {"transaction.unnamed", "uplink.deviation"} & {*types}


def test_what_the_central_said_in_place_of_an_id_is_shown() -> None:
    _, events, _ = outcome_of({"transactionId": "abc", "idTagInfo": ACCEPTED})
    (data,) = [data for type, data in events if type == "transaction.unnamed"]
    assert '"said":"abc"' in data


def test_a_refusal_is_seen_each_time_and_at_the_end() -> None:
    ids, events, id = outcome_of(Error("InternalError"))
    types = [type for type, _ in events]
    assert (types.count("outbox.refused"), types.count("outbox.given_up")) == (2, 1)
    assert (ids, id) == ([-1], None)


def test_no_answer_at_all_is_seen_each_time_and_at_the_end() -> None:
    ids, events, id = outcome_of(Nothing())
    types = [type for type, _ in events]
    assert (types.count("outbox.refused"), types.count("outbox.given_up")) == (2, 1)
    (given_up,) = [data for type, data in events if type == "outbox.given_up"]
    assert "never answered, though heartbeats are" in given_up
    assert (ids, id) == ([-1], None)


def test_an_answer_that_is_no_json_is_a_refusal() -> None:
    _, events, _ = outcome_of(Raw('[3,"{id}",nonsense'))
    assert "outbox.given_up" in [type for type, _ in events] or "uplink.offline" in [type for type, _ in events]


@pytest.mark.parametrize(
    ("seconds", "holds", "other"),
    [(95.0, 6, 5), (91.0, 5, 6), (300.0, 6, 5)],
    ids=["after the second", "while the second is under way", "when all is over"],
)
def test_a_start_that_is_named_twice_keeps_the_name_that_was_heard_first(
    seconds: float, holds: int, other: int
) -> None:
    """It was slow, so it was sent again, and the central has two of it."""
    answers = iter([Slow(seconds, {"transactionId": 5, "idTagInfo": ACCEPTED})])

    def answer(payload: Any) -> Any:
        return next(answers, Slow(1.5, {"transactionId": 6, "idTagInfo": ACCEPTED}))

    ids, events, held = outcome_of(answer)
    assert (ids, held) == ([holds, holds], str(holds))
    (data,) = [data for type, data in events if type == "transaction.named_twice"]
    assert f'"id":"{holds}","other":"{other}"' in data


def test_a_start_that_is_named_twice_alike_is_no_news() -> None:
    answers = iter([Slow(95.0, {"transactionId": 5, "idTagInfo": ACCEPTED})])
    again = {"transactionId": 5, "idTagInfo": ACCEPTED}
    ids, events, _ = outcome_of(lambda payload: next(answers, again))
    assert ids == [5, 5]
    assert "transaction.named_twice" not in [type for type, _ in events]
