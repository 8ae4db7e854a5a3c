"""Who gets a minimum at all. The rule of 0 or at least 6 A is the only combinatorial part of sharing, and is
settled first.

Order: whoever runs and must not be paused yet; class; urgency (by laxity, in three classes); running before waiting;
who has waited longer, in whole quanta; fewest phases; the lightest phase, where a circuit bounds its imbalance; id.
Those who drew nothing when they could come last (in `strict-priority` within their class), and while they rest (see
`idle`) after all others are filled.
Rank by policy and break ties by footprint: on random sites that served as many cars as an exact solver in every
instance. In `strict-priority` the class comes before everything, also before the run minimum of a lower class.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import Enum

from sitectl.allocator.breaker import Patience
from sitectl.allocator.compiled import CompiledSite, first_full, take
from sitectl.allocator.demand import UNHURRIED, Demand
from sitectl.allocator.headroom import Headroom
from sitectl.allocator.rules import SharingRules
from sitectl.allocator.turns import Turns
from sitectl.model.station import ChargingState


class Refusal(Enum):
    """Why an EVSE that wants to charge gets 0."""

    CAP = "a ceiling leaves less than its minimum"
    STOPPED = "nothing may charge on a circuit whose meter is lost"
    PAUSED = "its pause has not lasted long enough"
    ROW = "its minimum does not fit a row"
    TURN = "somebody else's turn"
    IDLE = "it draws nothing, and others can use what it would hold"


@dataclass(slots=True)
class Shares:
    """The outcome of sharing, by EVSE number; amperes whole tenths.

    * `target`: the fair share (0 for those who take no part).
    * `bound_by`: the row that ended the rise of an admitted EVSE; absent when its own cap did.
    * `refused`: why the others got 0, with the row and what it had left when its turn came (for ROW), else (-1, 0).
    * `slack`: per row, what nobody took.
    """

    target: list[int]
    slack: list[int]
    bound_by: dict[int, int] = field(default_factory=dict)
    refused: dict[int, tuple[Refusal, int, int]] = field(default_factory=dict)


PHASES = tuple(mask.bit_count() for mask in range(8))
MOST_QUANTA = 1023
"""Credits above this many quanta are alike in the order of admission."""


def candidates(
    plan: CompiledSite,
    demand: Demand,
    room: Headroom,
    rules: SharingRules,
    now: float,
    turns: Turns,
    shares: Shares,
    resting: Collection[int] = (),
) -> tuple[list[list[int]], list[int]]:
    """Those who may be admitted now, in order, as one list for each round of admission, and those who rest; notes the
    refused in `shares`."""
    strict = rules.mode == "strict-priority"
    ranks, rank_of, node = plan.ranks, plan.rank, plan.node
    evses, cap, minimum, key_of = demand.evses, demand.cap, demand.minimum, demand.key
    urgency, credit, leaning, promised = demand.urgency, turns.credit, demand.leaning, turns.promised
    stopped, refused, dwell_s = room.stopped, shares.refused, rules.dwell_s
    alike: defaultdict[int, list[int]] = defaultdict(list)
    for number in demand.taking:
        offered, evse, rank = demand.offered[number], evses[number], rank_of[number]
        since = evse.state_since
        settling = since is not None and now - since < dwell_s
        if cap[number] < minimum[number]:
            refused[number] = (Refusal.CAP, -1, 0)
            continue
        if stopped and node[number] in stopped:
            refused[number] = (Refusal.STOPPED, -1, 0)
            continue
        if offered == 0 and settling and not demand.unstarted[number]:
            refused[number] = (Refusal.IDLE if number in resting else Refusal.PAUSED, -1, 0)
            continue
        # Told to charge goes first; then who charges untold (at its fallback, or since before a restart), and who was
        # given a place and not told of it yet; then who waits.
        activity = 0
        if offered <= 0:
            activity = 1 if evse.charging_state is ChargingState.CHARGING or number in promised else 2
        # Who must not be paused yet goes first; so does whoever can only be stopped, for a person must start him again
        # (his turn is over when his row is short). Who drew nothing when it could comes after all others.
        runs = offered > 0
        pausable = 2 if evse.satisfied and not runs else 1
        if runs and (settling or evse.whole):
            pausable = 0
        key = rank * (ranks + 2) + pausable if strict else pausable * (ranks + 2) + rank
        key = (key * 3 + (urgency.get(number, UNHURRIED) if urgency else UNHURRIED)) * 3 + activity
        if credit:
            waited = min(turns.quanta(number), MOST_QUANTA) if number in credit else 0
            key = key * (MOST_QUANTA + 1) + MOST_QUANTA - waited
        key = (key * 4 + PHASES[key_of[number] & 7]) * 4
        alike[key + leaning.get(number, 0) if leaning else key].append(number)
    order = [number for key in sorted(alike) for number in alike[key]]  # those who are alike by number
    last = [number for number in order if number in resting] if resting else []
    if last:
        order = [number for number in order if number not in resting]
    if not strict:
        return [order], last
    return [[number for number in order if plan.rank[number] == rank] for rank in range(ranks)], last


def admit(plan: CompiledSite, demand: Demand, order: list[int], shares: Shares, patience: Patience) -> list[int]:
    """Give everybody in order the minimum where it fits all rows, or where who charges already may keep it for a
    while; takes it from the slack and returns who got it."""
    slack, target, admitted = shares.slack, shares.target, list[int]()
    keys, minimum, path_rows = demand.key, demand.minimum, plan.path_rows if plan.path_terms is None else None
    for number in order:
        key, need = keys[number], minimum[number]
        if path_rows is not None:  # as below, in one piece: this is done for everybody in every cycle
            path = path_rows[key]
            for row in path:
                left = slack[row] - need
                if left < 0:
                    break
                slack[row] = left
            else:
                target[number] = need
                admitted.append(number)
                continue
            for taken in path[: path.index(row)]:
                slack[taken] += need
        row = first_full(plan, slack, key, need)
        if row >= 0 and not (demand.offered[number] > 0 and patience.bears(key, need, slack)):
            shares.refused[number] = (Refusal.ROW, row, slack[row] // plan.scale)
        else:
            take(plan, slack, key, need)
            target[number] = need
            admitted.append(number)
    return admitted
