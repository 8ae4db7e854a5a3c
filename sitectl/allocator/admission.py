"""Who gets a minimum at all. The rule of 0 or at least 6 A is the only combinatorial part of sharing, and is
settled first.

Order: whoever runs and must not be paused yet; class; urgency (by laxity, in three classes); running before waiting;
who has waited longer, in whole quanta; fewest phases; the lightest phase, where a circuit bounds its imbalance; id.
Those who drew nothing when they could come last (in `strict-priority` within their class).
Rank by policy and break ties by footprint: on random sites that served as many cars as an exact solver in every
instance. In `strict-priority` the class comes before everything, also before the run minimum of a lower class.
"""

from __future__ import annotations

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
) -> list[list[int]]:
    """Those who may be admitted now, in order, as one list for each round of admission; notes the refused in
    `shares`."""
    strict = rules.mode == "strict-priority"
    count, ranks = len(plan.ids), plan.ranks
    urgency, credit = demand.urgency, turns.credit
    keys: list[int] = []
    for number in demand.taking:
        offered, since = demand.offered[number], demand.evses[number].state_since
        settling = since is not None and now - since < rules.dwell_s
        if demand.cap[number] < demand.minimum[number]:
            shares.refused[number] = (Refusal.CAP, -1, 0)
        elif room.stopped and plan.node[number] in room.stopped:
            shares.refused[number] = (Refusal.STOPPED, -1, 0)
        elif offered == 0 and settling and not demand.unstarted[number]:
            shares.refused[number] = (Refusal.PAUSED, -1, 0)
        else:
            pausable = _pausable(demand, number, settling)
            first, second = (plan.rank[number], pausable) if strict else (pausable, plan.rank[number])
            hurry = urgency.get(number, UNHURRIED) if urgency else UNHURRIED
            patient = MOST_QUANTA - min(turns.quanta(number), MOST_QUANTA) if credit else MOST_QUANTA
            key = ((first * (ranks + 2) + second) * 3 + hurry) * 3 + _activity(demand, turns, number)
            key = (key * (MOST_QUANTA + 1) + patient) * 4 + (demand.key[number] & 7).bit_count()
            keys.append((key * 4 + demand.leaning.get(number, 0)) * count + number)
    keys.sort()
    order = [key % count for key in keys]
    if not strict:
        return [order]
    return [[number for number in order if plan.rank[number] == rank] for rank in range(ranks)]


def _pausable(demand: Demand, number: int, settling: bool) -> int:
    """0: it must not be paused yet. Whoever can only be stopped must be started again by a person: its turn is over
    when its row is short. 2: it drew nothing when it could, and comes after all others."""
    evse, runs = demand.evses[number], demand.offered[number] > 0
    if runs and (settling or evse.whole):
        return 0
    return 2 if evse.satisfied and not runs else 1


def _activity(demand: Demand, turns: Turns, number: int) -> int:
    """Told to charge goes first; then who charges untold (at its fallback, or since before a restart), and who has
    been given a place; then who waits."""
    if demand.offered[number] > 0:
        return 0
    if number in turns.promised or demand.evses[number].charging_state is ChargingState.CHARGING:
        return 1
    return 2


def admit(plan: CompiledSite, demand: Demand, order: list[int], shares: Shares, patience: Patience) -> list[int]:
    """Give everybody in order the minimum where it fits all rows, or where who charges already may keep it for a
    while; takes it from the slack and returns who got it."""
    slack, admitted = shares.slack, []
    for number in order:
        key, need = demand.key[number], demand.minimum[number]
        row = first_full(plan, slack, key, need)
        if row >= 0 and not (demand.offered[number] > 0 and patience.bears(key, need, slack)):
            shares.refused[number] = (Refusal.ROW, row, slack[row] // plan.scale)
        else:
            take(plan, slack, key, need)
            shares.target[number] = need
            admitted.append(number)
    return admitted
