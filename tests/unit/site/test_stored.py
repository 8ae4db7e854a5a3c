"""What the disk says, or may say: coverage of what leaves at once, and rows that are pictures of the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sitectl.model import events
from sitectl.model.limits import Offer, OfferKind, StoredLimit
from sitectl.site.stored import UNBOUNDED, StoredLimits, is_wrong, lives_s, row_of
from tests.unit.state.small_site import A1, A, accepted, after, arrives, begins, charging, draws, fallback, fresh, told

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def row(counts_a: float, lasts_s: float, fallback_a: float | None = 6.0) -> StoredLimit:
    return StoredLimit(A1, counts_a, fallback_a, 1, NOW + timedelta(seconds=lasts_s), NOW)


def stored(*rows: StoredLimit) -> StoredLimits:
    limits = StoredLimits()
    limits.loaded(rows[0])
    limits.writing(rows[1:])
    return limits


def test_where_nothing_is_stored_a_restart_counts_the_maximum() -> None:
    limits = StoredLimits()
    assert (limits.covers_s(A1, 32.0), limits.floor_a(A1), limits.newest(A1)) == (UNBOUNDED, UNBOUNDED, None)


def test_a_row_covers_up_to_its_amperes_for_its_life_and_the_fallback_always() -> None:
    limits = stored(row(16.0, 100.0))
    assert [limits.covers_s(A1, a) for a in (6.0, 16.0, 16.1)] == [UNBOUNDED, 100.0, 0.0]
    assert stored(row(16.0, 100.0, None)).covers_s(A1, 32.0) == UNBOUNDED


def test_a_row_lives_as_long_as_when_it_was_written_whatever_the_clock_says() -> None:
    assert lives_s(row(16.0, 100.0)) == 100.0
    assert (lives_s(row(16.0, 0.0)), lives_s(replace(row(16.0, 100.0), expires=None))) == (0.0, 0.0)


def test_while_a_write_is_under_way_only_what_both_rows_cover_is_covered() -> None:
    limits = stored(row(16.0, 100.0), row(10.0, 300.0, fallback_a=0.0))
    assert [limits.covers_s(A1, a) for a in (0.0, 5.0, 10.0, 12.0)] == [UNBOUNDED, 300.0, 100.0, 0.0]
    assert limits.floor_a(A1) == 0.0


def test_a_finished_write_counts_alone_and_a_failed_one_not_at_all() -> None:
    old, new, newer = row(16.0, 100.0), row(10.0, 300.0), row(20.0, 200.0)
    limits = stored(old, new, newer)
    limits.written([new], well=False)
    assert limits.covers_s(A1, 16.0) == 100.0
    limits.written([newer], well=True)
    assert limits.covers_s(A1, 16.0) == 200.0
    assert limits.newest(A1) == newer


def test_a_row_is_all_that_may_be_in_force_offers_under_way_included() -> None:
    state = after(charging(16.0), [draws(A1, 5.0, 9.0), events.LimitOffered(told(A1, 4, 20.0, 10.0, lives_s=500.0))])
    found = row_of(state.evses[A1], 11.0, NOW, beyond_s=300.0)
    assert (found.counts_a, found.fallback_a, found.seq, found.obeys) == (20.0, 6.0, 4, "unknown")
    assert found.expires == NOW + timedelta(seconds=10.0 + 505.0 - 11.0 + 300.0)


def test_a_row_knows_a_fallback_that_is_on_its_way_up() -> None:
    state = after(
        fresh(), [*arrives(A), *fallback(A1), events.LimitOffered(Offer(A1, 2, 10.0, OfferKind.FALLBACK, 1.0))]
    )
    assert row_of(state.evses[A1], 2.0, NOW).fallback_a == 10.0


def test_a_row_of_an_evse_that_was_never_told_a_fallback_says_so() -> None:
    state = after(fresh(), [*arrives(A), begins(A1)])
    assert row_of(state.evses[A1], 2.0, NOW).fallback_a is None


def test_the_row_of_an_idle_evse_is_over() -> None:
    state = after(fresh(), [*arrives(A), *fallback(A1)])
    assert row_of(state.evses[A1], 2.0, NOW, beyond_s=300.0).expires == NOW


def test_rows_are_wrong_where_something_was_released_ended_or_forgotten() -> None:
    state = after(charging(16.0), [draws(A1, 5.0, 15.0)])
    evse = state.evses[A1]
    good = row_of(evse, 10.0, NOW, 100.0)
    assert not is_wrong(good, evse, 10.0)
    released = after(state, [*accepted(told(A1, 4, 8.0, 11.0), 11.5), draws(A1, 20.0, 8.0)]).evses[A1]
    assert is_wrong(good, released, 21.0)
    assert not is_wrong(replace(good, expires=NOW), released, 21.0), "it is over"
    ended = after(state, [events.TransactionEnded(A1, evse.transaction.id, 12.0)]).evses[A1]
    assert is_wrong(good, ended, 13.0)
    assert is_wrong(replace(good, fallback_a=None), evse, 10.0)
