"""Scenarios as data, made concrete for a site and a duration."""

from collections import Counter

import pytest

from sitectl.base.errors import ConfigurationError
from sitectl.simulator.layout import lay_out
from sitectl.simulator.scenario import (
    SCENARIOS,
    Arrive,
    CutUplink,
    DropStation,
    Leave,
    RestoreUplink,
    SetBaseLoad,
    find,
    plan,
)


def test_an_unknown_scenario_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ConfigurationError, match=r"no scenario 'storm'; there are calm, default"):
        find("storm")


@pytest.mark.parametrize("name", sorted(SCENARIOS))
@pytest.mark.parametrize("seconds", [20.0, 60.0, 3600.0])
@pytest.mark.parametrize("stations", [1, 6, 30])
def test_every_plan_is_playable(name: str, seconds: float, stations: int) -> None:
    timed = plan(find(name), lay_out(stations).places, seconds, seed=5)
    assert [t.at_s for t in timed] == sorted(t.at_s for t in timed)
    assert all(0 <= t.at_s <= seconds for t in timed)
    taken: set[tuple[str, int]] = set()
    for t in timed:
        match t.action:
            case Arrive(place=place):
                assert place not in taken
                taken.add(place)
            case Leave(place=place):
                taken.remove(place)
    assert not taken


def test_equal_seeds_give_equal_plans() -> None:
    places = lay_out(6).places
    assert plan(find("default"), places, 60, 1) == plan(find("default"), places, 60, 1)
    assert plan(find("default"), places, 60, 1) != plan(find("default"), places, 60, 2)


def test_the_default_scenario_tells_the_whole_story() -> None:
    actions = Counter(type(t.action) for t in plan(find("default"), lay_out(6).places, 60, seed=1))
    assert actions[CutUplink] == actions[RestoreUplink] == actions[DropStation] == 1
    assert actions[SetBaseLoad] == 3
    assert actions[Arrive] == actions[Leave] > 5


def test_nothing_fails_in_the_calm_scenario() -> None:
    actions = {type(t.action) for t in plan(find("calm"), lay_out(6).places, 60, seed=1)}
    assert actions == {Arrive, Leave, SetBaseLoad}
