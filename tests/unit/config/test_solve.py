from sitectl.config.solve import Solution, Wish, solve
from sitectl.model.electrical import ALL_PHASES, Phase, PhaseCurrents


def wish(
    station: str, fallback_a: float | None = None, *, evse: int = 1, rows: tuple[str, ...] = ("grid",),
    phases: tuple[Phase, ...] = ALL_PHASES, min_a: float = 6.0, max_a: float = 32.0, priority: int = 1,
) -> Wish:  # fmt: skip
    return Wish(station, evse, rows, phases, min_a, max_a, priority, fallback_a)


def granted(solution: Solution) -> dict[str, float]:
    return {f"{station}:{evse}": amperes for (station, evse), amperes in solution.fallback_a.items()}


def test_auto_is_six_amperes_where_it_fits_and_never_more() -> None:
    assert granted(solve([wish("A"), wish("B")], {"grid": 100})) == {"A:1": 6, "B:1": 6}


def test_as_many_as_fit_by_priority_and_then_by_id() -> None:
    wishes = [wish("C"), wish("A"), wish("B"), wish("Z", priority=2)]
    assert granted(solve(wishes, {"grid": 12})) == {"Z:1": 6, "A:1": 6, "B:1": 0, "C:1": 0}


def test_explicit_values_come_first() -> None:
    assert granted(solve([wish("A", priority=9), wish("B", 10)], {"grid": 15})) == {"B:1": 10, "A:1": 0}


def test_phases_are_counted_apart() -> None:
    wishes = [wish(name, phases=(phase,)) for name, phase in zip("ABC", Phase, strict=True)]
    solution = solve(wishes, {"grid": 6})
    assert granted(solution) == {"A:1": 6, "B:1": 6, "C:1": 6}
    assert solution.sum_a["grid"] == PhaseCurrents(6, 6, 6)


def test_every_row_on_the_way_must_have_room() -> None:
    wishes = [wish("A", rows=("garage", "grid")), wish("B", rows=("garage", "grid")), wish("C", rows=("grid",))]
    assert granted(solve(wishes, {"grid": 18, "garage": 6})) == {"A:1": 6, "B:1": 0, "C:1": 6}


def test_whoever_does_not_fit_does_not_stand_in_the_way() -> None:
    wishes = [wish("A", rows=("full", "grid")), wish("B", rows=("grid",))]
    assert granted(solve(wishes, {"grid": 6, "full": 0})) == {"A:1": 0, "B:1": 6}


def test_what_cannot_charge_with_six_gets_nothing() -> None:
    wishes = [wish("A", min_a=8), wish("B", min_a=5, max_a=5)]
    assert granted(solve(wishes, {"grid": 100})) == {"A:1": 0, "B:1": 0}


def test_evses_of_a_post_come_by_number() -> None:
    wishes = [wish("P", evse=10), wish("P", evse=2)]
    assert granted(solve(wishes, {"grid": 6})) == {"P:2": 6, "P:10": 0}


def test_binary_fractions_do_not_push_anybody_out() -> None:
    wishes = [wish("A", 0.1), wish("B", 0.2), wish("C")]
    assert granted(solve(wishes, {"grid": 6.3}))["C:1"] == 6


def test_nothing_free_or_less_gives_nothing() -> None:
    assert granted(solve([wish("A")], {"grid": -5})) == {"A:1": 0}
