"""What `check` prints: every error and warning with its place, and on success a look at the fuses."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import TextIO

from sitectl.config.load import Broken, Loaded, load

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
    without = [str(evse) for evse, plan in evses.items() if plan.fallback_a == 0]
    if without:
        named = ", ".join(without[:8]) + (f" and {len(without) - 8} more" if len(without) > 8 else "")
        lines.append(f"  fallback 0 A, so charging only while sitectl runs: {named}")
    if loaded.warnings:
        lines.append(f"  {_count(len(loaded.warnings), 'warning')}")
    return "\n".join(lines) + "\n"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
