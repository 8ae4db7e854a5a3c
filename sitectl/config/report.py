"""What `check` prints: every error and warning with its place, and on success a look at the fuses."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Any, TextIO

from sitectl.config.checks_fallbacks import place
from sitectl.config.largest import Largest, largest, tightest
from sitectl.config.load import Broken, Loaded, load
from sitectl.config.solve import Solution

NAMED = 8
EXIT_WELL = 0
EXIT_CONFIGURATION = 2


def check_command(path: FilePath, out: TextIO, err: TextIO) -> int:
    """Load `path`, print faults to `err` and the summary to `out`; gives the exit status, 0 or 2."""
    outcome = load(path)
    print_issues(outcome, err)
    if isinstance(outcome, Broken):
        return EXIT_CONFIGURATION
    out.write(summary(outcome))
    return EXIT_WELL


def print_issues(outcome: Loaded | Broken, err: TextIO) -> None:
    """All errors, then all warnings, one a line, then how many there are."""
    errors = outcome.errors if isinstance(outcome, Broken) else ()
    for error in errors:
        err.write(f"{error}\n")
    for warning in outcome.warnings:
        err.write(f"warning: {warning}\n")
    if errors:
        err.write(f"{_count(len(errors), 'error')}: the configuration is not used\n")


def summary(loaded: Loaded) -> str:
    """What there is, and for each circuit its fallbacks and worst base load against its rating."""
    settings = loaded.settings
    stations = [station for station in settings.topology.stations.values() if station.installed]
    evses = settings.topology.evses()
    counts = [
        _count(len(settings.topology.circuits), "circuit"),
        _count(len(settings.meters), "meter"),
        f"{_count(len(stations), 'station')} with {_count(len(evses), 'EVSE')}",
        _count(len(settings.uplinks), "uplink"),
    ]
    lines = [f"{settings.site.name}: well; {', '.join(counts)}"]
    for name, circuit in settings.topology.circuits.items():
        sums = loaded.fallback_sum_a[name]
        phases = ", ".join(f"L{phase} {amperes:g}" for phase, amperes in enumerate(sums, start=1))
        lines.append(
            f"  {name}: fallbacks {phases} A + base load at worst {circuit.base_load_worst_a:g} A"
            f" within {circuit.rated_a:g} A"
        )
    lines += [f"  {line}" for line in fallback_lines(loaded.fallbacks)]
    if loaded.warnings:
        lines.append(f"  {_count(len(loaded.warnings), 'warning')}")
    return "\n".join(lines) + "\n"


def fallback_lines(solution: Solution) -> list[str]:
    """What binds the fallbacks, who has none and why, and how large they could be."""
    lines: list[str] = []
    if (bound := tightest(solution)) is not None:
        row, phase, left_a = bound
        lines.append(f"binding: {place(row)} {phase.name}, with {left_a:g} A left")
    groups: dict[Largest, list[str]] = {}
    for key, found in sorted(largest(solution).items()):
        if found.fallback_a != solution.fallback_a[key] or not found.fallback_a:
            groups.setdefault(found, []).append(f"{key[0]}:{key[1]}")
    for found, evses in sorted(groups.items(), key=lambda group: group[0].fallback_a):
        named = ", ".join(evses[:NAMED]) + (f" and {len(evses) - NAMED} more" if len(evses) > NAMED else "")
        bound_by = f"{place(found.row)} {found.phase.name}" if found.row and found.phase is not None else ""
        if found.fallback_a:
            lines.append(f"could be fallback_a: {found.fallback_a:g}, up to {bound_by or 'max_a'}: {named}")
        else:
            why = f" ({bound_by} has no 6 A left)" if bound_by else ""
            lines.append(f"fallback 0 A, so charging only while sitectl runs: {named}{why}")
    return lines


def fallbacks_json(solution: Solution) -> dict[str, Any]:
    """The same for programs: what binds, and every EVSE with what it has and could have."""
    bound, found = tightest(solution), largest(solution)
    binding = None if bound is None else {"row": place(bound[0]), "phase": bound[1].name, "left_a": round(bound[2], 3)}
    return {
        "binding": binding,
        "evses": [
            {
                "station": key[0],
                "evse": key[1],
                "fallback_a": solution.fallback_a[key],
                "largest_a": one.fallback_a,
                "bound_by": None if one.row is None else place(one.row),
                "phase": None if one.phase is None else one.phase.name,
            }
            for key, one in sorted(found.items())
        ],
    }


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
