"""What may go out now. Cuts leave at once; a raise uses only what is free while everything that may still be in
force counts.

So reductions always precede the raises that they pay for, whatever gets lost between us and a station.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sitectl.allocator.admission import Shares
from sitectl.allocator.compiled import CompiledSite
from sitectl.allocator.demand import NEVER_OFFERED, Demand, sum_up
from sitectl.allocator.headroom import Headroom
from sitectl.allocator.rules import SharingRules
from sitectl.model.snapshot import SiteSnapshot


@dataclass(slots=True)
class Gate:
    """Offers by EVSE number (tenths), and for raises that got only a part, the row that had no more.

    `free`: per row, what is left beside everything that may be in force, the raises of this cycle included.
    """

    free: list[int]
    offers: dict[int, int] = field(default_factory=dict)
    partial: dict[int, int] = field(default_factory=dict)


def pass_gate(
    plan: CompiledSite, demand: Demand, room: Headroom, shares: Shares, snapshot: SiteSnapshot, rules: SharingRules
) -> Gate:
    """Decide cuts, then raises: higher classes first, then those who have least now."""
    gate = Gate([mine - used for mine, used in zip(room.room, demand.in_force, strict=True)])
    band, step = round(rules.dead_band_a * 10), round(rules.step_a * 10)
    raises: list[tuple[int, int, int]] = []
    small_cuts: list[int] = []
    for number in demand.taking:
        target, offered = shares.target[number], demand.offered[number]
        if target == offered:
            continue
        if offered == NEVER_OFFERED:
            # Up to what it may draw anyway (rounded down, where `force` is rounded up) this is no raise.
            if target <= demand.evses[number].counts_a * 10 + 1e-6:
                gate.offers[number] = target
                continue
        elif target < offered:
            if offered - target >= band or target == 0 or offered > demand.cap[number]:
                gate.offers[number] = target
            else:
                small_cuts.append(number)
            continue
        if snapshot.raises_allowed and _ripe(plan, demand, room, snapshot.at, rules, number, target):
            raises.append((plan.rank[number], max(offered, 0), number))
    if small_cuts:
        short = _short(plan, demand, shares, gate, [number for _, _, number in raises])
        for number in small_cuts:
            if not short.isdisjoint(plan.path_rows[demand.key[number]]):
                gate.offers[number] = shares.target[number]
    raises.sort()
    for _, _, number in raises:
        _raise(plan, demand, shares, gate, number, band, step)
    return gate


def _short(plan: CompiledSite, demand: Demand, shares: Shares, gate: Gate, raises: list[int]) -> set[int]:
    """Rows that are over, or have too little for the raises that are due: there even a small cut is worth its message.

    Without it, many who hold a little more than their share could keep somebody else waiting for ever. What cuts
    under way will set free is reckoned with: a large cut of one is no reason for small ones of everybody.
    """
    wanted = [0] * len(gate.free)
    for number in raises:
        for row in plan.leaf_rows[demand.key[number]]:
            wanted[row] += max(0, shares.target[number] - demand.force[number])
    for number in demand.taking:
        told = gate.offers.get(number, demand.offered[number])
        if NEVER_OFFERED < told < demand.force[number]:
            for row in plan.leaf_rows[demand.key[number]]:
                wanted[row] -= demand.force[number] - told
    sum_up(plan, wanted)
    return {row for row, free in enumerate(gate.free) if free < wanted[row]}


def _ripe(
    plan: CompiledSite, demand: Demand, room: Headroom, now: float, rules: SharingRules, number: int, target: int
) -> bool:
    """Whether a raise is due: circuits settled, holds over, and worth a message."""
    if room.held[plan.node[number]]:
        return False
    if demand.unstarted[number]:
        return True
    offered, evse = demand.offered[number], demand.evses[number]
    if offered >= demand.minimum[number] and target - offered < round(rules.dead_band_a * 10):
        return False
    raised, cut = evse.last_raise_at, evse.last_cut_at
    return (raised is None or now - raised >= rules.raise_hold_s) and (cut is None or now - cut >= rules.cut_hold_s)


def _raise(plan: CompiledSite, demand: Demand, shares: Shares, gate: Gate, number: int, band: int, step: int) -> None:
    """Offer as much of the target as is free on every row, if that is at least the minimum and a raise worth its
    message."""
    path, force, target = plan.path_rows[demand.key[number]], demand.force[number], shares.target[number]
    tightest = min(path, key=gate.free.__getitem__)
    free = gate.free[tightest]
    if free < 0:
        return
    offer = min(target, (force + free) // step * step)
    if offer < target:
        now = demand.offered[number] if demand.offered[number] > 0 else force
        if offer < demand.minimum[number] or (now > 0 and offer - now < band):
            return
        gate.partial[number] = tightest
    gate.offers[number] = offer
    if offer > force:
        for row in path:
            gate.free[row] -= offer - force
