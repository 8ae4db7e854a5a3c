from datetime import UTC, datetime, timedelta

import pytest

from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.transaction import TransactionStart, TransactionStop
from sitectl.store.moments import to_us
from sitectl.store.running import Running, meant_by_place, meant_by_stop, told_late, with_id
from tests.unit.store.builders import word

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
CP1 = StationId("CP1")


def running(
    name: str, evse: int = 1, token: str = "TAG", minute: int = 0, meter: int = 0, trusted: bool = True
) -> Running:
    return Running(
        TransactionId(name), EvseId(CP1, evse), 2_000_000_000 + evse, "1.6", token,
        to_us(NOON + timedelta(minutes=minute)), trusted, meter, (),
    )  # fmt: skip


def stop(token: str | None = None, minute: int = 60, meter: int = 5000, trusted: bool = True) -> TransactionStop:
    return TransactionStop(CP1, -1, NOON + timedelta(minutes=minute), "", meter, "Local", token, "", word(trusted))


A, B = running("a", 1, "RED", meter=1000), running("b", 2, "BLUE", meter=8000)


def test_an_id_names_one() -> None:
    assert with_id([A, B], B.station_transaction_id) is B
    assert with_id([A, B], 4711) is None
    assert with_id([A, B], None) is None


@pytest.mark.parametrize(
    ("all", "evse", "expected"),
    [([A, B], 1, A), ([A, B], 2, B), ([A, B], 0, None), ([A], 0, A), ([A], 2, None), ([], 1, None)],
)
def test_a_place_means_its_only_transaction(all: list[Running], evse: int, expected: Running | None) -> None:
    assert meant_by_place(all, evse) is expected


def test_a_place_means_the_newest_where_an_older_one_was_told_late() -> None:
    old, new = running("old", minute=-60), running("new", minute=0)
    assert meant_by_place([new, old], 1) is new
    assert meant_by_place([new, old], 0) is new
    assert meant_by_place([new, old, B], 0) is None


@pytest.mark.parametrize(
    ("all", "minute", "evse", "trusted", "expected"),
    [
        ([A], -1, 1, True, True),
        ([A], 0, 1, True, False),
        ([A], 1, 1, True, False),
        ([A], -1, 2, True, False),
        ([A], -1, 1, False, False),
        ([running("a", trusted=False)], -1, 1, True, False),
        ([running("a", minute=-5), A], -1, 1, True, True),
        ([], -1, 1, True, False),
    ],
)
def test_a_start_older_than_what_runs_there_was_told_late(
    all: list[Running], minute: int, evse: int, trusted: bool, expected: bool
) -> None:
    started = NOON + timedelta(minutes=minute)
    assert told_late(all, TransactionStart(EvseId(CP1, evse), "TAG", started, "", 0, clock=word(trusted))) is expected


@pytest.mark.parametrize(
    ("all", "said", "expected"),
    [
        ([], stop(), None),
        ([A], stop(), A),
        ([A], stop(token="GREEN", meter=0), A),
        ([A, B], stop(token="BLUE", meter=9000), B),
        ([A, B], stop(token="GREEN", meter=5000), A),
        ([A, B], stop(meter=9000), None),
        ([A, B], stop(meter=500), None),
        ([A], stop(minute=-1), None),
        ([A], stop(minute=-1, trusted=False), A),
        ([running("a", trusted=False)], stop(minute=-1), running("a", trusted=False)),
    ],
)
def test_a_stop_without_an_id_ends_what_it_fits(
    all: list[Running], said: TransactionStop, expected: Running | None
) -> None:
    assert meant_by_stop(all, said) == expected


def test_the_last_sample_counts_as_the_meter() -> None:
    metered = running("a", 1, meter=0)
    metered.last_sample_wh = 7000.5
    other = running("b", 2, meter=0)
    assert meant_by_stop([metered, other], stop(meter=5000)) is other
