"""Where an EVSE's L1 is wired, learned from ordinary charging where nobody has said it.

A clean step is one of 3 A and more, of a car on its first phase, between two pairs of readings that agree. Meanwhile no
other car below the meter may have moved by more than 1 A on some of its phases only; what moves on all three alike is
no matter, for phases are compared with one another. What such steps say is judged in `wiring`. Until that is sure the
EVSE counts on all three phases, and so does a car on two or three phases ever after: what is learned is the first phase
alone. Should later steps say otherwise, it is forgotten, and people are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sitectl.model.electrical import NO_CURRENT, PhaseCurrents
from sitectl.model.ids import EvseId, MeterId
from sitectl.state.evse import PHASE_IN_USE_A, EvseState, Trace
from sitectl.state.site_state import SiteState
from sitectl.state.wiring import NO_EVIDENCE, contradicts, sure_of, with_step

STEP_LEAST_A = 3.0
AGREE_A = 0.5
OTHERS_STILL_A = 1.0
RAMP_READINGS = 2
"""Readings that may lie between two pairs, while the car ramps."""

SPAN_MOST_S = 90.0
"""A step that takes longer from pair to pair says too little: too much else moves meanwhile."""

AFTER_END_S = 6.0
"""So long before a start and after an end nothing is surely drawn."""

MOST_ENDS = 64

METER_TRACE_S = 180.0
WINDOW_S = 5.0
SAMPLES_LEAST = 2
"""What the meter showed before and after is its mean of five seconds, of two readings at least."""


def learned(state: SiteState, id: EvseId) -> SiteState:
    """Take what the newest reading of an EVSE completes, if that is a clean step."""
    evse = state.evses.get(id)
    return state if evse is None else _learned(state, evse, evse.trace)


def with_start(state: SiteState, id: EvseId, at: float) -> SiteState:
    """A transaction begins that was told at once: until now nothing was drawn, which is a reading, too."""
    evse = state.evses.get(id)
    if evse is None:
        return state
    idle = ((at - 2 * AFTER_END_S, NO_CURRENT), (at - AFTER_END_S, NO_CURRENT))
    changed = replace(evse, trace=(*(one for one in evse.trace if one[0] < idle[0][0]), *idle))
    return replace(state, evses={**state.evses, id: changed})


def with_end(state: SiteState, id: EvseId, at: float) -> SiteState:
    """A transaction ended: look at what the meter makes of it in a moment."""
    return replace(state, ends=(*state.ends, (id, at))[-MOST_ENDS:]) if id in state.evses else state


def with_ends(state: SiteState, at: float) -> SiteState:
    """Ends that lie far enough back: from then on nothing was drawn."""
    due = [(id, ended) for id, ended in state.ends if at - ended > AFTER_END_S]
    if not due:
        return state
    state = replace(state, ends=tuple(one for one in state.ends if one not in due))
    for id, ended in due:
        evse = state.evses.get(id)
        if evse is None or evse.transaction is not None:
            continue
        zeros = ((ended + 1.0, NO_CURRENT), (ended + AFTER_END_S, NO_CURRENT), (ended + AFTER_END_S, NO_CURRENT))
        state = _learned(state, evse, (*evse.trace, *zeros))
    return state


def unplaced(evse: EvseState) -> PhaseCurrents | None:
    """Its newest reading by its own phases, where it tells them and nobody knows how they are wired."""
    reading = evse.reading
    if reading is None or not reading.phases or evse.plan.rotation.known or evse.learned_phase() is not None:
        return None
    return reading.current_a


def _learned(state: SiteState, evse: EvseState, trace: Trace) -> SiteState:
    if evse.plan.rotation.known or state.topology.wiring.is_triangle:
        return state
    step = _step(state, evse, trace)
    if step is None:
        return state
    evidence = with_step(evse.evidence, *step)
    first = evse.first_phase
    changed = replace(evse, evidence=evidence)
    if first is not None and evidence.votes[first]:
        changed = replace(evse, evidence=NO_EVIDENCE)  # it holds: doubts begin anew
    elif first is not None and contradicts(evidence, first):
        changed = replace(evse, evidence=NO_EVIDENCE, first_phase=None, contradicted=True)
    elif first is None and (found := sure_of(evidence)) is not None:
        changed = replace(evse, evidence=NO_EVIDENCE, first_phase=found, contradicted=False)
    return replace(state, evses={**state.evses, evse.plan.id: changed})


def with_meter_trace(trace: Trace, at: float, current_a: PhaseCurrents) -> Trace:
    """The last minutes of a meter, with its newest reading."""
    first = next((n for n, one in enumerate(trace) if one[0] >= at - METER_TRACE_S), len(trace))
    return (*trace[first:], (at, current_a))


def _step(state: SiteState, evse: EvseState, trace: Trace) -> tuple[float, PhaseCurrents] | None:
    """The step that the newest readings but one complete, if it is clean: of the station's L1, and of the grid.

    The newest only says that whoever else moved has had time to report it.
    """
    if len(trace) < 5 or any(max(own.l2, own.l3) > PHASE_IN_USE_A for _, own in trace[-5:]):
        return None
    last = len(trace) - 2
    if not _agree(trace, last - 1, last) or _agree(trace, last - 2, last - 1):
        return None
    before = next((n for n in range(last - 2, max(0, last - 2 - RAMP_READINGS), -1) if _agree(trace, n - 1, n)), None)
    found = _meter_above(state, evse)
    if before is None or found is None:
        return None
    own_a = _pair(trace, last) - _pair(trace, before)
    since, until = trace[before][0] - WINDOW_S, trace[last - 1][0] + WINDOW_S
    if abs(own_a) < STEP_LEAST_A or until - since > SPAN_MOST_S:
        return None
    if not _others_still(state, evse, found[1], since, until):
        return None
    readings = state.meter_traces.get(found[0], ())
    was, became = _mean(readings, since, since + WINDOW_S), _mean(readings, until - WINDOW_S, until)
    return None if was is None or became is None else (own_a, became.minus(was))


def _agree(trace: Trace, one: int, other: int) -> bool:
    return one >= 0 and abs(trace[one][1].l1 - trace[other][1].l1) <= AGREE_A


def _pair(trace: Trace, later: int) -> float:
    """The mean of two readings that agree."""
    return (trace[later - 1][1].l1 + trace[later][1].l1) / 2.0


def _meter_above(state: SiteState, evse: EvseState) -> tuple[MeterId, Sequence[EvseId]] | None:
    """The nearest meter that is one of its own, and who else is below it."""
    for circuit in state.topology.paths[evse.plan.circuit]:
        meter = state.topology.circuits[circuit].meter
        if meter is not None and meter not in state.rules.station_meters:
            return meter, state.below[circuit]
    return None


def _others_still(state: SiteState, evse: EvseState, below: Sequence[EvseId], since: float, until: float) -> bool:
    return all(_is_still(state.evses[id], since, until) for id in below if id != evse.plan.id)


def _is_still(other: EvseState, since: float, until: float) -> bool:
    """Whether another car below the same meter moved on all its phases alike, if at all."""
    later = next((at for at, _ in other.trace if at >= until), until)  # what it tells first of the time that matters
    values = [_skewed(own) for at, own in other.trace if since <= at <= later]
    running = other.transaction
    if running is not None and not values:
        return False
    if running is None or running.since >= since:
        values.append((0.0, 0.0, 0.0))  # where it ended, or from where it began
    return all(max(v[p] for v in values) - min(v[p] for v in values) <= OTHERS_STILL_A for p in range(3))


def _skewed(own: PhaseCurrents) -> tuple[float, float, float]:
    """What a car draws on each phase beside what it draws on all of them."""
    least = min(own)
    return own.l1 - least, own.l2 - least, own.l3 - least


def _mean(readings: Trace, since: float, until: float) -> PhaseCurrents | None:
    values = [current_a for at, current_a in readings if since <= at <= until]
    if len(values) < SAMPLES_LEAST:
        return None
    return PhaseCurrents(*(sum(v[p] for v in values) / len(values) for p in range(3)))
