"""Takes back what a car does not use, by lowering its offer: its draw alone must never count, for it may rise at once.

A car that has drawn at least 3 A less than its offer for 30 s is offered its draw and 2 A more, never less than its
minimum. Only where somebody else is short on a row that it loads: a lower offer is a command, a raise back is another,
and where nobody could use the amperes both would be for nothing (the budget is 40 commands an hour and car).

It gets its share back at once when it comes within 1 A of the lowered offer: the 2 A more are a try that stands all the
time. Who draws less than its minimum has its share back every 5 min for a try besides: some cars begin only at 8, 10 or
13 A, and would never be seen to want more.
"""

from __future__ import annotations

from collections.abc import Mapping

from sitectl.allocator.admission import Refusal, Shares
from sitectl.allocator.compiled import CompiledSite
from sitectl.allocator.demand import Demand
from sitectl.allocator.rules import AllocatorMemory, Reclaimed, SharingRules
from sitectl.model.ids import EvseId

ABOVE_DRAW = 20
"""Tenths of an ampere: so much more than its draw is offered, so that it can be seen to want more."""

PROBE_S = 300.0
RETURN_S = 60.0
"""Who wants more again need not wait for the hold after a cut: that one was not made for a fuse."""


def reclaim(
    plan: CompiledSite, demand: Demand, memory: AllocatorMemory, rules: SharingRules, now: float, step: int
) -> Mapping[EvseId, Reclaimed]:
    """Lower the caps of those who use less than they are offered; returns what the next cycle must know of them."""
    kept: dict[EvseId, Reclaimed] = {}
    if not demand.modest and not memory.reclaimed:
        return kept
    band = round(rules.dead_band_a * 10)
    for number in demand.modest:
        evse, offered = demand.evses[number], demand.offered[number]
        useful = max(demand.minimum[number], -(-int((evse.draws_at_most_a or 0.0) * 10 + ABOVE_DRAW) // step) * step)
        held = memory.reclaimed.get(evse.id)
        if held is not None and (held.transaction != evse.transaction or held.until is not None):
            held = None
        short = not memory.short.isdisjoint(plan.path_rows[demand.key[number]])
        if held is not None:
            if now - held.since >= PROBE_S and (evse.draws_at_most_a or 0.0) * 10 < demand.minimum[number]:
                continue
            if held.cap - useful >= band:
                held = Reclaimed(useful, held.since, held.transaction)
        elif short and offered - useful >= band:
            held = Reclaimed(useful, now, evse.transaction)
        if held is not None:
            kept[evse.id] = held
            least = f"it has drawn at most {evse.draws_at_most_a:.1f} A, and others are short"
            demand.lower(number, max(held.cap, demand.minimum[number]), least)
    return kept | _returning(demand, memory, kept, now)


def _returning(
    demand: Demand, memory: AllocatorMemory, kept: Mapping[EvseId, Reclaimed], now: float
) -> dict[EvseId, Reclaimed]:
    """Those who have their share back: for a while they need not wait for the hold after a cut."""
    back: dict[EvseId, Reclaimed] = {}
    for id, held in memory.reclaimed.items():
        until = now + RETURN_S if held.until is None else held.until
        if id not in kept and now < until:
            back[id] = Reclaimed(held.cap, held.since, held.transaction, until)
    demand.returning.update(back)
    return back


def short_rows(demand: Demand, shares: Shares) -> frozenset[int]:
    """The rows that keep somebody from using more: who waits for a minimum, or uses all that it has.

    Nobody asks while every car uses what it is offered.
    """
    if not demand.modest:
        return frozenset()
    modest = set(demand.modest)
    bound = {row for number, row in shares.bound_by.items() if number not in modest}
    return frozenset(bound | {row for refusal, row, _ in shares.refused.values() if refusal is Refusal.ROW})
