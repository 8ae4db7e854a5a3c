"""Rounds of healing, from the fault to the end of its ladder."""

from dataclasses import replace

from sitectl.model.health import AttemptOutcome, HealingMode, RemedyKind
from tests.unit.healing.sites import Played, charging, fault, faulted, free, station


def test_a_fault_is_waited_for_then_asked_again_then_reset_and_the_reset_helped() -> None:
    site = Played()
    broken = station(faulted(), faults=(fault(),))
    site.until(0, 4, broken)
    assert site.kinds() == []
    site.until(5, 60, broken)
    assert site.kinds() == ["trigger", "soft_reset"]
    site.until(61, 120, station(boots=(60.0,)))
    asked, reset = site.ended
    assert (asked.remedy.kind, asked.helped) == (RemedyKind.TRIGGER, False)
    assert (reset.remedy.kind, reset.outcome, reset.helped) == (RemedyKind.SOFT_RESET, AttemptOutcome.DONE, True)
    assert ("restarted", "yes") in reset.after
    assert site.last.findings == ()


def test_what_no_remedy_helps_ends_with_a_person_and_nothing_more_is_done() -> None:
    site = Played()
    site.until(0, 3600, station(faulted(), faults=(fault(),)))
    assert site.kinds() == ["trigger", "soft_reset", "tell"]
    ((what, where, do),) = site.last.findings
    assert where == "CP01:1"
    assert do == "See."
    assert "tried: asked again, soft reset" in what


def test_a_reset_waits_for_the_car_on_the_other_evse() -> None:
    site = Played()
    broken = station(faulted(), charging(2), faults=(fault(),))
    site.until(0, 1200, broken)
    assert site.kinds() == ["trigger"]
    assert "EVSE 2 draws current" in site.last.findings[0][0]
    site.until(1201, 1210, replace(broken, evses=(faulted(), free(2))))
    assert site.kinds() == ["trigger", "soft_reset"]


def test_a_danger_is_told_at_once_and_never_reset() -> None:
    site = Played()
    site.round(0.0, station(faulted(), faults=(fault("GroundFailure"),)))
    assert site.kinds() == ["tell"]
    assert site.last.findings[0][0].startswith("A danger: ")
    site.until(1, 7200, station(faulted(), faults=(fault("GroundFailure"),)))
    assert site.kinds() == ["tell"]


def test_observing_says_what_it_would_do_and_does_nothing() -> None:
    site = Played(mode=HealingMode.OBSERVE)
    site.until(0, 600, station(faulted(), faults=(fault(),)))
    assert site.kinds() == ["trigger", "soft_reset", "tell"]
    assert [attempt.dry for attempt in site.begun] == [True, True, False]
    assert [attempt.helped for attempt in site.ended] == [None, None]


def test_a_round_in_which_nothing_happens_costs_nothing() -> None:
    site = Played()
    still = station(free())
    site.until(0, 200, still)
    before = site.memory
    site.round(201.0, still)
    assert site.memory is before


def test_a_station_that_is_gone_from_the_site_is_forgotten() -> None:
    site = Played()
    site.round(0.0, station(faulted(), faults=(fault(),)))
    site.round(1.0)
    assert site.memory.stations == {}
    assert site.last.findings == ()
