"""Whom reservations bar and which one a start uses, as plain values."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from sitectl.model.ids import EvseId, StationId, UplinkId
from sitectl.model.reservation import Reservation
from sitectl.routing.reservations import bars, has_room, is_for, used

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CP = StationId("CP01")


def of(evse: int, token: str = "MINE", parent: str | None = None, id: int = 1, **more) -> Reservation:
    found = {"made": NOW, "expires": NOW + HOUR, **more}
    return Reservation(UplinkId("central"), id, EvseId(CP, evse), token, parent, **found)


def test_it_is_for_the_token_and_for_those_of_its_parent():
    assert is_for(of(1), "mine", None)
    assert not is_for(of(1), "OTHER", "FLEET")
    assert is_for(of(1, parent="Fleet"), "OTHER", "FLEET")
    assert not is_for(of(1, parent="FLEET"), "OTHER", None)


@pytest.mark.parametrize(
    ("holding", "evse", "token", "free", "barred"),
    [
        ([], 1, "OTHER", [1, 2], False),
        ([of(1)], 1, "OTHER", [1, 2], True),
        ([of(1)], 1, "MINE", [1, 2], False),
        ([of(1)], 2, "OTHER", [1, 2], False),
        ([of(0)], 1, "OTHER", [1, 2], False),  # the other one is left for whom it is
        ([of(0)], 1, "OTHER", [1], True),
        ([of(0)], 1, "MINE", [1], False),
        ([of(0), of(0, "YOURS", id=2)], 1, "OTHER", [1, 2], True),
        ([of(0), of(0, "YOURS", id=2)], 1, "MINE", [1, 2], False),
        ([of(0), of(2, "YOURS", id=2)], 1, "OTHER", [1, 2], True),  # what is left is somebody else's
        ([of(0), of(1, "OTHER", id=2)], 1, "OTHER", [1], False),  # promised to it before
    ],
)
def test_whom_reservations_bar(holding, evse, token, free, barred):
    assert (bars(holding, evse, token, None, free) is not None) is barred


@pytest.mark.parametrize(
    ("holding", "evse", "free", "room"),
    [
        ([], 1, [1, 2], True),
        ([], 1, [2], False),
        ([of(1)], 1, [1, 2], False),
        ([of(1)], 2, [1, 2], True),
        ([of(0)], 1, [1, 2], True),
        ([of(0)], 1, [1], False),
        ([], 0, [], False),
        ([], 0, [1], True),
        ([of(1)], 0, [1], False),
        ([of(0)], 0, [1, 2], True),
        ([of(0), of(0, id=2)], 0, [1, 2], False),
    ],
)
def test_no_more_is_promised_than_there_is(holding, evse, free, room):
    assert has_room(holding, evse, free) is room


def test_a_start_uses_the_one_of_its_evse_before_one_of_any():
    known = [of(0, id=1), of(1, id=2), of(2, id=3)]
    assert [used(known, evse, "MINE", None, NOW) for evse in (1, 2, 3)] == [known[1], known[2], known[0]]
    assert used(known, 1, "OTHER", None, NOW) is None


@pytest.mark.parametrize(
    ("began", "ended", "fits"),
    [
        (-timedelta(seconds=30), None, True),  # clocks differ
        (-timedelta(minutes=5), None, False),
        (timedelta(minutes=59), None, True),
        (HOUR, None, False),
        (timedelta(minutes=10), timedelta(minutes=20), True),  # told late, of when it held
        (timedelta(minutes=30), timedelta(minutes=20), False),
    ],
)
def test_it_must_have_held_when_the_transaction_began(began, ended, fits):
    one = of(1, ended=None if ended is None else NOW + ended)
    assert used([one], 1, "MINE", None, NOW + began) == (one if fits else None)


def test_what_the_station_names_is_that_one_or_none():
    known = [of(1, id=1), of(1, id=2, station_id=9)]
    late = NOW + 48 * HOUR
    assert used(known, 1, "ANYBODY", None, late, 9) == known[1]
    assert used(known, 1, "MINE", None, NOW, 10) is None


def test_how_long_it_holds():
    assert of(1).holds(NOW)
    assert not of(1).holds(NOW + HOUR)
    assert not replace(of(1), ended=NOW).holds(NOW)
