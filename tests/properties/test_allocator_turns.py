"""Turns over time, on plants that obey (Q5)."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitectl.allocator.allocate import compile_site
from sitectl.allocator.rules import SharingRules
from tests.unit.allocator.plant import Plant
from tests.unit.allocator.site import build, evse_id, moment

CYCLE_S = 20.0
pytestmark = pytest.mark.timeout(1800)
FEW = settings(max_examples=max(12, settings().max_examples // 8))


def queue(waiting: int, places: int, rules: SharingRules, spare_a: float) -> Plant:
    """Equal cars on one line, at a room for so many minimums."""
    names = [f"S{number:02}" for number in range(waiting + places)]
    stations = {name: {"max_a": 16, "phases": "L1", "fallback_a": 0} for name in names}
    site = build({"grid": {"rated_a": 200}, "garage": {"parent": "grid", "rated_a": places * 6 + spare_a}}, {
        name: facts | {"circuit": "garage"} for name, facts in stations.items()
    })  # fmt: skip
    return Plant(compile_site(site), moment(site), rules)


@FEW
@given(
    waiting=st.integers(1, 9),
    places=st.integers(1, 4),
    quantum_s=st.sampled_from([300.0, 600.0, 900.0]),
    spare=st.integers(0, 59),
)
def test_everybody_has_a_place_within_so_many_quanta(waiting: int, places: int, quantum_s: float, spare: int) -> None:
    """Q5: with K places and M equal cars that wait, everybody has one within ceil(M / K) quanta, and nobody is paused
    sooner than the run minimum."""
    rules = SharingRules(quantum_s=quantum_s)
    plant = queue(waiting, places, rules, spare / 10)
    rounds = ceil(waiting / places)
    plant.run(rounds * quantum_s + (rounds + 1) * CYCLE_S, CYCLE_S)
    assert len(plant.first) == waiting + places
    plant.run(4 * quantum_s, CYCLE_S)
    assert all(ran >= rules.dwell_s for _, ran in plant.pauses)


@FEW
@given(
    waiting=st.integers(1, 6),
    places=st.integers(1, 3),
    comings=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 30), st.booleans()), max_size=12),
)
def test_nobody_waits_for_ever_whoever_comes_and_goes(
    waiting: int, places: int, comings: list[tuple[int, int, bool]]
) -> None:
    """Q5 while cars come and go: no wait is longer than twice the rounds of all who are there, and nobody is paused
    sooner than the run minimum."""
    rules = SharingRules(quantum_s=600.0)
    plant = queue(waiting, places, rules, 3.0)
    count = waiting + places
    longest_s = 2.0 * (ceil(waiting / places) + 1) * rules.quantum_s
    since: dict[str, float] = {}

    def live(seconds: float) -> None:
        until = plant.snapshot.at + seconds
        while plant.snapshot.at < until:
            plant.run(CYCLE_S, CYCLE_S)
            for evse, view in plant.snapshot.evses.items():
                if not view.wants or (view.offered_a or 0.0) > 0.0:
                    since[evse.station] = plant.snapshot.at
                waited_s = plant.snapshot.at - since.setdefault(evse.station, plant.snapshot.at)
                assert waited_s <= longest_s, (evse, waited_s)

    for which, minutes, there in comings:
        evse = evse_id(f"S{which % count:02}")
        fresh = {"offered_a": None, "counts_a": 0.0, "state_since": None, "last_cut_at": None, "last_raise_at": None}
        changed = plant.snapshot.evses[evse].wants != there
        transaction = f"{evse} at {plant.snapshot.at}"
        if changed:
            plant.change(evse, wants=there, controllable=there, transaction=transaction, **fresh)
        live(minutes * 60.0)
    live(longest_s)
    assert all(ran >= rules.dwell_s for _, ran in plant.pauses)
