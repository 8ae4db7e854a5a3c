"""Which EVSEs are in service, and what a station is to be told of it; as plain values."""

from sitectl.routing.service import Out, all_taken_out, is_out, next_order, taken_out, with_order, with_wish

NOBODY: Out = {}
NONE: frozenset[int] = frozenset()


def wishes(*said: tuple[str, int, bool]) -> Out:
    out = NOBODY
    for owner, evse, operative in said:
        out = with_wish(out, owner, evse, operative)
    return out


def told(out: Out, told_out: frozenset[int] = NONE, evses=(1, 2)) -> list[tuple[int, bool]]:
    """Everything that a station is told which accepts all of it."""
    orders: list[tuple[int, bool]] = []
    while (order := next_order(out, told_out, evses, frozenset(evse for evse, _ in orders))) is not None:
        orders.append(order)
        told_out = with_order(out, told_out, *order)
    return orders


def test_all_that_anybody_has_taken_out():
    assert all_taken_out(NOBODY) == frozenset()
    assert all_taken_out(wishes(("a", 1, False), ("b", 0, False), ("b", 2, True))) == {0, 1}


def test_it_is_in_service_while_nobody_has_taken_it_out():
    assert not is_out(NOBODY, 1)
    assert not is_out(wishes(("a", 1, True)), 1)
    both = wishes(("a", 1, False), ("b", 1, False))
    assert is_out(both, 1)
    assert not is_out(both, 2)
    assert is_out(with_wish(both, "a", 1, True), 1)
    assert with_wish(with_wish(both, "a", 1, True), "b", 1, True) == NOBODY


def test_the_station_is_each_of_its_evses():
    whole = wishes(("a", 0, False))
    assert is_out(whole, 0)
    assert is_out(whole, 2)
    assert not taken_out(whole, 2)
    assert is_out(with_wish(whole, "a", 2, True), 2)  # one alone does not come back


def test_what_is_said_of_the_station_is_said_of_all_but_only_by_him_who_says_it():
    out = wishes(("a", 1, False), ("b", 2, False), ("a", 0, True))
    assert (is_out(out, 1), is_out(out, 2)) == (False, True)


def test_a_station_is_told_only_what_it_does_not_know():
    assert told(NOBODY) == []
    one = wishes(("a", 1, False))
    assert told(one) == [(1, False)]
    assert told(one, frozenset({1})) == []
    assert told(NOBODY, frozenset({1})) == [(1, True)]


def test_while_the_whole_is_out_nothing_is_said_of_its_parts():
    out = wishes(("a", 0, False), ("b", 2, False))
    assert told(out) == [(0, False)]
    assert told(out, frozenset({0, 1})) == []


def test_a_station_that_goes_back_takes_its_parts_along_and_those_that_stay_out_are_told_again():
    assert told(wishes(("b", 2, False)), frozenset({0, 1, 2})) == [(0, True), (1, True), (2, False)]


def test_what_was_said_in_a_round_is_not_said_again():
    assert next_order(wishes(("a", 1, False)), NONE, (1, 2), frozenset({1})) is None
