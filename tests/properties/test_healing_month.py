"""Some days of the simulated month, by other seeds: no wrong remedy, whatever the lot brings."""

import pytest

from tests.bench.month import healed
from tests.bench.month_world import World
from tests.unit.healing.plays import shipped

SAMPLED, ALL = range(100, 104), range(104, 144)


@pytest.mark.parametrize("seed", [*SAMPLED, *(pytest.param(seed, marks=pytest.mark.full) for seed in ALL)])
def test_no_wrong_remedy_on_any_day(seed: int) -> None:
    month = healed(World(seed, stations=40, days=6.0), shipped())
    assert len(month.cases()) > 5
    assert month.attempts
    assert month.wrong == 0
