"""How many charging profiles a station's memory takes a day."""

from __future__ import annotations

from sitectl.model.ids import StationId
from sitectl.model.ladder import FIRST_FORM, LadderStep, LimitForm
from sitectl.site.writes import DAY_S, PERSISTENT_MOST, TRANSACTION_MOST, WriteBook

A, B = StationId("A"), StationId("B")
DEFAULT, STOP = LimitForm(LadderStep.TX_DEFAULT), LimitForm(LadderStep.START_STOP)


def test_each_purpose_has_its_own_budget() -> None:
    book = WriteBook()
    for n in range(PERSISTENT_MOST):
        book.limit(A, DEFAULT, float(n))
    book.limit(A, FIRST_FORM, 1.0)
    assert (book.of(A, 300.0).transaction, book.of(A, 300.0).persistent) == (1, PERSISTENT_MOST)
    assert book.used_up(A, DEFAULT, 300.0)
    assert book.used_up(A, LimitForm(LadderStep.TX_DEFAULT, lowest=True), 300.0)
    assert not book.used_up(A, FIRST_FORM, 300.0)
    assert not book.used_up(B, DEFAULT, 300.0)


def test_fallbacks_count_with_what_outlives_a_power_cut_and_stops_not_at_all() -> None:
    book = WriteBook()
    book.fallback(A, 0.0)
    book.limit(A, STOP, 0.0)
    assert (book.of(A, 1.0).transaction, book.of(A, 1.0).persistent) == (0, 1)
    assert not book.used_up(A, STOP, 1.0)


def test_a_day_later_it_takes_more() -> None:
    book = WriteBook()
    for _ in range(TRANSACTION_MOST):
        book.limit(A, FIRST_FORM, 0.0)
    assert book.used_up(A, FIRST_FORM, DAY_S)
    assert not book.used_up(A, FIRST_FORM, DAY_S + 1.0)


def test_who_used_up_its_day_is_named_unless_it_costs_nothing() -> None:
    book = WriteBook()
    for _ in range(TRANSACTION_MOST):
        book.limit(A, FIRST_FORM, 0.0)
    ((what, where, _),) = book.findings({A: False}, 1.0)
    assert where == A
    assert "500 of 500 bound to transactions, 0 of 200 others" in what
    assert not list(book.findings({A: True}, 1.0))
