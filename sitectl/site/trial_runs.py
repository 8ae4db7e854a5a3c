"""How the probe and the limit test are done, and by which name each trial is run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from sitectl.model.events import WalkOrdered
from sitectl.model.ladder import FormVerdict, Ladder, LimitForm
from sitectl.site.phase_trial import phase_test
from sitectl.site.trial_grid import Grid
from sitectl.site.trials import FOLLOW_S, MARGIN_A, STEP_A, Bench, Run, TrialFailed, TrialKind
from sitectl.state.ledger import tolerance_a

ANSWER_S = 40.0
FOLLOWED = 0.7
"""The part of a step that the meter must show before the car counts as having followed."""


async def probe(bench: Bench) -> dict[str, Any]:
    """Walk the ladder from its top with the car that charges, until a form is seen to be obeyed or none is left."""
    bench.post(WalkOrdered(bench.evse, bench.now))
    if bench.stays_at_fallback():
        await _lifted(bench)
    drawn_a = bench.movable_a()
    limit_a = bench.below(drawn_a, STEP_A)
    bench.say(f"the car draws {drawn_a:.1f} A; it is told {limit_a:g} A in one form after the other")
    bench.lower(limit_a)
    told = len(bench.held().ladder.tried)
    while True:
        ladder = bench.held().ladder
        for form, verdict in ladder.tried[told:]:
            bench.say(f"{form}: {verdict.value}")
        told = len(ladder.tried)
        if ladder.proven or ladder.exhausted or not ladder.form.is_profile:
            break
        if not await bench.until(partial(_moved_from, bench, ladder), 4 * FOLLOW_S):
            raise TrialFailed(
                f"nothing was seen for {4 * FOLLOW_S:g} s: its limit may be lower than the {limit_a:g} A of the"
                f" probe already (`sitectl why {bench.evse}`)"
            )
    if ladder.proven:
        bench.say(f"{ladder.form}: proven, the car was seen to be cut by it")
    else:
        bench.say("no charging profile is obeyed: it is started and stopped from now on")
    tried = [{"form": str(form), "verdict": verdict.value} for form, verdict in ladder.tried]
    found = FormVerdict.PROVEN.value if ladder.proven else "no profile works"
    return {"form": str(ladder.form), "step": ladder.form.step.value, "verdict": found, "tried": tried}


async def _lifted(bench: Bench) -> None:
    """Wait until another form lets the car draw more than its fallback, or it is seen to be the car."""
    bench.say(f"the car stays at its fallback of {bench.held().entry.fallback_a:g} A although it may draw more")
    least_a = bench.held().plan.min_a + MARGIN_A
    told = 0

    def over(form: LimitForm | None = None) -> bool:
        ladder = bench.held().ladder
        return ladder.settled or bench.drawn_a() >= least_a or (form is not None and ladder.form != form)

    for _ in range(2):
        await bench.until(partial(over, bench.held().ladder.form), 3 * FOLLOW_S)
        for form, verdict in bench.held().ladder.tried[told:]:
            bench.say(f"{form}: {verdict.value}")
        told = len(bench.held().ladder.tried)
        if over():
            return


async def limit_test(bench: Bench) -> dict[str, Any]:
    """Cut the car visibly, and measure how long it takes until it is seen to follow."""
    drawn_a = bench.movable_a()
    limit_a = bench.below(drawn_a, STEP_A)
    grid = Grid.above(bench)
    if grid:
        await grid.passes()
    before, own = grid.average(bench.now) if grid else None, bench.held().reading
    began = bench.now
    bench.say(f"the car draws {drawn_a:.1f} A; it is told {limit_a:g} A")
    bench.lower(limit_a)
    if not await bench.until(lambda: _accepted(bench, limit_a), ANSWER_S):
        raise TrialFailed(f"the station did not accept {limit_a:g} A within {ANSWER_S:g} s; `sitectl station probe`")
    accepted_s = bench.now - began
    bench.say(f"accepted after {accepted_s:.1f} s")
    seen: dict[str, float] = {}

    def followed() -> bool:
        if "station_s" not in seen and bench.drawn_since(began) <= limit_a + tolerance_a(limit_a):
            seen["station_s"] = bench.now - began
        if grid and before and own and own.current_a and "meter_s" not in seen and grid.newest:
            used = sum(a >= drawn_a / 2 for a in own.current_a)
            fallen_a = sum(before) - sum(grid.newest)
            if fallen_a >= FOLLOWED * used * (drawn_a - limit_a):
                seen["meter_s"] = bench.now - began
        return "station_s" in seen

    well = await bench.until(followed, FOLLOW_S)
    bench.say(
        f"followed: seen by the station after {seen['station_s']:.1f} s"
        + (f", by the meter after {seen['meter_s']:.1f} s" if "meter_s" in seen else "")
        if well
        else f"not followed within {FOLLOW_S:g} s: `sitectl station probe {bench.evse.station}`"
    )
    return {
        "from_a": round(drawn_a, 1),
        "to_a": limit_a,
        "accepted_s": round(accepted_s, 1),
        "station_s": _tenths(seen.get("station_s")),
        "meter_s": _tenths(seen.get("meter_s")),
        "verdict": "followed" if well else "not followed",
    }


RUNS: Mapping[TrialKind, Run] = {
    TrialKind.PROBE: probe,
    TrialKind.LIMIT_TEST: limit_test,
    TrialKind.PHASE_TEST: phase_test,
}


def _moved_from(bench: Bench, ladder: Ladder) -> bool:
    return bench.held().ladder is not ladder


def _accepted(bench: Bench, limit_a: float) -> bool:
    entry = bench.held().entry
    return entry.acknowledged is not None and not entry.offers and entry.acknowledged.limit_a <= limit_a + 0.05


def _tenths(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
