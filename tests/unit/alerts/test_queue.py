from datetime import timedelta

from sitectl.alerts.queue import bounded
from sitectl.model.alerts import Notice, NoticeKind
from tests.unit.alerts.builders import NOON, began, ended


def names(notices: tuple[Notice, ...]) -> list[str]:
    return [
        f"{notice.kind.value} {notice.problem.where}" for notice in notices if notice.kind is not NoticeKind.LEFT_OUT
    ]


def test_within_its_bounds_nothing_is_touched() -> None:
    waiting = (began("A"), ended("A"), began("B"))
    assert bounded(waiting, NOON, most=3) == waiting


def test_what_is_over_goes_first_then_recoveries_then_the_oldest_and_it_is_told_how_many() -> None:
    waiting = (began("A"), began("B"), ended("B"), ended("C"), began("D"), began("E"))
    kept = bounded(waiting, NOON, most=5)
    assert names(kept) == ["began A", "ended C", "began D", "began E"]
    assert (kept[0].kind, kept[0].count) == (NoticeKind.LEFT_OUT, 2)
    kept = bounded(waiting, NOON, most=4)
    assert names(kept) == ["began A", "began D", "began E"]
    assert names(bounded(waiting, NOON, most=3)) == ["began D", "began E"]


def test_the_count_of_what_was_left_out_goes_on() -> None:
    kept = bounded([began(str(n)) for n in range(5)], NOON, most=3)
    assert (names(kept), kept[0].count) == (["began 3", "began 4"], 3)
    kept = bounded((*kept, began("5"), began("6")), NOON + timedelta(hours=1), most=3)
    assert (names(kept), kept[0].count, kept[0].made) == (["began 5", "began 6"], 5, NOON)
