"""The judge of the phase test: values in, verdict out."""

from __future__ import annotations

import pytest

from sitectl.model.electrical import Phase, PhaseCurrents
from sitectl.state.phase_test import PhaseVerdict, Step, Transformer, judge

RIGHT, REVERSED, RATIO, UNSEEN = Transformer.RIGHT, Transformer.REVERSED, Transformer.RATIO, Transformer.UNSEEN


def stepped(own: tuple[float, ...], grid: tuple[float, ...], *, noise: float = 0.2) -> PhaseVerdict:
    """Two steps down, the second a little smaller; the meter's noise alternates."""
    steps = []
    for scale, sign in ((1.0, 1.0), (0.7, -1.0)):
        answer = [a * scale + sign * noise for a in grid]
        steps.append(Step(PhaseCurrents(*(a * scale for a in own)), PhaseCurrents(*answer)))
    return judge(steps)


@pytest.mark.parametrize("phase", list(Phase))
def test_a_car_on_one_phase_shows_where_the_first_phase_is_wired(phase: Phase) -> None:
    grid = [0.0, 0.0, 0.0]
    grid[phase] = -8.0
    verdict = stepped((-8.0, 0.0, 0.0), tuple(grid))
    assert (verdict.first, verdict.wired, verdict.well) == (phase, (phase,), True)
    assert verdict.gains[phase] == pytest.approx(1.0, abs=0.05)
    assert [verdict.transformers[p] for p in range(3)] == [RIGHT if p == phase else UNSEEN for p in range(3)]


def test_a_car_on_three_phases_shows_all_transformers_and_no_rotation() -> None:
    verdict = stepped((-8.0, -8.0, -8.0), (-8.0, -8.0, -8.0))
    assert (verdict.first, len(verdict.wired)) == (None, 3)
    assert verdict.transformers == (RIGHT, RIGHT, RIGHT)
    assert verdict.well


def test_a_transformer_that_is_turned_round_falls_when_the_load_rises() -> None:
    verdict = stepped((-8.0, -8.0, -8.0), (-8.0, 8.0, -8.0))
    assert verdict.transformers == (RIGHT, REVERSED, RIGHT)
    assert not verdict.well
    one = stepped((-8.0, 0.0, 0.0), (0.0, 0.0, 8.0))
    assert (one.first, one.transformers[2]) == (Phase.L3, REVERSED)


@pytest.mark.parametrize("ratio", [0.5, 2.0, 1.25, 0.8])
def test_a_wrong_ratio_answers_by_it(ratio: float) -> None:
    verdict = stepped((-8.0, -8.0, -8.0), (-8.0, -8.0 * ratio, -8.0))
    assert verdict.transformers == (RIGHT, RATIO, RIGHT)
    assert verdict.gains[1] == pytest.approx(ratio, abs=0.05)


def test_a_load_that_moves_meanwhile_makes_no_map() -> None:
    assert "another load" in stepped((-8.0, 0.0, 0.0), (-8.0, -4.0, 0.0)).unclear
    steps = [
        Step(PhaseCurrents(-8, 0, 0), PhaseCurrents(-8, 0, 0)),
        Step(PhaseCurrents(-8, 0, 0), PhaseCurrents(-4, 0, 0)),
    ]
    assert "do not agree" in judge(steps).unclear


def test_a_meter_that_does_not_carry_the_station_is_named() -> None:
    verdict = stepped((-8.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    assert "does this meter carry the station" in verdict.unclear
    assert not verdict.well


def test_a_car_that_did_not_move_says_nothing() -> None:
    assert "not moved" in judge([]).unclear
    assert "not moved" in stepped((-1.0, 0.0, 0.0), (-1.0, 0.0, 0.0)).unclear


def test_a_car_on_two_phases_shows_which_two() -> None:
    verdict = stepped((-8.0, -8.0, 0.0), (0.0, -8.0, -8.0))
    assert (verdict.first, verdict.wired) == (None, (Phase.L2, Phase.L3))
