"""What is remembered of attempts after a restart."""

from dataclasses import replace
from datetime import timedelta

from sitectl.healing.memory import remembered
from sitectl.model.health import Attempt, AttemptOutcome, Remedy, RemedyKind, SymptomKind
from tests.unit.healing.sites import BEGAN, CP, RULES, Played, fault, faulted, moments, station


def attempt(kind: RemedyKind, step: int, at_s: float, **more: object) -> Attempt:
    remedy = Remedy(kind, CP, 1, SymptomKind.FAULT, "broken", step, "InternalError")
    told = Attempt(f"a{at_s:g}", remedy, BEGAN + timedelta(seconds=at_s), 0.0, ())
    return replace(told, **more)  # type: ignore[arg-type]


def test_an_attempt_under_way_is_waited_for_on_the_clock_of_this_process() -> None:
    open_ = attempt(RemedyKind.SOFT_RESET, 1, 100.0, outcome=AttemptOutcome.DONE)
    memory = remembered([open_], RULES, replace(moments(160.0), at=7.0))
    (case,) = memory.stations[CP].cases
    assert case.running is not None
    assert case.running.begun_at == 7.0 - 60.0
    assert memory.stations[CP].used.resets == (7.0 - 60.0,)


def test_the_ladder_goes_on_behind_what_has_failed() -> None:
    failed = attempt(RemedyKind.TRIGGER, 0, 10.0, ended=BEGAN + timedelta(seconds=30), helped=False)
    site = Played()
    site.memory = remembered([failed], RULES, moments(40.0))
    site.round(41.0, station(faulted(), faults=(fault(at=0.0),)))
    assert site.kinds() == ["soft_reset"]


def test_what_has_helped_is_closed_and_comes_back_a_step_further() -> None:
    good = attempt(RemedyKind.TRIGGER, 0, 10.0, ended=BEGAN + timedelta(seconds=60), helped=True)
    site = Played()
    site.memory = remembered([good], RULES, moments(100.0))
    site.until(100, 110, station())
    assert site.kinds() == []
    site.until(300, 310, station(faulted(), faults=(fault(at=300.0),)))
    assert site.kinds() == ["soft_reset"]


def test_a_person_who_is_waited_for_is_not_told_anew() -> None:
    told = attempt(RemedyKind.TELL, 2, 10.0, outcome=AttemptOutcome.TOLD)
    site = Played()
    site.memory = remembered([told], RULES, moments(100.0))
    site.until(100, 400, station(faulted(), faults=(fault(at=0.0),)))
    assert site.kinds() == []
    assert len(site.last.findings) == 1


def test_an_attempt_of_a_rule_that_is_gone_ends_with_the_first_round() -> None:
    lost = attempt(RemedyKind.SOFT_RESET, 1, 10.0)
    lost = replace(lost, remedy=replace(lost.remedy, rule="no longer there"))
    site = Played()
    site.memory = remembered([lost], RULES, moments(100.0))
    site.round(100.0, station())
    assert [one.id for one in site.ended] == [lost.id]
    site.round(101.0, station())
    assert len(site.ended) == 1


def test_what_was_only_said_to_be_done_counts_apart() -> None:
    dry = attempt(RemedyKind.SOFT_RESET, 1, 10.0, dry=True, outcome=AttemptOutcome.DRY)
    memory = remembered([dry], RULES, moments(100.0)).stations[CP]
    assert (memory.used.resets, len(memory.would.resets)) == ((), 1)


def test_a_danger_is_remembered() -> None:
    told = attempt(RemedyKind.TELL, 0, 10.0, ended=BEGAN + timedelta(seconds=20))
    told = replace(told, remedy=replace(told.remedy, symptom=SymptomKind.DANGER, rule="danger"))
    memory = remembered([told], RULES, moments(100.0))
    assert memory.stations[CP].danger_at == 10.0
