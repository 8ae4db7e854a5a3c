"""The wiring of an EVSE, learned from readings of its station and of the meter as they come."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from sitectl.model import events
from sitectl.model.electrical import ALL_PHASES, UNKNOWN_ROTATION, Phase, PhaseCurrents
from sitectl.model.events import Event
from sitectl.model.ids import TransactionId
from sitectl.state.reduce import reduce
from sitectl.state.site_state import SiteState
from tests.unit.state.small_site import (
    A1,
    B1,
    A,
    B,
    after,
    arrives,
    begins,
    draws,
    fallback,
    fresh,
    held,
    meter,
    plan,
    site,
)

LEVELS = (6.0, 12.0, 16.0, 8.0, 14.0, 6.0, 15.0, 9.0)


def charging_unknown() -> SiteState:
    """A charges on wiring that nobody knows; B stands there."""
    topology = site(plan(A, rotation=UNKNOWN_ROTATION), plan(B))
    both = [*arrives(A), *arrives(B), *fallback(A1), *fallback(B1, 2), begins(A1)]
    return after(fresh(topology), both)


class Street:
    """A second after another: the meter reads, the station every ten seconds."""

    def __init__(self, state: SiteState, wired: Phase, *, base_a: float = 20.0, own: tuple[float, ...] = (1, 0, 0)):
        self.state, self.wired, self.base_a, self.own = state, wired, base_a, own
        self.now = 0.0

    def charge(self, a: float, seconds: int, *others: Event) -> None:
        for event in others:
            self.state = reduce(self.state, event)
        for _ in range(seconds):
            self.now += 1.0
            grid = [self.base_a] * 3
            grid[self.wired] += a * self.own[0]
            grid[(self.wired + 1) % 3] += a * self.own[1]
            grid[(self.wired + 2) % 3] += a * self.own[2]
            self.state = reduce(self.state, meter(self.now, *grid))
            if self.now % 10 == 0:
                self.state = reduce(self.state, draws(A1, self.now, *(a * part for part in self.own)))

    def first(self) -> Phase | None:
        return held(self.state, A1).first_phase


@pytest.mark.parametrize("wired", list(Phase))
def test_a_car_on_one_phase_is_soon_known_by_its_steps(wired: Phase) -> None:
    street = Street(charging_unknown(), wired)
    street.charge(LEVELS[0], 40)
    assert held(street.state, A1).phases() == ALL_PHASES
    for level in LEVELS[1:6]:
        street.charge(level, 40)
    assert street.first() is wired
    assert held(street.state, A1).phases() == (wired,)
    measured = held(street.state, A1).measured_grid()
    assert measured is not None
    assert [measured[p] for p in range(3)] == [6.0 if p == wired else 0.0 for p in range(3)]


def test_a_car_on_three_phases_teaches_nothing_and_counts_on_all_of_them() -> None:
    street = Street(charging_unknown(), Phase.L1, own=(1, 1, 1))
    for level in LEVELS:
        street.charge(level, 40)
    assert street.first() is None
    learned = after(street.state, [events.RotationLearned(A1, street.now, Phase.L2)])
    assert held(learned, A1).phases() == ALL_PHASES


def test_a_car_that_is_stepped_before_its_readings_agree_teaches_nothing() -> None:
    street = Street(charging_unknown(), Phase.L1)
    for level in LEVELS * 3:
        street.charge(level, 10)
    assert held(street.state, A1).evidence.steps == 0


def test_a_meter_without_readings_teaches_nothing() -> None:
    street = Street(charging_unknown(), Phase.L1)
    street.state = replace(street.state, meter_traces={})
    for n, level in enumerate(LEVELS):
        for second in (10.0, 20.0, 30.0, 40.0):
            street.state = reduce(street.state, draws(A1, 40.0 * n + second, level, 0.0, 0.0))
    assert held(street.state, A1).evidence.steps == 0


def test_while_another_car_moves_on_some_phases_nothing_is_learned() -> None:
    street = Street(charging_unknown(), Phase.L1)
    street.state = reduce(street.state, begins(B1, "t2", 0.0))
    for level in LEVELS:
        for other_a in (6.0, 12.0):
            street.charge(level, 20, draws(B1, street.now, other_a, 0.0, 0.0))
    assert held(street.state, A1).evidence.steps == 0
    assert street.first() is None


def test_what_another_car_draws_on_all_phases_alike_is_no_matter() -> None:
    street = Street(charging_unknown(), Phase.L1)
    street.state = reduce(street.state, begins(B1, "t2", 0.0))
    for level in LEVELS:
        for other_a in (6.0, 12.0):
            street.base_a = 20.0 + other_a
            street.charge(level, 20, draws(B1, street.now, other_a, other_a, other_a))
    assert street.first() is Phase.L1


def test_a_car_whose_readings_name_no_phase_or_that_reports_none_may_be_on_any() -> None:
    for other in (draws(B1, 0.0, 6.0, phases=0), None):
        street = Street(charging_unknown(), Phase.L1)
        street.state = reduce(street.state, begins(B1, "t2", -60.0))
        for turn, level in enumerate(LEVELS):
            said = () if other is None else (draws(B1, street.now, 6.0 + 4.0 * (turn % 2), phases=0),)
            street.charge(level, 20, *said)
            street.charge(level, 20, *(() if other is None else (draws(B1, street.now, 8.0, phases=0),)))
        assert held(street.state, A1).evidence.steps == 0


def test_readings_without_a_phase_teach_nothing_of_their_own_wiring() -> None:
    street = Street(charging_unknown(), Phase.L1)
    for level in LEVELS:
        street.charge(level, 40)
        trace = held(street.state, A1).trace
        street.state = reduce(street.state, draws(A1, street.now + 0.5, level, phases=0))
        assert held(street.state, A1).trace[-1][1] == PhaseCurrents(level, level, 0.0)
        assert len(trace) <= 8
    assert street.first() is None


def test_a_start_and_an_end_are_steps_too() -> None:
    street = Street(after(charging_unknown(), [events.TransactionEnded(A1, TransactionId("t1"), 1.0)]), Phase.L2)
    street.charge(0.0, 120)
    for turn in range(2):
        street.charge(12.0, 60, begins(A1, f"c{turn}", street.now))
        street.charge(0.0, 60, events.TransactionEnded(A1, TransactionId(f"c{turn}"), street.now))
    assert street.first() is Phase.L2


def test_half_an_hour_of_charging_beside_a_restless_house_is_enough() -> None:
    """The house jumps by up to 15 A on one phase every minute, the meter is noisy, the car ramps, its limit moves every
    two minutes; most of such sites are learned, none wrongly."""
    learned = []
    for seed in range(12):
        random = Random(seed)
        wired = Phase(random.randrange(3))
        state, house, drawn = charging_unknown(), [10.0, 10.0, 10.0], 0.0
        limit = 6.0
        for second in range(1, 1801):
            if second % 120 == 0:
                limit = random.choice((6.0, 8.0, 10.0, 13.0, 16.0))
            if random.random() < 1 / 60:
                house[random.randrange(3)] = random.uniform(5.0, 20.0)
            drawn += min(2.0, max(-5.0, limit - drawn))
            shown = [a + random.gauss(0.0, 0.2) + (drawn if p == wired else 0.0) for p, a in enumerate(house)]
            state = reduce(state, meter(float(second), *shown))
            if second % 10 == seed % 10:
                state = reduce(state, draws(A1, float(second), drawn + random.gauss(0.0, 0.05), 0.0, 0.0))
        found = held(state, A1).first_phase
        assert found in (None, wired), seed
        learned.append(found is wired)
    assert sum(learned) >= 9, learned


def test_what_was_learned_and_proves_wrong_is_forgotten_and_told() -> None:
    street = Street(after(charging_unknown(), [events.RotationLearned(A1, 0.0, Phase.L2)]), Phase.L3)
    for level in LEVELS:
        street.charge(level, 40)
        if held(street.state, A1).contradicted:
            break
    assert (street.first(), held(street.state, A1).contradicted) == (None, True)
    assert held(street.state, A1).phases() == ALL_PHASES


def test_what_was_learned_long_ago_can_still_prove_wrong() -> None:
    street = Street(charging_unknown(), Phase.L1)
    for level in LEVELS * 2:
        street.charge(level, 40)
    assert street.first() is Phase.L1
    street.wired = Phase.L2
    for level in LEVELS:
        street.charge(level, 40)
    assert (street.first(), held(street.state, A1).contradicted) in ((None, True), (Phase.L2, False))


def test_what_the_plan_says_is_not_learned_over() -> None:
    street = Street(after(fresh(), [*arrives(A), *fallback(A1), begins(A1)]), Phase.L3)
    for level in LEVELS:
        street.charge(level, 40)
    assert street.first() is None
    assert held(street.state, A1).measured_grid() == PhaseCurrents(9.0, 0.0, 0.0)
