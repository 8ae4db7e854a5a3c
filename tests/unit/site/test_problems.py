"""What is wrong on the site, where, since when, and what to do about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sitectl.allocator.allocate import compile_site
from sitectl.allocator.rules import AllocatorMemory, SharingRules
from sitectl.model import events
from sitectl.model.electrical import UNKNOWN_ROTATION, PhaseCurrents
from sitectl.model.ids import MeterId
from sitectl.model.ladder import LadderStep
from sitectl.model.metering import MeterReading
from sitectl.site.cycle import decide
from sitectl.site.problems import ProblemBook, findings
from sitectl.state.site_state import SiteRules, SiteState
from tests.unit.state.small_site import (
    A1,
    MAIN,
    A,
    B,
    after,
    arrives,
    begins,
    charging,
    draws,
    fresh,
    held,
    meter,
    plan,
    site,
)

WALL = datetime(2026, 1, 1, tzinfo=UTC)


def found(state: SiteState, at: float) -> dict[str, list[str]]:
    """What is wrong, by where."""
    state, decision = decide(state, compile_site(state.topology), AllocatorMemory(), SharingRules(), at)
    wrong: dict[str, list[str]] = {}
    for what, where, do in findings(state, decision):
        assert do.endswith("."), "it says what to do"
        wrong.setdefault(where, []).append(what)
    return wrong


def calm() -> SiteState:
    return after(charging(16.0), [meter(1.0, 20.0)])


def test_a_site_in_order_has_no_problems() -> None:
    assert found(after(calm(), [draws(A1, 1.0, 15.0)]), 1.5) == {}


def test_a_breaker_that_has_used_up_trip_time() -> None:
    jumped = after(calm(), [meter(1.0 + second, 150.0) for second in range(1, 9)])
    assert "Its breaker has used up trip time: 4%" in found(jumped, 9.5)["grid"]


def test_a_station_that_never_came_and_one_that_left() -> None:
    wrong = found(after(fresh(), [meter(1.0, 5.0)]), 1.5)
    assert wrong[A] == ["Never seen: counted at its maximum"]
    assert found(after(calm(), [events.StationDisconnected(B, 1.0, "")]), 1.5)[B] == ["Offline"]


def test_a_station_that_was_told_to_reboot_is_missed_only_after_its_time() -> None:
    left = [events.RebootExpected(B, 0.9, 300.0), events.StationDisconnected(B, 1.0, "")]
    assert B not in found(after(calm(), left), 1.5)
    assert found(after(calm(), left), 300.0)[B] == ["Offline"]
    back = after(calm(), [*left, *arrives(B, 30.0)])
    assert found(after(back, [events.StationDisconnected(B, 31.0, "")]), 31.5)[B] == ["Offline"]
    refused = [*left, events.RebootExpected(B, 1.2, 1.2)]
    assert found(after(calm(), refused), 1.5)[B] == ["Offline"]


def test_an_identity_that_nobody_listed() -> None:
    there = after(calm(), [events.StationConnected("stranger", 1.0, "1.6", "", quarantined=True)])
    assert found(there, 1.5) == {"stranger": ["An identity that nobody listed is connected"]}
    gone = after(there, [events.StationDisconnected("stranger", 1.2, "")])
    assert found(gone, 1.5) == {"stranger": ["An unlisted identity was here"]}


def test_a_station_that_is_here_although_it_is_listed_as_not_installed() -> None:
    absent = site(plan(A), plan(B, installed=False))
    there = after(fresh(absent), [events.StationConnected(B, 1.0, "1.6", "", quarantined=True)])
    assert found(there, 1.5)[B] == ["Listed as not installed, and here"]


def test_more_base_load_than_the_fallbacks_were_solved_for() -> None:
    wrong = found(after(fresh(), [meter(1.0, 70.0)]), 1.5)
    assert "More base load than its configured worst of 60 A: 70 A" in wrong["grid"]
    near = found(after(fresh(), [meter(1.0, 62.0)]), 1.5)
    assert not any(what.startswith("More base load") for what in near.get("grid", []))


def test_what_cars_draw_on_phases_that_nobody_knows_is_no_base_load_above_the_worst() -> None:
    here = fresh(site(plan(A, rotation=UNKNOWN_ROTATION)))
    one_phase = after(here, [*arrives(A), begins(A1), draws(A1, 2.0, 16.0, 0.0, 0.0), meter(2.0, 75.0)])
    assert not any(what.startswith("More base load") for what in found(one_phase, 2.5).get("grid", []))
    more = after(one_phase, [meter(3.0, 120.0)])
    assert any(what.startswith("More base load") for what in found(more, 3.5)["grid"])


def test_a_credential_that_was_pinned() -> None:
    state = after(calm(), [events.StationConnected(A, 1.0, "1.6", "", pinned_now=True)])
    assert "Its credential was pinned in the commissioning window" in found(state, 1.5)[A]


def test_a_fallback_that_was_not_accepted_yet() -> None:
    state = after(fresh(site(plan(A))), [*arrives(A), meter(1.0, 5.0)])
    assert found(state, 1.5)[str(A1)] == ["Has not accepted its fallback yet: counted at its maximum of 32 A"]


def test_a_meter_that_is_gone_and_its_circuit() -> None:
    wrong = found(after(calm(), [events.MeterFailed(MAIN, 5.0, "no answer")]), 20.0)
    assert wrong[MAIN] == ["No good reading: lost, no answer"]
    assert wrong["grid"][0].startswith("Circuit without its meter")


def test_a_meter_that_is_odd_and_one_that_is_not_believed() -> None:
    odd = MeterReading(MAIN, 2.0, PhaseCurrents(20.0, 20.0, 20.0), doubts=("L1 and L2 are exchanged", "it went back"))
    assert found(after(calm(), [draws(A1, 1.0, 15.0), events.MeterRead(odd)]), 2.5) == {
        MAIN: ["The meter is odd: L1 and L2 are exchanged; it went back"]
    }
    short = [e for at in range(2, 40) for e in (draws(A1, float(at), 15.0), meter(at + 0.5, 2.0))]
    wrong = found(after(calm(), short), 40.0)
    assert wrong[MAIN][0].startswith("Not believed: it shows 2 A on L1 where what hangs below it draws at least 15 A")
    assert wrong["grid"][0].startswith("Circuit without its meter: ")


def test_a_meter_with_a_substitute() -> None:
    spare = MeterId("spare")
    rules = SiteRules(meter_intervals_s={MAIN: 1.0, spare: 1.0}, substitutes={MAIN: spare})

    def spare_shows(at: float, ampere: float) -> events.MeterRead:
        return events.MeterRead(MeterReading(spare, at, PhaseCurrents(ampere, ampere, ampere)))

    differ = after(
        fresh(rules=rules), [e for at in range(1, 20) for e in (meter(float(at), 20.0), spare_shows(at + 0.1, 30.0))]
    )
    assert found(differ, 19.5)[MAIN] == [
        "Another current than its substitute spare: the larger import of both counts on each phase"
    ]
    alone = found(after(differ, [spare_shows(float(at), 30.0) for at in range(20, 40)]), 39.5)
    assert alone["grid"] == ["Read by the substitute spare of meter main"]
    assert alone[MAIN] == ["No good reading: lost, no reading yet"]


def test_a_circuit_above_its_rating_and_one_that_would_not_hold() -> None:
    wrong = found(after(calm(), [meter(1.2, 120.0)]), 1.5)
    assert "Above its rating of 100 A" in wrong["grid"]
    assert "Not proven to hold if this box dies now" in wrong["grid"]


def test_stations_that_do_not_follow() -> None:
    ignoring = after(charging(8.0), [draws(A1, 16.0, 12.0), draws(A1, 26.0, 12.0), meter(26.0, 20.0)])
    assert found(ignoring, 26.5)[str(A1)] == [
        "Accepts limits and ignores them: counted at 12.0 A; next by TxProfile in A"
    ]


def test_who_obeys_nothing_is_named_unless_it_was_written_down() -> None:
    for step, words in ((LadderStep.NONE, "Out of control"), (LadderStep.START_STOP, "Obeys no charging profile")):
        pinned = after(fresh(site(replace(plan(A), control=step))), [*arrives(A), meter(1.0, 20.0)])
        assert str(A1) not in found(pinned, 1.5)
        evse = held(pinned, A1)
        learned = replace(pinned, evses={A1: replace(evse, ladder=replace(evse.ladder, pinned=None))})
        assert found(learned, 1.5)[str(A1)][0].startswith(words)


def test_a_wiring_that_proved_wrong_is_told() -> None:
    state = after(charging(8.0), [meter(1.0, 20.0)])
    wrong = replace(state, evses={**state.evses, A1: replace(held(state, A1), contradicted=True)})
    assert "The wiring that was learned fits no longer: counted on all phases" in found(wrong, 1.5)[str(A1)]


def test_a_problem_stands_since_it_began_while_its_details_change() -> None:
    def offline(for_s: int) -> tuple[str, str, str]:
        return f"Offline: for {for_s} s", A, "Check it."

    book = ProblemBook()
    (first,) = book.update([offline(1)], WALL)
    assert (first.since, book.began, book.ended) == (WALL, (first,), ())
    (later,) = book.update([offline(9)], WALL + timedelta(seconds=9))
    assert (later.since, later.what, book.began, book.ended) == (WALL, "Offline: for 9 s", (), ())
    assert (book.update([], WALL + timedelta(seconds=30)), book.ended) == ((), (later,))
    (again,) = book.update([offline(1)], WALL + timedelta(seconds=60))
    assert (again.since, book.began) == (WALL + timedelta(seconds=60), (again,))
