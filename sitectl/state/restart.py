"""Transactions that we ended for want of current, at stations that can only be started and stopped: when to go on.

A start from afar is not ours, but for these: the car is still plugged in, its user has not ended anything. It goes on
after the pause that a vehicle needs, once all it can take fits every circuit beside the minimum of everybody who
shares and all that the others may draw; three times at most, and not after half a day.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sitectl.model.electrical import ALL_PHASES
from sitectl.model.ids import CircuitId, EvseId
from sitectl.model.ladder import LadderStep
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot
from sitectl.model.station import ConnectorStatus
from sitectl.state.evse import EvseState, Stopped
from sitectl.state.site_state import SiteState

PAUSE_S = 300.0
ASK_AGAIN_S = 180.0
TIMES_MOST = 3
LATEST_S = 12 * 3600.0
MARGIN_A = 2.0
"""Left free beside it, so that the next kettle does not stop it again."""


def with_end(before: EvseState, after: EvseState, at: float) -> EvseState:
    """A transaction ended: by us, or by somebody else."""
    if after is before or before.transaction is None:
        return after
    told = before.entry.acknowledged
    ends_so = before.ladder.form.step is LadderStep.START_STOP or before.ladder.traits.zero_ends
    ours = ends_so and told is not None and not told.limit_a
    if not ours or not before.transaction.id_token:
        return replace(after, stopped=None)
    times = before.stopped.times if before.stopped is not None else 0
    return replace(after, stopped=Stopped(before.transaction.id_token, at, times))


def with_start(evse: EvseState, at: float) -> EvseState:
    """A transaction begins: the one that we asked for, or another one."""
    stopped = evse.stopped
    if stopped is None or (stopped.asked_at is not None and at - stopped.asked_at < ASK_AGAIN_S):
        return evse
    return replace(evse, stopped=None)


def with_asking(evse: EvseState, at: float) -> EvseState:
    """The station was asked to go on."""
    stopped = evse.stopped
    return evse if stopped is None else replace(evse, stopped=replace(stopped, times=stopped.times + 1, asked_at=at))


def due(state: SiteState, seen: SiteSnapshot) -> Iterator[tuple[EvseId, str]]:
    """Who may go on now, and with which token. Where currents add up as vectors nobody does."""
    if state.topology.wiring.is_triangle:
        return
    for id, evse in state.evses.items():
        stopped = evse.stopped
        if stopped is not None and _may(evse, stopped, seen) and _fits(state, seen, id):
            yield id, stopped.id_token


def _may(evse: EvseState, stopped: Stopped, seen: SiteSnapshot) -> bool:
    station, status = seen.stations[evse.plan.id.station], evse.status
    plugged = status is not None and status.connector_status is ConnectorStatus.OCCUPIED
    asked_at = stopped.asked_at
    return (
        evse.transaction is None
        and plugged
        and station.online
        and station.booted
        and stopped.times < TIMES_MOST
        and PAUSE_S <= seen.at - stopped.at <= LATEST_S
        and (asked_at is None or seen.at - asked_at >= ASK_AGAIN_S)
        and seen.raises_allowed
    )


def _fits(state: SiteState, seen: SiteSnapshot, id: EvseId) -> bool:
    mine = seen.evses[id]
    need_a = mine.plan.max_a + MARGIN_A
    own = (id, EvseId(id.station, 0))
    if any(c.evse in own and c.ceiling_a < mine.plan.max_a for c in seen.ceilings):
        return False
    post = state.topology.stations[id.station]
    beside = [_least_a(seen.evses[evse.id]) for evse in post.evses if evse.id != id]
    if sum(beside) + mine.plan.max_a > max(post.max_a, mine.plan.max_a):
        return False
    return all(need_a <= room for c in state.topology.paths[mine.plan.circuit] for room in _rooms_a(state, seen, c, id))


def _rooms_a(state: SiteState, seen: SiteSnapshot, circuit: CircuitId, id: EvseId) -> list[float]:
    """What a circuit has on each phase of an EVSE, beside the least of everybody else."""
    installed, now = state.topology.circuits[circuit], seen.circuits[circuit]
    if now.stop or not now.settled:
        return [0.0]
    limit_a = min([installed.rated_a, *(c.ceiling_a for c in seen.ceilings if c.circuit == circuit)])
    limit_a -= installed.reserve_a + (seen.quarantine_reserve_a if circuit == state.topology.root else 0.0)
    rooms = [limit_a - base - unsure for base, unsure in zip(now.base_load_a, now.unsure_a, strict=True)]
    for other in state.below[circuit]:
        view = seen.evses[other]
        if other != id:
            for phase in view.phases:
                rooms[phase] -= _least_a(view)
    phases = seen.evses[id].phases or ALL_PHASES
    return [rooms[phase] for phase in phases]


def _least_a(view: EvseSnapshot) -> float:
    """What must be left to somebody else: the minimum of who shares, all that may be drawn by whoever does not."""
    if not (view.wants and view.controllable):
        return view.counts_a
    return view.plan.max_a if view.whole else view.plan.min_a
