"""Cars that draw nothing of what they are offered: full ones, mostly. They rest when others can use what they hold.

An offer must be reserved whether it is drawn or not; so a full car that keeps its minimum takes 6 A a phase from those
who are hungry, for hours. Who has drawn nothing for 5 min (and has had its run minimum) comes after all others: it
keeps its minimum only where that is left when everybody else has what he can use, and has it back when that and 3 A
more are left. A resting car is tried again every hour for 90 s, at its minimum where it has charged before: a full one
may warm itself, and one whose timer has run out must be seen to want current. At once it is tried when its station says
that it asks.

Never rested are cars that did not wake after a pause, and what can only be started and stopped: a person would have to
start it again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sitectl.allocator.admission import Refusal, Shares
from sitectl.allocator.compiled import CompiledSite, first_full, take
from sitectl.allocator.demand import Demand
from sitectl.allocator.rules import SharingRules
from sitectl.allocator.share import fill

IDLE_FOR_S = 300.0
"""Who has drawn nothing for so long is taken for full."""
BACK = 30
"""Tenths beyond the minimum that must be left before a resting car has its minimum back: what is left moves."""

TRIED_AGAIN_S = 3600.0
"""Who drew nothing of its last offer is due again only after this time without one."""
TRY_S = 90.0
"""And has it for so long, if it draws nothing again."""


def resting(demand: Demand, rules: SharingRules, now: float) -> Collection[int]:
    """Those who come after all others."""
    found: set[int] = set()
    for number in demand.idle:
        evse = demand.evses[number]
        if evse.whole or evse.sleeps:
            continue
        for_s = now - evse.state_since if evse.state_since is not None else 0.0
        if demand.offered[number] <= 0:
            rests = for_s < TRIED_AGAIN_S
        elif evse.satisfied:
            rests = for_s >= TRY_S and evse.draws_at_most_a is not None
        else:
            rests = for_s >= rules.dwell_s and evse.idle_since is not None and now - evse.idle_since >= IDLE_FOR_S
        if rests:
            found.add(number)
        elif evse.satisfied and evse.taken_wh:
            demand.lower(number, demand.minimum[number], "it has drawn nothing for long, and is tried at its minimum")
    return found


def admit_resting(
    plan: CompiledSite, demand: Demand, order: Sequence[int], shares: Shares, step: int, weights: Sequence[int] | None
) -> None:
    """Give those in order what all others have left."""
    admitted: list[int] = []
    for number in order:
        key, need = demand.key[number], demand.minimum[number]
        row = first_full(plan, shares.slack, key, need if demand.offered[number] > 0 else need + BACK)
        if row >= 0:
            shares.refused[number] = (Refusal.IDLE, row, 0)
        else:
            take(plan, shares.slack, key, need)
            shares.target[number] = need
            admitted.append(number)
    fill(plan, demand, admitted, shares, step, weights)
