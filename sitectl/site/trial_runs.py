"""How each trial is done: the probe, the limit test and the phase test."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from math import floor
from typing import Any

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.events import RotationLearned, WalkOrdered
from sitectl.model.ids import CircuitId, MeterId
from sitectl.model.ladder import FormVerdict, Ladder, LimitForm
from sitectl.site.trials import MARGIN_A, Bench, Run, TrialFailed, TrialKind
from sitectl.state.ledger import tolerance_a
from sitectl.state.phase_test import STEP_LEAST_A, PhaseVerdict, Step, judge

STEP_A = 10.0
ANSWER_S = 40.0
FOLLOW_S = 60.0
RISE_S = 150.0
"""After a cut a raise waits for a minute, and for a reading of the station."""

AVERAGE_S = 4.0
FOLLOWED = 0.7
"""The part of a step that the meter must show before the car counts as having followed."""


async def probe(bench: Bench) -> dict[str, Any]:
    """Walk the ladder from its top with the car that charges, until a form is seen to be obeyed or none is left."""
    bench.post(WalkOrdered(bench.evse, bench.now))
    if bench.stays_at_fallback():
        await _lifted(bench)
    drawn_a = bench.movable_a()
    limit_a = _below(bench, drawn_a, STEP_A)
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
    limit_a = _below(bench, drawn_a, STEP_A)
    grid = Grid.above(bench)
    await _average_passes(bench, grid)
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
        if "station_s" not in seen and _drawn_since(bench, began) <= limit_a + tolerance_a(limit_a):
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


async def phase_test(bench: Bench) -> dict[str, Any]:
    """Step the car, everybody else held where they are, and let the meter say where its phases are wired."""
    if bench.state.topology.wiring.is_triangle:
        raise TrialFailed("on lines without neutral a car loads two of them, and the meter cannot tell them apart so")
    drawn_a = bench.movable_a(STEP_LEAST_A + MARGIN_A)
    grid = Grid.above(bench)
    if grid is None:
        raise TrialFailed(f"no circuit above {bench.evse} has a meter that could say anything of its phases")
    _hold_others(bench, grid)
    span_a = drawn_a - bench.held().plan.min_a
    levels = 2 if span_a >= 2 * (STEP_LEAST_A + 1.0) else 1
    steps = []
    for _ in range(levels):
        target_a = _below(bench, bench.drawn_a(), min(STEP_A, span_a / levels))
        steps.append(await _stepped(bench, grid, target_a, rises=False))
    if levels == 1:
        steps.append(await _stepped(bench, grid, drawn_a, rises=True))
    verdict = judge(steps)
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


RUNS: Mapping[TrialKind, Run] = {
    TrialKind.PROBE: probe,
    TrialKind.LIMIT_TEST: limit_test,
    TrialKind.PHASE_TEST: phase_test,
}


@dataclass(slots=True)
class Grid:
    """The meter nearest above an EVSE, and its last readings."""

    bench: Bench
    circuit: CircuitId
    meter: MeterId
    readings: deque[tuple[float, PhaseCurrents]] = field(default_factory=lambda: deque(maxlen=64))

    @classmethod
    def above(cls, bench: Bench) -> Grid | None:
        """The nearest one; it notes every reading from now on."""
        topology = bench.state.topology
        for circuit in topology.paths[bench.held().plan.circuit]:
            meter = topology.circuits[circuit].meter
            if meter is not None and meter in bench.state.meters and meter not in bench.state.rules.station_meters:
                grid = cls(bench, circuit, meter)
                bench.on_look = grid.look
                return grid
        return None

    def look(self) -> None:
        """Note the newest reading."""
        reading = self.bench.state.meters[self.meter].reading
        if reading is not None and (not self.readings or reading.at > self.readings[-1][0]):
            self.readings.append((reading.at, reading.current_a))

    @property
    def newest(self) -> PhaseCurrents | None:
        """The newest reading."""
        return self.readings[-1][1] if self.readings else None

    def average(self, until: float) -> PhaseCurrents:
        """What it read in the last seconds before a moment."""
        recent = [a for at, a in self.readings if until - AVERAGE_S <= at <= until]
        if not recent:
            raise TrialFailed(f"the meter {self.meter} gives no readings; `sitectl meters` shows how it stands")
        return PhaseCurrents(*(sum(a[phase] for a in recent) / len(recent) for phase in range(3)))


async def _average_passes(bench: Bench, grid: Grid | None) -> None:
    """Let the meter be read for as long as an average takes."""
    if grid is not None:
        await bench.until(lambda: False, AVERAGE_S)


async def _stepped(bench: Bench, grid: Grid, target_a: float, *, rises: bool) -> Step:
    """One step of the car, and what came of it on either side."""
    await _average_passes(bench, grid)
    bench.drawn_a()
    own_before, grid_before = _own(bench), grid.average(bench.now)
    began = bench.now
    if rises:
        bench.release()
        near_a = target_a - MARGIN_A / 2
        came = await bench.until(lambda: _settled(bench, began) and _drawn_since(bench, began) >= near_a, RISE_S)
    else:
        bench.lower(target_a)
        near_a = target_a + tolerance_a(target_a)
        came = await bench.until(lambda: _settled(bench, began) and _drawn_since(bench, began) <= near_a, FOLLOW_S)
    if not came:
        raise TrialFailed(f"the car did not follow to {target_a:g} A; `sitectl station probe {bench.evse.station}`")
    await _average_passes(bench, grid)
    own, answer = _own(bench).minus(own_before), grid.average(bench.now).minus(grid_before)
    bench.say(f"the car moved by {_three(own)} A, the meter by {_three(answer)} A")
    return Step(own, answer)


def _settled(bench: Bench, since: float) -> bool:
    """Whether two readings since a moment agree: the ramp is over."""
    bench.held()
    recent = [values for at, values in bench.state.evses[bench.evse].trace if at > since]
    return len(recent) >= 2 and all(abs(a - b) <= 0.5 for a, b in zip(recent[-1], recent[-2], strict=True))


def _hold_others(bench: Bench, grid: Grid) -> None:
    """Nobody rises into what the stepped car leaves."""
    for id in bench.state.below[grid.circuit]:
        other = bench.state.evses[id]
        if id != bench.evse and other.transaction is not None and other.newest_offer is not None:
            bench.lower(other.newest_offer.limit_a, of=id)


def _moved_from(bench: Bench, ladder: Ladder) -> bool:
    return bench.held().ladder is not ladder


def _below(bench: Bench, drawn_a: float, step_a: float) -> float:
    """A limit so much lower, in whole ampere, that the car can still charge by."""
    return float(max(bench.held().plan.min_a, floor(drawn_a - step_a)))


def _accepted(bench: Bench, limit_a: float) -> bool:
    entry = bench.held().entry
    return entry.acknowledged is not None and not entry.offers and entry.acknowledged.limit_a <= limit_a + 0.05


def _own(bench: Bench) -> PhaseCurrents:
    reading = bench.held().reading
    return reading.current_a if reading is not None and reading.current_a is not None else PhaseCurrents(0.0, 0.0, 0.0)


def _drawn_since(bench: Bench, since: float) -> float:
    """What it draws by a reading newer than this; more than anything without one."""
    reading = bench.held().reading
    fresh = reading is not None and reading.current_a is not None and reading.at > since
    return max(_own(bench)) if fresh else float("inf")


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


def _tenths(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
