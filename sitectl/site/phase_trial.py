"""The phase test: the car is stepped, and the grid meter says where its phases are wired.

What a car draws is known by the second at its meter, at its station every ten or so: so both are looked at when both
have come to rest, before a step and after it. Everybody else is held meanwhile, a little below what they draw, so that
the noise of the site's other loads makes nobody follow it.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.events import RotationLearned
from sitectl.site.trial_grid import Grid
from sitectl.site.trials import FOLLOW_S, MARGIN_A, RISE_S, STEP_A, Bench, TrialFailed
from sitectl.state.evse import EvseState
from sitectl.state.ledger import tolerance_a
from sitectl.state.phase_test import STEP_LEAST_A, PhaseVerdict, Step, judge

ATTEMPTS = 3
"""Whose steps do not agree is stepped again: on a site with other loads one of them moves now and then."""

GIVE_UP_A = 1.0
"""What each of the others draws less during the test."""

REST_S = 45.0
"""So long at most the meter is waited for to come to rest; what never does is judged as it is."""

REST_A = 1.0
"""Readings of a few seconds that lie so close together are at rest: no car ramps."""


async def phase_test(bench: Bench) -> dict[str, Any]:
    """Step the car, everybody else held where they are, and let the meter say where its phases are wired."""
    if bench.state.topology.wiring.is_triangle:
        raise TrialFailed("on lines without neutral a car loads two of them, and the meter cannot tell them apart so")
    drawn_a = bench.movable_a()
    grid = Grid.above(bench)
    if grid is None:
        raise TrialFailed(f"no circuit above {bench.evse} has a meter that could say anything of its phases")
    _hold(bench, grid)
    verdict = judge(await _steps(bench, grid))
    for _ in range(1, ATTEMPTS):
        if not verdict.unclear:
            break
        bench.say(f"not clear: {verdict.unclear}; once more, when the car draws {drawn_a:.0f} A again")
        bench.lower(drawn_a)
        if not await bench.until(lambda: bench.drawn_a() >= drawn_a - MARGIN_A, RISE_S):
            break
        verdict = judge(await _steps(bench, grid))
    return _outcome(bench, grid, verdict)


def _outcome(bench: Bench, grid: Grid, verdict: PhaseVerdict) -> dict[str, Any]:
    _tell(bench, verdict)
    otherwise = _otherwise(bench, verdict)
    if otherwise:
        bench.say(f"{otherwise}: correct its phases")
    if verdict.first is not None and not verdict.unclear:
        bench.post(RotationLearned(bench.evse, bench.now, verdict.first))
    return {
        "meter": grid.meter,
        "first": None if verdict.first is None else verdict.first.name,
        "wired": [phase.name for phase in verdict.wired],
        "gains": [round(gain, 2) for gain in verdict.gains],
        "transformers": [one.value for one in verdict.transformers],
        "verdict": verdict.unclear or otherwise or ("well" if verdict.well else "a current transformer is wrong"),
    }


def _otherwise(bench: Bench, verdict: PhaseVerdict) -> str:
    """How the wiring differs from what the configuration says of it; "" where it does not, or says nothing."""
    rotation = bench.held().plan.rotation
    if not rotation.known or rotation.line_to_line or verdict.unclear:
        return ""
    said = rotation.phases[: len(verdict.used)] if verdict.used == tuple(range(len(verdict.used))) else ()
    if not said or set(said) == set(verdict.wired):
        return ""
    shown = ["".join(phase.name for phase in phases) for phases in (verdict.wired, sorted(said))]
    return f"it is wired to {shown[0]}, and the configuration says {shown[1]}"


def _hold(bench: Bench, grid: Grid) -> None:
    """Nobody rises: neither the others into what the stepped car leaves, nor that car between its steps."""
    for id in bench.state.below[grid.circuit]:
        evse = bench.state.evses[id]
        if evse.transaction is None or evse.newest_offer is None:
            continue
        least_a, told_a = evse.plan.min_a, evse.newest_offer.limit_a
        draws_a = _highest_a(evse)
        if draws_a is not None and draws_a >= least_a:
            wanted_a = draws_a if id == bench.evse else draws_a - GIVE_UP_A
            told_a = min(told_a, max(least_a, wanted_a))
        bench.lower(told_a, of=id)


def _highest_a(evse: EvseState) -> float | None:
    reading = evse.reading
    return None if reading is None or reading.current_a is None else max(reading.current_a)


async def _steps(bench: Bench, grid: Grid) -> list[Step]:
    """Two steps down, or where the car can be moved little one down and one up, and what came of each on either side.

    Said is each as it was seen.
    """
    await _rest(bench, grid, bench.now)
    drawn_a = bench.drawn_a()
    span_a = drawn_a - bench.held().plan.min_a
    down = 2 if span_a >= 2 * (STEP_LEAST_A + 1.0) else 1
    seen = [(bench.own(), grid.average(bench.now))]
    for _ in range(down):
        target_a = bench.below(bench.drawn_a(), min(STEP_A, span_a / down))
        await _moved(bench, grid, target_a, rises=False)
        seen.append((bench.own(), grid.average(bench.now)))
    if down == 1:
        await _moved(bench, grid, drawn_a, rises=True)
        seen.append((bench.own(), grid.average(bench.now)))
    steps = [
        Step(own.minus(own_before), answer.minus(before)) for (own_before, before), (own, answer) in pairwise(seen)
    ]
    for step in steps:
        bench.say(f"the car moved by {_three(step.own)} A, the meter by {_three(step.grid)} A")
    return steps


async def _moved(bench: Bench, grid: Grid, target_a: float, *, rises: bool) -> None:
    """Let the car go to a limit, and all come to rest there."""
    began = bench.now
    bench.lower(target_a)
    above_a = target_a + tolerance_a(target_a)

    def there() -> bool:
        return bench.drawn_a() >= target_a - MARGIN_A / 2 if rises else bench.drawn_since(began) <= above_a

    if not await bench.until(there, RISE_S if rises else FOLLOW_S):
        raise TrialFailed(f"the car did not follow to {target_a:g} A; `sitectl station probe {bench.evse.station}`")
    await _rest(bench, grid, began)


async def _rest(bench: Bench, grid: Grid, since: float) -> None:
    """Wait until two readings of the car since a moment agree, and those of the meter do, too."""
    await grid.passes()
    await bench.until(lambda: _settled(bench, since) and grid.spread_a(bench.now) <= REST_A, REST_S)


def _settled(bench: Bench, since: float) -> bool:
    bench.held()
    recent = [values for at, values in bench.state.evses[bench.evse].trace if at > since]
    return len(recent) >= 2 and all(abs(a - b) <= 0.5 for a, b in zip(recent[-1], recent[-2], strict=True))


def _tell(bench: Bench, verdict: PhaseVerdict) -> None:
    if verdict.unclear:
        bench.say(f"not clear: {verdict.unclear}")
        return
    if verdict.first is not None:
        bench.say(f"its L1 is wired to {verdict.first.name} of the grid")
    elif len(verdict.used) == 3:
        bench.say("it draws on all three phases; the rotation shows with a car, or a load, on one phase only")
    for phase, one in enumerate(verdict.transformers):
        if verdict.gains[phase] and one.value != "not tested":
            bench.say(f"current transformer of L{phase + 1}: {one.value} (answers {verdict.gains[phase]:.2f} A per A)")


def _three(values: PhaseCurrents) -> str:
    return " / ".join(f"{a:+.1f}" for a in values)
