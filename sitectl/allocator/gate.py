"""What may go out now. Cuts leave at once; a raise uses only what is free while everything that may still be in
force counts.

So reductions always precede the raises that they pay for, whatever gets lost between us and a station.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import sub

from sitectl.allocator.admission import Shares
from sitectl.allocator.compiled import CompiledSite, first_full, sum_up, take, tightest
from sitectl.allocator.cuts import cuts
from sitectl.allocator.demand import NEVER_OFFERED, Demand
from sitectl.allocator.headroom import Headroom
from sitectl.allocator.rules import SharingRules
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot

WHOLE = 10
"""Tenths: a station that rounds up is told whole ampere, so that it draws what is counted."""
RESTLESS = 0.0005
"""Where a breaker was over within the last half hour nobody waits for calm: limits that lay below their shares made
overloads some seconds longer under stress, in two runs of four."""
NOTHING_SPARE: Mapping[int, float] = {}


@dataclass(slots=True)
class Calm:
    """Since when each row has had something to spare; one cycle's use: `seen`, then `holds`."""

    since: Mapping[int, float]
    now: float
    calm_s: float

    def seen(self, spare: Sequence[int], least: int) -> Mapping[int, float]:
        """Take what is to spare now; returns since when it has been so, for the next cycle."""
        before, now = self.since, self.now
        self.since = {row: before.get(row, now) for row, left in enumerate(spare) if left >= least}
        return self.since

    def holds(self, rows: Iterable[int]) -> bool:
        """Whether all these rows have had it for a while."""
        now, since = self.now, self.since
        return all(row in since and now - since[row] >= self.calm_s for row in rows)


@dataclass(slots=True)
class Gate:
    """Offers by EVSE number (tenths), and for raises that got only a part, the row that had no more.

    `free`: per row, what is left for raises beside everything that may be in force, those of this cycle included.
    `spare_since`: since when a row has had a dead band to spare that nobody is waiting for.
    `small`: who may rise to its share now, by less than is worth a message.
    """

    free: list[int]
    offers: dict[int, int] = field(default_factory=dict)
    partial: dict[int, int] = field(default_factory=dict)
    spare_since: Mapping[int, float] = field(default_factory=dict)
    small: list[int] = field(default_factory=list)


def pass_gate(
    plan: CompiledSite,
    demand: Demand,
    room: Headroom,
    shares: Shares,
    snapshot: SiteSnapshot,
    rules: SharingRules,
    strained: Iterable[int] = (),
    spare_since: Mapping[int, float] = NOTHING_SPARE,
) -> Gate:
    """Decide cuts, then raises: higher classes first, then those who have least now; what is left goes out in whole
    dead bands. `strained`: rows through which nothing may rise; `spare_since`: what the last cycle left of it."""
    free = list(map(sub, room.room, demand.in_force))
    band, step = round(rules.dead_band_a * 10), round(rules.step_a * 10)
    raises: list[tuple[int, int, int]] = []
    nearly: list[tuple[int, int, int]] = []
    held: list[int] = []
    lowered: list[int] = []
    wanting: list[int] = []
    targets, offers, minimum, unstarted = shares.target, demand.offered, demand.minimum, demand.unstarted
    evses, rank, node, now = demand.evses, plan.rank, plan.node, snapshot.at
    for number in demand.taking:
        target, offered = targets[number], offers[number]
        if target == offered:
            continue
        # Up to what it may draw anyway (rounded down, where `force` is rounded up) a first offer is no raise.
        if target < offered or (offered == NEVER_OFFERED and target <= evses[number].counts_a * 10 + 1e-6):
            lowered.append(number)
            continue
        wanting.append(number)
        worth = unstarted[number] or offered < minimum[number] or target - offered >= band
        may_rise = snapshot.raises_allowed and not room.held[node[number]]
        if not (may_rise and (unstarted[number] or _ripe(demand, evses[number], now, rules))):
            if worth:
                held.append(number)
        elif worth:
            raises.append((rank[number], offered if offered > 0 else 0, number))
        else:
            nearly.append((rank[number], offered - target, number))
    rising = {number for _, _, number in raises}
    gate = Gate(free, cuts(plan, demand, shares, free, room.over, lowered, wanting, rising, snapshot.at, rules))
    for row, unsure in room.unsure.items():
        free[row] -= unsure
    for row in strained:
        free[row] = min(free[row], 0)
    raises.sort()
    _raise(plan, demand, shares, gate, [number for _, _, number in raises], band, step)
    if nearly:
        nearly.sort()
        restless = any(max(circuit.trips) > RESTLESS for circuit in snapshot.circuits.values())
        calm = Calm(spare_since, snapshot.at, 0.0 if restless else rules.calm_s)
        gate.small = [number for _, _, number in nearly]
        _round_up(plan, demand, shares, gate, gate.small, held, band, step, calm)
    _make_whole(demand, gate)
    return gate


def _make_whole(demand: Demand, gate: Gate) -> None:
    """Put what goes to stations that round up down to whole ampere, where that is not below the minimum."""
    for number, offer in gate.offers.items():
        if demand.evses[number].rounds_up and offer // WHOLE * WHOLE >= demand.minimum[number]:
            gate.offers[number] = offer // WHOLE * WHOLE


def _ripe(demand: Demand, evse: EvseSnapshot, now: float, rules: SharingRules) -> bool:
    """Whether the holds since its last change are over."""
    raised, cut = evse.last_raise_at, evse.last_cut_at
    if raised is not None and now - raised < rules.raise_hold_s:
        return False
    return cut is None or now - cut >= rules.cut_hold_s or evse.id in demand.returning


def _raise(
    plan: CompiledSite, demand: Demand, shares: Shares, gate: Gate, numbers: Iterable[int], band: int, step: int
) -> None:
    """Offer each in turn as much of its target as is free on every row, if that is at least the minimum and a raise
    worth its message."""
    keys, forces, targets, offers, left = demand.key, demand.force, shares.target, gate.offers, gate.free
    for number in numbers:
        key, force, target = keys[number], forces[number], targets[number]
        free, row = tightest(plan, left, key)
        if free < 0:
            continue
        offer = min(target, (force + free) // step * step)
        if offer < target:
            now = demand.offered[number] if demand.offered[number] > 0 else force
            if offer < demand.minimum[number] or (now > 0 and offer - now < band):
                continue
            gate.partial[number] = row
        offers[number] = offer
        if offer > force:
            take(plan, left, key, offer - force)


def _round_up(
    plan: CompiledSite,
    demand: Demand,
    shares: Shares,
    gate: Gate,
    nearly: list[int],
    held: list[int],
    band: int,
    step: int,
    calm: Calm,
) -> None:
    """Many who are each a little below their share leave a lot unused: some of them get a whole dead band, as long as
    nobody else is waiting for it, where it has been to spare for a while. What was offered may lie off the grid, where
    that was another one."""
    band = -(-band // step) * step
    claimed = [0] * len(gate.free)
    for number in held:
        more = shares.target[number] - demand.force[number]
        if more > 0:
            for row in plan.leaf_rows[demand.key[number]]:
                claimed[row] += more
    sum_up(plan, claimed)
    spare = list(map(sub, gate.free, claimed))
    gate.spare_since = calm.seen(spare, band * plan.scale)
    for number in nearly:
        key, offer = demand.key[number], (demand.offered[number] + band) // step * step
        more = max(0, offer - demand.force[number])
        if offer > demand.cap[number] or first_full(plan, spare, key, more) >= 0 or not calm.holds(plan.path_rows[key]):
            continue
        gate.offers[number] = offer
        take(plan, spare, key, more)
        take(plan, gate.free, key, more)
