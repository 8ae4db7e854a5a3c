"""What steps say of where a first phase is wired, and when that is sure."""

from __future__ import annotations

from random import Random

import pytest

from sitectl.model.electrical import Phase, PhaseCurrents
from sitectl.state.wiring import NO_EVIDENCE, Evidence, contradicts, speaks_for, sure_of, with_step

STEPS = (6.0, -8.0, 10.0, -4.0, 7.0, -11.0, 5.0, -9.0)


def seen(
    phase: Phase, steps: tuple[float, ...], noise_a: float = 0.3, common_a: float = 0.0, seed: int = 1
) -> Evidence:
    """Steps on a grid phase, with noise of its own on each phase and some that all have in common."""
    random, evidence = Random(seed), NO_EVIDENCE
    for own_a in steps:
        common = random.uniform(-common_a, common_a)
        grid = [random.gauss(0.0, noise_a) + common + (own_a if p == phase else 0.0) for p in range(3)]
        evidence = with_step(evidence, own_a, PhaseCurrents(*grid))
    return evidence


@pytest.mark.parametrize("phase", list(Phase))
def test_three_clean_steps_leave_no_doubt_if_they_are_large_enough(phase: Phase) -> None:
    assert sure_of(seen(phase, STEPS[:2])) is None
    assert sure_of(seen(phase, STEPS[:3])) is phase
    assert sure_of(seen(phase, (4.0, -4.0, 4.0))) is None


def test_what_moves_all_phases_alike_does_no_harm() -> None:
    assert sure_of(seen(Phase.L2, STEPS, common_a=20.0)) is Phase.L2


def test_a_car_on_another_phase_that_always_moves_with_it_leaves_it_open() -> None:
    for other_a in (0.5, 1.0, 1.5, 2.0):
        evidence = NO_EVIDENCE
        for own_a in STEPS * 5:
            evidence = with_step(evidence, own_a, PhaseCurrents(own_a, own_a * other_a, 0.0))
        assert sure_of(evidence) in (None, Phase.L1), other_a


def test_a_meter_that_does_not_carry_it_says_nothing() -> None:
    random, evidence = Random(3), NO_EVIDENCE
    for own_a in STEPS * 20:
        evidence = with_step(evidence, own_a, PhaseCurrents(*(random.gauss(0.0, 5.0) for _ in range(3))))
    assert sure_of(evidence) is None


def test_no_noise_of_other_loads_makes_a_wrong_phase_sure() -> None:
    """A thousand sites whose loads jump by as much as the car does."""
    wrong, right = 0, 0
    for seed in range(1000):
        found = sure_of(seen(Phase.L3, STEPS, noise_a=Random(seed).uniform(0.2, 8.0), seed=seed))
        wrong += found not in (None, Phase.L3)
        right += found is Phase.L3
    assert wrong == 0
    assert right > 50, "and calm ones are learned"


def test_a_step_beside_a_load_that_jumps_speaks_for_nobody() -> None:
    assert speaks_for(8.0, PhaseCurrents(8.2, 0.3, -0.2)) is Phase.L1
    assert speaks_for(-8.0, PhaseCurrents(4.0, 4.2, -4.1)) is Phase.L3, "all phases moved by 4 A besides"
    assert speaks_for(8.0, PhaseCurrents(8.0, 9.0, 0.0)) is None
    assert speaks_for(8.0, PhaseCurrents(-8.0, 0.0, 0.0)) is None, "a transformer that is turned round is no wiring"
    assert speaks_for(8.0, PhaseCurrents(0.0, 0.0, 0.0)) is None


def test_one_voice_against_it_is_enough_to_leave_it_open() -> None:
    evidence = seen(Phase.L1, STEPS)
    assert sure_of(evidence) is Phase.L1
    assert sure_of(with_step(evidence, 8.0, PhaseCurrents(0.0, 8.0, 0.0))) is None


def test_where_most_steps_fit_nothing_the_rest_is_not_believed() -> None:
    evidence = seen(Phase.L1, STEPS[:3])
    for _ in range(5):
        evidence = with_step(evidence, 8.0, PhaseCurrents(20.0, 3.0, -9.0))
    assert sure_of(evidence) is None


def test_later_steps_may_say_otherwise() -> None:
    assert contradicts(seen(Phase.L2, STEPS[:3]), Phase.L1)
    assert not contradicts(seen(Phase.L2, STEPS[:3]), Phase.L2)
    assert not contradicts(seen(Phase.L2, STEPS[:2]), Phase.L1), "two steps are too few"
    nothing = NO_EVIDENCE
    for own_a in STEPS[:6]:
        nothing = with_step(nothing, own_a, PhaseCurrents(0.0, 0.0, 0.0))
    assert contradicts(nothing, Phase.L1), "the meter shows its steps no more"
