"""Attempts on disk: what a restart goes on from, what people are shown, and what leaves with time."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from sitectl.model.attempts import StoredAttempt
from sitectl.model.hands import Hand, HandKind
from sitectl.model.health import Attempt, AttemptOutcome, Remedy, RemedyKind, SymptomKind
from sitectl.model.ids import StationId
from sitectl.model.station import StationIdentity
from sitectl.store import aging
from sitectl.store.errors import StoreUnavailable
from sitectl.store.moments import to_us
from sitectl.store.opening import Store, open_store
from tests.unit.store.builders import CP1, NOON, HandClock, Says, compose_stop, fill

ACME = StationIdentity("Acme", "One", "1.2")
CP2 = StationId("CP2")


def attempt(id: str = "a1", station: StationId = CP1, **more: object) -> Attempt:
    remedy = Remedy(RemedyKind.SOFT_RESET, station, 1, SymptomKind.FAULT, "other-error", 1, "OtherError")
    return replace(Attempt(id, remedy, NOON, 100.0, (("code", "OtherError"), ("info", "x"))), **more)  # type: ignore[arg-type]


async def written(store: Store) -> None:
    """What waits to be written is on the disk."""
    await store.database.run(lambda connection: None)


async def test_what_was_begun_is_read_back_as_it_was(store: Store) -> None:
    await store.attempts.begin([(attempt(), ACME)])
    (stored,) = await store.attempts.history(None)
    assert stored == StoredAttempt(attempt(begun_at=0.0), ACME)
    assert await store.attempts.remembered() == [attempt(begun_at=0.0)]


async def test_what_came_of_it_is_kept_with_the_evidence(store: Store, clock: HandClock) -> None:
    await store.attempts.begin([(attempt(), ACME), (attempt("a2", CP2, dry=True), ACME)])
    store.attempts.outcome("a1", AttemptOutcome.DONE)
    ended = NOON + timedelta(seconds=90)
    store.attempts.end([attempt(ended=ended, helped=True, after=(("symptom", "gone"),))])
    store.attempts.recovered("a1", NOON - timedelta(seconds=30))
    await written(store)
    first, second = await store.attempts.history(None)
    assert (first.attempt.outcome, first.attempt.helped, first.recovery_s) == (AttemptOutcome.DONE, True, 120.0)
    assert first.attempt.after == (("symptom", "gone"),)
    assert (second.attempt.dry, second.attempt.ended, second.recovery_s) == (True, None, None)
    assert [one.attempt.id for one in await store.attempts.history(None, CP2)] == ["a2"]
    assert await store.attempts.history(NOON + timedelta(seconds=1)) == []


async def test_an_id_that_comes_again_after_a_restart_means_the_newest(store: Store) -> None:
    await store.attempts.begin([(attempt(), ACME)])
    await store.attempts.begin([(attempt(begun=NOON + timedelta(hours=1)), ACME)])
    store.attempts.end([attempt(ended=NOON + timedelta(hours=2), helped=False)])
    await written(store)
    first, second = await store.attempts.history(None)
    assert (first.attempt.ended, second.attempt.helped) == (None, False)


async def test_a_restart_remembers_a_week_and_what_is_not_judged(path: Path, clock: HandClock) -> None:
    store = await open_store(path, clock, Random(1), compose_stop)
    await store.attempts.begin([(attempt("old"), ACME), (attempt("open"), ACME)])
    store.attempts.end([attempt("old", ended=NOON)])
    clock.pass_s(8 * 86_400.0)
    await store.attempts.begin([(attempt("new", begun=clock.now), ACME)])
    await store.close()
    store = await open_store(path, clock, Random(1), compose_stop)
    assert [one.id for one in await store.attempts.remembered()] == ["open", "new"]
    await store.close()


async def test_a_disk_that_takes_nothing_is_said_before_anything_is_done(store: Store) -> None:
    await fill(store.database)
    with pytest.raises(StoreUnavailable):
        await store.attempts.begin([(attempt(), ACME)])


async def test_what_was_charged_after_it_helped_is_counted_once(store: Store, says: Says, clock: HandClock) -> None:
    for id in ("a1", "a2"):
        await store.attempts.begin([(attempt(id), ACME)])
        store.attempts.end([attempt(id, ended=NOON, helped=True)])
    started = await says.start(minute=60)
    await says.stop(started.station_transaction_id)
    await written(store)
    history = await store.attempts.history(None)
    count, energy_wh = await store.attempts.saved(history, timedelta(days=1))
    (row,) = await says.rows("SELECT meter_stop_wh - meter_start_wh FROM transactions")
    assert (count, energy_wh) == (1, row[0])
    assert await store.attempts.saved(history, timedelta(minutes=1)) == (0, 0.0)


async def test_orders_of_others_are_known_again_for_a_day(path: Path, clock: HandClock) -> None:
    store = await open_store(path, clock, Random(1), compose_stop)
    store.attempts.ordered(Hand(CP1, HandKind.HARD_RESET, "central main", clock.at - 60.0))
    await store.close()
    clock.pass_s(3600.0)
    clock.at = 10.0  # another boot of the machine
    store = await open_store(path, clock, Random(1), compose_stop)
    (hand,) = await store.attempts.hands()
    assert (hand.kind, hand.by, hand.at) == (HandKind.HARD_RESET, "central main", 10.0 - 3660.0)
    clock.pass_s(86_400.0)
    assert not await store.attempts.hands()
    store.attempts.ordered(Hand(CP2, HandKind.UNLOCK, "anna", clock.at))
    await store.close()
    store = await open_store(path, clock, Random(1), compose_stop)
    assert [hand.station for hand in await store.attempts.hands()] == [CP2]
    await store.close()


async def test_what_is_old_and_judged_leaves(store: Store) -> None:
    await store.attempts.begin([(attempt("judged"), ACME), (attempt("open"), ACME)])
    store.attempts.end([attempt("judged", ended=NOON)])
    await written(store)
    old = aging.attempts(to_us(NOON + timedelta(days=1)))
    keys = await store.database.run(lambda connection: old.find(connection, 0).keys)
    assert len(keys) == 1
    await store.database.run(lambda connection: [old.delete(connection, key) for key in keys])
    assert [one.attempt.id for one in await store.attempts.history(None)] == ["open"]
