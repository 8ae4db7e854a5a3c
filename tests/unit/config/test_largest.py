"""How large fallbacks could be, what binds them, what explicit ones must come down to; and `auto` against solvers."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from sitectl.config.largest import Largest, cured, largest, tightest
from sitectl.config.solve import AUTO_A, Key, Solution, Wish, solve
from sitectl.model.electrical import ALL_PHASES, Phase
from tests.unit.config.test_solve import wish

L1, L2, L3 = Phase


def site(seed: int, evses: int, *, sizes: tuple[int, ...] = (1, 3)) -> tuple[list[Wish], dict[str, float]]:
    """A random tree of circuits with EVSEs on it, too many for all to have 6 A."""
    rng = random.Random(seed)
    free = {"grid": float(rng.randint(0, 4 * evses))}
    paths = {"grid": ("grid",)}
    for number in range(rng.randint(0, 4)):
        above = rng.choice(sorted(paths))
        free[f"c{number}"] = float(rng.randint(0, 24))
        paths[f"c{number}"] = (f"c{number}", *paths[above])
    wishes = [
        wish(
            f"S{number:02}",
            rows=paths[rng.choice(sorted(paths))],
            phases=tuple(sorted(rng.sample(ALL_PHASES, rng.choice(sizes)))),
            priority=rng.randint(1, 2),
            fallback_a=rng.choice([None, None, None, None, 6.0, 2.5, 0.0]),
        )
        for number in range(evses)
    ]
    return wishes, free


def cells(free: dict[str, float]) -> list[tuple[str, Phase]]:
    return [(row, phase) for row in free for phase in ALL_PHASES]


def room(wishes: list[Wish], free: dict[str, float]) -> dict[tuple[str, Phase], float]:
    """What explicit values leave."""
    left = {cell: free[cell[0]] for cell in cells(free)}
    for one in wishes:
        for cell in one.cells:
            left[cell] -= one.fallback_a or 0.0
    return left


def granted(wishes: list[Wish], solution: Solution, priority: int | None = None) -> list[Key]:
    autos = [w for w in wishes if w.fallback_a is None and priority in (None, w.priority)]
    return [w.key for w in autos if solution.fallback_a[w.key] == AUTO_A]


def fits(wishes: list[Wish], free: dict[str, float], chosen: set[Key]) -> bool:
    left = room(wishes, free)
    for one in wishes:
        if one.key in chosen:
            for cell in one.cells:
                left[cell] -= AUTO_A
    touched = {cell for one in wishes if one.key in chosen for cell in one.cells}
    return all(left[cell] >= -1e-9 for cell in touched)


def most_by_solver(wishes: list[Wish], free: dict[str, float], fixed: set[Key], priority: int) -> int:
    """As many of a priority as a MILP finds, with those of higher ones as they are."""
    autos = [w for w in wishes if w.fallback_a is None and w.priority == priority]
    left = room(wishes, free)
    for one in wishes:
        if one.key in fixed:
            for cell in one.cells:
                left[cell] -= AUTO_A
    rows = [[float(cell in set(w.cells)) for w in autos] for cell in cells(free)]
    # a row that explicit values exceed already takes no more
    limits = [max(0.0, (left[cell] + 1e-9) // AUTO_A) for cell in cells(free)]
    if not autos:
        return 0
    found = milp(
        -np.ones(len(autos)), integrality=np.ones(len(autos)), bounds=Bounds(0, 1),
        constraints=LinearConstraint(np.array(rows), ub=np.array(limits)),
    )  # fmt: skip
    return round(-found.fun)


@pytest.mark.parametrize("seed", range(60))
def test_of_each_priority_as_many_as_a_solver_finds(seed: int) -> None:
    wishes, free = site(seed, evses=25)
    solution = solve(wishes, free)
    fixed: set[Key] = set()
    for priority in (2, 1):
        mine = granted(wishes, solution, priority)
        assert len(mine) == most_by_solver(wishes, free, fixed, priority)
        fixed |= set(mine)
    assert fits(wishes, free, fixed)


@pytest.mark.parametrize("seed", range(30))
def test_of_all_that_are_equally_many_those_with_the_smaller_ids(seed: int) -> None:
    wishes, free = site(seed, evses=7)
    solution = solve(wishes, free)
    autos = sorted((w for w in wishes if w.fallback_a is None), key=lambda w: (-w.priority, w.key))
    best = max(
        (
            chosen
            for chosen in product((True, False), repeat=len(autos))
            if fits(wishes, free, {w.key for w, yes in zip(autos, chosen, strict=True) if yes})
        ),
        key=lambda chosen: (
            sum(yes for w, yes in zip(autos, chosen, strict=True) if w.priority == 2),
            [yes for w, yes in zip(autos, chosen, strict=True) if w.priority == 2],
            sum(chosen),
            chosen,
        ),
    )
    assert {w.key for w, yes in zip(autos, best, strict=True) if yes} == set(granted(wishes, solution))


@pytest.mark.parametrize("seed", range(30))
def test_where_some_stand_on_two_phases_it_is_nearly_the_most(seed: int) -> None:
    wishes, free = site(seed, evses=25, sizes=(1, 2, 3))
    mine = granted(wishes, solve(wishes, free), 2)
    assert fits(wishes, free, set(mine))
    assert most_by_solver(wishes, free, set(), 2) - len(mine) in (0, 1)


def test_one_on_three_phases_does_not_stand_in_the_way_of_three_on_one() -> None:
    wishes = [wish("A"), *(wish(name, phases=(phase,)) for name, phase in zip("BCD", Phase, strict=True))]
    assert granted(wishes, solve(wishes, {"grid": 6.0})) == [("B", 1), ("C", 1), ("D", 1)]
    assert granted(wishes[:2], solve(wishes[:2], {"grid": 6.0})) == [("A", 1)], "equally many: the smaller id"


# --- how large they could be ---


def found(wishes: list[Wish], free: dict[str, float]) -> dict[str, Largest]:
    return {station: one for (station, _), one in largest(solve(wishes, free)).items()}


def test_those_of_one_priority_rise_together_until_a_circuit_on_a_phase_binds() -> None:
    wishes = [wish("A", phases=(L1,)), wish("B", phases=(L1,)), wish("C", phases=(L2,), max_a=16.0), wish("D", 0.0)]
    assert found(wishes, {"grid": 25.0}) == {
        "A": Largest(12.5, "grid", L1),
        "B": Largest(12.5, "grid", L1),
        "C": Largest(16.0, None, None),
        "D": Largest(0.0, None, None),
    }


def test_the_higher_priority_rises_first() -> None:
    wishes = [wish("A"), wish("B", priority=2, max_a=20.0)]
    assert found(wishes, {"grid": 29.0}) == {"B": Largest(20.0, None, None), "A": Largest(9.0, "grid", L1)}


def test_the_circuit_that_binds_is_named_and_others_rise_on() -> None:
    wishes = [wish("A", rows=("garage", "grid")), wish("B", rows=("garage", "grid")), wish("C", rows=("grid",))]
    assert found(wishes, {"garage": 14.0, "grid": 40.0}) == {
        "A": Largest(7.0, "garage", L1),
        "B": Largest(7.0, "garage", L1),
        "C": Largest(26.0, "grid", L1),
    }


def test_who_has_nothing_is_told_where_no_6_a_are_left() -> None:
    wishes = [wish("A", rows=("garage", "grid"), phases=(L1, L2)), wish("B", rows=("garage", "grid"), phases=(L2, L3))]
    assert found(wishes, {"garage": 10.0, "grid": 100.0})["B"] == Largest(0.0, "garage", L2)


@pytest.mark.parametrize("seed", range(40))
def test_the_largest_fit_and_no_one_of_them_could_be_larger(seed: int) -> None:
    wishes, free = site(seed, evses=12, sizes=(1, 2, 3))
    wishes = [w for w in wishes if not w.fallback_a]
    solution = solve(wishes, free)
    biggest = largest(solution)
    used = {cell: sum(biggest[w.key].fallback_a for w in wishes if cell in set(w.cells)) for cell in cells(free)}
    assert all(used[cell] <= free[cell[0]] + 1e-6 for cell in used)
    for one in wishes:
        has = biggest[one.key]
        assert has.fallback_a == 0.0 or AUTO_A <= has.fallback_a <= one.max_a
        assert has.fallback_a >= solution.fallback_a[one.key]
        if has.row is not None and has.phase is not None and has.fallback_a:
            below = sum((has.row, has.phase) in set(w.cells) for w in wishes)
            assert free[has.row] - used[has.row, has.phase] < 0.1 * below + 1e-6, "only what rounding left"


def test_the_tightest_place() -> None:
    solution = solve([wish("A", rows=("garage", "grid"), phases=(L3,))], {"garage": 8.0, "grid": 9.0, "other": 0.0})
    assert tightest(solution) == ("garage", L3, 2.0)
    assert tightest(solve([], {"grid": 1.0})) is None


# --- what explicit ones must come down to ---


@pytest.mark.parametrize("seed", range(40))
def test_after_the_cure_all_fits(seed: int) -> None:
    rng = random.Random(seed)
    wishes, free = site(seed, evses=10, sizes=(1, 2, 3))
    wishes = [wish(w.station, rng.choice([6.0, 8.5, 16.0]), rows=w.rows, phases=w.phases) for w in wishes]
    cures = cured(solve(wishes, free))
    after = solve([replace(w, fallback_a=cures[w.key][1]) if w.key in cures else w for w in wishes], free)
    assert all(after.sum_a[row][phase] <= free[row] + 1e-6 for row, phase in cells(free))
    assert all(now == 0.0 or AUTO_A <= now < was for was, now in cures.values())
    assert cured(after) == {}


def test_who_comes_first_keeps_more() -> None:
    wishes = [wish("A", 12.0), wish("B", 12.0, priority=2), wish("C", 12.0)]
    assert cured(solve(wishes, {"grid": 20.0})) == {("A", 1): (12.0, 8.0), ("C", 1): (12.0, 0.0)}
