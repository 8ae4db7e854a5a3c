"""Every limit with a reason that a person understands. Texts that depend on the tree alone are made once per
site."""

from __future__ import annotations

from functools import lru_cache

from sitectl.allocator.admission import Refusal, Shares
from sitectl.allocator.compiled import CompiledSite
from sitectl.allocator.demand import Demand
from sitectl.allocator.gate import Gate
from sitectl.allocator.headroom import Ceilings, Headroom
from sitectl.allocator.rules import SharingRules
from sitectl.model.limits import Ceiling
from sitectl.model.snapshot import EvseSnapshot
from sitectl.model.station import Obeys


def target_reason(
    plan: CompiledSite,
    demand: Demand,
    room: Headroom,
    ceilings: Ceilings,
    shares: Shares,
    rules: SharingRules,
    number: int,
) -> str:
    """Why this EVSE's fair share is what it is, if no row bounds it: its own cap, or why it got nothing."""
    if number not in shares.refused:
        if number in demand.why_less:
            least = shares.target[number] <= demand.minimum[number]
            return f"its minimum: {demand.why_less[number]}" if least else demand.why_less[number]
        if number in ceilings.evse and ceilings.evse[number][0] <= plan.maximum[number]:
            return ceiling_text(ceilings.evse[number])
        return plan.full_text[number]
    refusal, row, left = shares.refused[number]
    if refusal is Refusal.ROW:
        return _no_room(
            "paused" if demand.offered[number] > 0 else "waiting", plan.row_name[row], left, demand.minimum[number]
        )
    if refusal is Refusal.CAP:
        need = f"{demand.minimum[number] / 10:g} A"
        if number in demand.why_less:
            return f"paused: {demand.why_less[number]}"
        if number in ceilings.evse:
            return f"{ceiling_text(ceilings.evse[number])}, below its minimum of {need}"
        return f"its own maximum {plan.maximum[number] / 10:g} A is below its minimum of {need}"
    if refusal is Refusal.STOPPED:
        circuit = room.stopped[plan.node[number]]
        return f"paused: meter {plan.topology.circuits[circuit].meter} of circuit {circuit} is lost"
    if refusal is Refusal.PAUSED:
        return f"paused: a pause lasts at least {rules.dwell_s:g} s"
    if refusal is Refusal.TURN:
        return f"paused: others have waited longer for {plan.row_name[row]}; its turn comes again"
    return "resting: it draws nothing, and others can use what it would hold; it is tried again every hour"


@lru_cache(maxsize=1024)
def _no_room(verb: str, row: str, left: int, need: int) -> str:
    """Many wait for the same row."""
    return f"{verb}: {row} has {max(left, 0) / 10:g} A left, {need / 10:g} A needed"


def partial_reason(plan: CompiledSite, shares: Shares, gate: Gate, rules: SharingRules, number: int) -> str:
    """Why what goes out is not the share itself: more is not free, or not asked for, or not worth a message."""
    share, offer = shares.target[number], gate.offers[number]
    if number in gate.partial:
        return f"for now: {plan.row_name[gate.partial[number]]} is not free yet for {share / 10:g} A"
    if offer - share >= rules.dead_band_a * 10:
        return f"its fair share is {share / 10:g} A, and nobody needs the rest yet"
    return f"its fair share of {share / 10:g} A, give or take {rules.dead_band_a:g} A"


def ceiling_text(found: tuple[int, Ceiling]) -> str:
    """A ceiling (tenths) with its owner."""
    tenths, ceiling = found
    return f"ceiling of {ceiling.source} {tenths / 10:g} A"


def reserved_reason(evse: EvseSnapshot) -> str:
    """Why an EVSE that takes no part in the sharing is counted at what it is."""
    if evse.obeys in (Obeys.IGNORES, Obeys.UNCONTROLLED):
        return "reserved: it does not follow limits"
    if not evse.online:
        return "reserved: not connected"
    if evse.wants:
        return "reserved: not ready to be told a limit"
    return "no transaction" if evse.counts_a == 0 else "reserved: it may start by itself"


def alarms(plan: CompiledSite, demand: Demand, room: Headroom, ceilings: Ceilings) -> tuple[str, ...]:
    """What cuts alone cannot cure: rows that base load and reserves exceed, and ceilings on things that are not
    here."""
    missing: dict[str, float] = {}
    for name, left, reserved in zip(plan.row_name, room.room, demand.reserved, strict=True):
        if reserved > left:
            missing[name] = max(missing.get(name, 0.0), round((reserved - left) / plan.scale / 10, 1))
    over = [
        f"{name} is {a:g} A over what it may carry before any station that can be limited"
        for name, a in missing.items()
    ]
    unknown = [f"ceiling {c.key} of {c.source} is on nothing that is installed here" for c in ceilings.unknown]
    return (*over, *unknown)
