"""When sitectl is gone, every station falls back: the sum of that fits every circuit, phase and post, or is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sitectl.config.draft import Draft, EvseDraft, evses_of
from sitectl.config.largest import cured
from sitectl.config.models import CircuitSection
from sitectl.config.solve import Key, Solution, Wish, solve
from sitectl.model.electrical import ALL_PHASES, PhaseCurrents

_TOLERANCE_A = 1e-6
_NAMED = 4

Cures = Mapping[Key, tuple[float, float]]


def check(draft: Draft) -> Solution:
    """Solve `auto` and report every circuit and post whose fallbacks are too much.

    The tree must be sound. Stations with faults are left out: what the others exceed is exceeded all the same.
    """
    circuits = draft.config.circuits
    free_a = {
        _circuit_row(name): circuit.rated_a - (circuit.base_load_worst_a or 0.0) for name, circuit in circuits.items()
    }
    free_a |= {_post_row(name): station.max_a for name, station in draft.config.stations.items()}
    evses = [
        evse
        for name, station in draft.config.stations.items()
        if station.installed and not draft.findings.has_errors_in("stations", name)
        for evse in evses_of(name, station, draft.config.site.nominal_voltage_v)
    ]
    solution = solve((_wish(evse, circuits) for evse in evses), free_a)
    cures = cured(solution)
    for name, circuit in circuits.items():
        _check_circuit(draft, name, circuit, solution.sum_a[_circuit_row(name)], _lowered(solution, name, cures))
    for name, station in draft.config.stations.items():
        sum_a = solution.sum_a[_post_row(name)]
        if station.evses is not None and max(sum_a) > station.max_a + _TOLERANCE_A:
            message = f"fallbacks of its EVSEs, {max(sum_a):g} A on {_phases(sum_a, station.max_a)}, exceed it"
            here = {key: cure for key, cure in cures.items() if key[0] == name}
            draft.findings.error(
                ("stations", name, "max_a"), message, f"lower fallback_a: {_told(here)}; or write auto"
            )
    return solution


def _lowered(solution: Solution, circuit: str, cures: Cures) -> Cures:
    """What must come down below one circuit."""
    below = {wish.key for wish in solution.wishes if _circuit_row(circuit) in wish.rows}
    return {key: cure for key, cure in cures.items() if key in below}


def _told(cures: Cures) -> str:
    named = [f"{station}:{evse} from {was:g} to {now:g}" for (station, evse), (was, now) in cures.items()]
    return ", ".join(named[:_NAMED]) + (f" and {len(named) - _NAMED} more" if len(named) > _NAMED else "")


def circuit_sums(solution: Solution) -> dict[str, PhaseCurrents]:
    """Σ fallbacks of each circuit."""
    return {row.removeprefix("circuit "): sums for row, sums in solution.sum_a.items() if row.startswith("circuit ")}


def place(row: str) -> str:
    """A row as people call it: a circuit by its name, a post by what it is."""
    return row.removeprefix("circuit ")


def _circuit_row(name: str) -> str:
    return f"circuit {name}"


def _post_row(name: str) -> str:
    return f"post {name}"


def _upwards(name: str, circuits: Mapping[str, CircuitSection]) -> Iterator[str]:
    here: str | None = name
    while here is not None:
        yield here
        here = circuits[here].parent


def _wish(evse: EvseDraft, circuits: Mapping[str, CircuitSection]) -> Wish:
    return Wish(
        station=evse.station,
        evse=evse.number,
        rows=(_post_row(evse.station), *(_circuit_row(name) for name in _upwards(evse.circuit, circuits))),
        phases=evse.rotation.phases,
        min_a=evse.min_a,
        max_a=evse.max_a,
        priority=evse.priority,
        fallback_a=evse.fallback_a,
    )


def _check_circuit(draft: Draft, name: str, circuit: CircuitSection, sum_a: PhaseCurrents, cures: Cures) -> None:
    base_a = circuit.base_load_worst_a or 0.0
    if base_a > circuit.rated_a:
        message = f"{base_a:g} A is above rated_a, {circuit.rated_a:g} A"
        draft.findings.error(("circuits", name, "base_load_worst_a"), message, f"write at most {circuit.rated_a:g}")
        return
    worst_a = max(sum_a)
    if worst_a + base_a <= circuit.rated_a + _TOLERANCE_A:
        return
    message = (
        f"fallbacks {worst_a:g} A + base_load_worst_a {base_a:g} A = {worst_a + base_a:g} A"
        f" on {_phases(sum_a, circuit.rated_a - base_a)}, more than {circuit.rated_a:g} A"
    )
    cure = f"lower fallback_a: {_told(cures)}; or write auto"
    if worst_a <= circuit.rated_a and base_a:
        cure += f"; or base_load_worst_a to {circuit.rated_a - worst_a:g}, if no more is ever drawn there"
    draft.findings.error(("circuits", name, "rated_a"), message, cure)


def _phases(sum_a: PhaseCurrents, free_a: float) -> str:
    return ", ".join(phase.name for phase in ALL_PHASES if sum_a[phase] > free_a + _TOLERANCE_A)
