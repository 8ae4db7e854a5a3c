"""The one public function of a control cycle."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from operator import sub

from sitectl.allocator.admission import Shares, admit, candidates
from sitectl.allocator.breaker import Patience, spare_breakers
from sitectl.allocator.compiled import CompiledSite, compile_site
from sitectl.allocator.demand import UNHURRIED, Demand, read_demand
from sitectl.allocator.explain import alarms, partial_reason, target_reason
from sitectl.allocator.gate import Gate, pass_gate
from sitectl.allocator.headroom import Ceilings, Headroom, headroom, read_ceilings
from sitectl.allocator.idle import admit_resting, resting
from sitectl.allocator.imbalance import balanced, leaning, withhold
from sitectl.allocator.reclaim import reclaim, short_rows
from sitectl.allocator.rotation import WAITING, take_turns
from sitectl.allocator.rules import AllocatorMemory, SharingRules
from sitectl.allocator.share import fill
from sitectl.allocator.switching import Switching
from sitectl.allocator.turns import Turns
from sitectl.allocator.weights import weights
from sitectl.model.electrical import ALL_PHASES
from sitectl.model.ids import EvseId
from sitectl.model.limits import Allocation, ChargingLimit, Row
from sitectl.model.snapshot import SiteSnapshot

__all__ = ["AllocatorMemory", "CompiledSite", "SharingRules", "allocate", "compile_site"]


def allocate(
    plan: CompiledSite, snapshot: SiteSnapshot, memory: AllocatorMemory, rules: SharingRules
) -> tuple[Allocation, AllocatorMemory]:
    """Share the site's current for this moment. Pure, deterministic, independent of the order of its inputs.

    `targets` holds everybody who takes part: the fair share by headroom less reserves, as if every command were already
    obeyed. `offers` holds only limits that change now: cuts, and the raises that the gate lets out. A snapshot that is
    not sound (a number that is none, an EVSE or a circuit missing) raises; then, as after a violation that `verify`
    found, `safe_allocation` is what goes out.
    """
    step = round(rules.step_a * 10)
    ceilings = read_ceilings(plan, snapshot)
    room = headroom(plan, snapshot, ceilings)
    demand = read_demand(plan, snapshot, ceilings, memory, step)
    switching = Switching(plan, demand, snapshot.at)
    helpless = alarms(plan, demand, room, ceilings)
    if plan.balanced:
        demand.leaning.update(leaning(plan, demand, snapshot))
    reclaimed = reclaim(plan, demand, memory, rules, snapshot.at, step)
    hot = spare_breakers(plan, snapshot, room, demand)
    patience = Patience(plan, snapshot, room, rules, memory.shortages, memory.borne)
    turns = Turns(plan, demand, memory, rules, snapshot.at)
    rests, weighted = resting(demand, rules, snapshot.at), weights(plan, demand, rules)
    share = partial(
        share_out, plan, demand, room, rules, snapshot.at, patience, turns, step, weights=weighted, rests=rests
    )
    weigh = partial(balanced, plan, demand, snapshot, rules, share)
    shares, roomy = switching.settle(memory, weigh(), weigh) if plan.switching else (weigh(), {})
    gate = pass_gate(plan, demand, room, shares, snapshot, rules, patience.borne, memory.spare_since)
    withheld = withhold(plan, demand, snapshot, rules, gate, shares)
    targets = charging_limits(plan, demand, room, ceilings, shares, rules, switching, memory.targets)
    offers = new_limits(plan, shares, gate, rules, switching, withheld, targets)
    offered, target = demand.offered, shares.target
    unstarted = {
        plan.ids[number]: demand.evses[number].transaction
        for number in demand.taking
        if demand.unstarted[number] and not gate.offers.get(number)
    }
    rows = circuit_rows(plan, demand, room, shares, snapshot)
    credits = turns.credits(n for n, (refusal, _, _) in shares.refused.items() if refusal in WAITING)
    waited_s = turns.waited(credits)
    allocation = Allocation(snapshot.at, targets, offers, rows, (*helpless, *hot), waited_s, rules.share)
    return allocation, AllocatorMemory(
        unstarted=unstarted,
        targets=tuple(targets.values()),
        reclaimed=reclaimed,
        short=short_rows(demand, shares),
        credits=credits,
        promised=frozenset(plan.ids[number] for number in demand.taking if offered[number] <= 0 < target[number]),
        contended=turns.contended(),
        shortages=patience.shortages,
        borne=patience.borne,
        roomy=roomy,
        spare_since=gate.spare_since,
    )


def share_out(
    plan: CompiledSite,
    demand: Demand,
    room: Headroom,
    rules: SharingRules,
    now: float,
    patience: Patience,
    turns: Turns,
    step: int = 1,
    weights: Sequence[int] | None = None,
    rests: Collection[int] = (),
) -> Shares:
    """Admit and fill, in rounds: once for all classes (`minimum-first`), or class by class (`strict-priority`); those
    who rest get what is left."""
    slack = list(map(sub, room.room, demand.reserved))
    shares = Shares([0] * len(plan.ids), slack)
    rounds, last = candidates(plan, demand, room, rules, now, turns, shares, rests)
    for order in rounds:
        admitted = admit(plan, demand, order, shares, patience)
        admitted = take_turns(plan, demand, turns, rules, now, admitted, shares)
        beyond = {row: left for row in patience.shortages if (left := shares.slack[row]) < 0}
        for row in beyond:
            shares.slack[row] = 0  # where minimums do not fit, nobody has more than that
        for alike in classes(plan, demand, admitted):
            fill(plan, demand, alike, shares, step, weights)
        for row, left in beyond.items():
            shares.slack[row] += left
    if last:
        admit_resting(plan, demand, last, shares, step, weights)
    return shares


def classes(plan: CompiledSite, demand: Demand, admitted: Sequence[int]) -> list[list[int]]:
    """Those who are filled together, the first class first: by priority, then by urgency."""
    rank, urgency = plan.rank, demand.urgency
    if plan.ranks == 1 and not urgency:
        return [[*admitted]]
    found: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for number in admitted:
        found[rank[number], urgency.get(number, UNHURRIED)].append(number)
    return [found[alike] for alike in sorted(found)]


def charging_limits(
    plan: CompiledSite,
    demand: Demand,
    room: Headroom,
    ceilings: Ceilings,
    shares: Shares,
    rules: SharingRules,
    switching: Switching,
    before: Sequence[ChargingLimit],
) -> dict[EvseId, ChargingLimit]:
    """The targets with their reasons, for all who take part; values of the last cycle are used again where nothing
    changed."""
    limits: dict[EvseId, ChargingLimit] = {}
    ids, target, bound_by, share_text = plan.ids, shares.target, shares.bound_by, plan.share_text
    last = before if len(before) == len(demand.taking) else (None,) * len(demand.taking)
    for number, old in zip(demand.taking, last, strict=True):
        id, share, phases, row = ids[number], target[number], None, bound_by.get(number)
        if row is not None:
            reason = share_text[row]
        else:
            reason = target_reason(plan, demand, room, ceilings, shares, rules, number)
        if plan.switching:
            phases = switching.phases(number, share)
            reason += ", by one phase, for three do not fit" if number in switching.by_one else ""
        limit = (id, share / 10, reason, phases)
        limits[id] = old if old == limit else tuple.__new__(ChargingLimit, limit)  # by its name it takes twice as long
    return limits


def new_limits(
    plan: CompiledSite,
    shares: Shares,
    gate: Gate,
    rules: SharingRules,
    switching: Switching,
    withheld: Mapping[int, str],
    targets: Mapping[EvseId, ChargingLimit],
) -> dict[EvseId, ChargingLimit]:
    """What goes out now: the targets themselves, or as much of them as may."""
    offers: dict[EvseId, ChargingLimit] = {}
    for number, offer in gate.offers.items():
        evse = plan.ids[number]
        if offer == shares.target[number]:
            offers[evse] = targets[evse]
        else:
            reason = withheld.get(number) or partial_reason(plan, shares, gate, rules, number)
            offers[evse] = ChargingLimit(evse, offer / 10, reason, switching.phases(number, offer))
    return offers


def circuit_rows(
    plan: CompiledSite, demand: Demand, room: Headroom, shares: Shares, snapshot: SiteSnapshot
) -> tuple[Row, ...]:
    """What each circuit has and gives, per phase: `headroom_a` before reserves, of which reserved, of which
    allocated."""
    rows: list[Row] = []
    tenth, free, reserves, slack = plan.scale * 10, room.room, demand.reserved, shares.slack
    for name, node in plan.circuit_node.items():
        base, margin_a = snapshot.circuits[name].base_load_a, plan.topology.circuits[name].reserve_a
        for phase in ALL_PHASES:
            on_phase = plan.rows_of(node, phase)
            first = on_phase[0]
            left, reserved, spare = free[first], reserves[first], slack[first]
            for row in on_phase[1:]:
                reserved, spare = max(reserved, reserves[row]), min(spare, slack[row])
            allocated_a = (left - reserved - spare) / tenth
            rows.append(Row(name, phase, left / tenth, reserved / tenth, allocated_a, base[phase], margin_a))
    return tuple(rows)
