"""Who takes part in the sharing and within which bounds, and what everybody may lawfully draw right now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sitectl.allocator.compiled import PHASE_MASK, CompiledSite, sum_of
from sitectl.allocator.headroom import Ceilings
from sitectl.allocator.rules import AllocatorMemory, Reclaimed
from sitectl.base.errors import InternalError
from sitectl.model.ids import EvseId
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot

NEVER_OFFERED = -1
UNHURRIED = 2


@dataclass(frozen=True, slots=True)
class Demand:
    """One cycle's reading of the EVSEs, flat; lists are by EVSE number, amperes whole tenths.

    * `taking`: numbers of those who want to charge and follow limits; the rest is only reserved.
    * `cap`, `minimum`: the bounds on the step grid. A cap below the minimum leaves nothing but 0.
    * `force`: what it may lawfully draw, the newest offer included; `offered`: that offer, or NEVER_OFFERED.
    * `key`: index into the compiled rows for the phases that it is counted on now.
    * `unstarted`: never offered more than 0 in this transaction.
    * `reserved`, `in_force`: per row, sums of `force` over those who do not take part, and over everybody.
    * `leaning`: where a circuit bounds its imbalance, how many phases are lighter than that of a one-phase car.
    * `urgency`: the class by laxity of those who have a wish, 0 the most urgent; absent: `UNHURRIED`.
    * `modest`: of those who take part, who has drawn less than it is offered for a while.
    * `idle`: of those who take part, who draws nothing of an offer, or drew nothing of its last one.
    * `why_less`: for people, why a cap is lower than the installation and the ceilings say.
    * `returning`: whose limit was lowered for want of use, and who has its share back.
    """

    taking: list[int]
    evses: list[EvseSnapshot]
    cap: list[int]
    minimum: list[int]
    force: list[int]
    offered: list[int]
    key: list[int]
    unstarted: list[bool]
    reserved: list[int]
    in_force: list[int]
    urgency: Mapping[int, int] = field(default_factory=dict)
    modest: list[int] = field(default_factory=list)
    idle: list[int] = field(default_factory=list)
    why_less: dict[int, str] = field(default_factory=dict)
    leaning: dict[int, int] = field(default_factory=dict)
    returning: dict[EvseId, Reclaimed] = field(default_factory=dict)

    def lower(self, number: int, cap: int, why: str) -> None:
        """Bound an EVSE further; a cap that is as low already stays as it is explained."""
        if cap < self.cap[number]:
            self.cap[number] = cap
            self.why_less[number] = why


def read_demand(
    plan: CompiledSite, snapshot: SiteSnapshot, ceilings: Ceilings, memory: AllocatorMemory, step: int
) -> Demand:
    """Read every EVSE once. Currents in force are rounded up to tenths, so that a sum is never taken for less than
    it is."""
    if len(snapshot.evses) != len(plan.ids):
        raise InternalError("the snapshot and the compiled site know different EVSEs")
    evses = [snapshot.evses[id] for id in plan.ids]
    keys: list[int] = []
    offered: list[int] = []
    force: list[int] = []
    taking: list[int] = []
    others: list[int] = []
    modest: list[int] = []
    idle: list[int] = []
    minimum = [-(-a // step) * step for a in plan.minimum] if step > 1 else list(plan.minimum)
    for number, evse in enumerate(evses):  # once: on a large site they do not all stay in the processor's cache
        keys.append(plan.node[number] * 8 + PHASE_MASK[evse.phases])
        told = NEVER_OFFERED if (a := evse.offered_a) is None else int(a * 10 + 0.000001)
        offered.append(told)
        lawful = int(evse.counts_a * 10 + 0.999999)
        force.append(told if told > lawful else lawful)
        if evse.whole:  # who can only be started and stopped takes all it can, or nothing
            minimum[number] = plan.maximum[number] // step * step
        if not (evse.wants and evse.controllable):
            others.append(number)
            continue
        taking.append(number)
        if told > 0 and evse.draws_at_most_a is not None:
            modest.append(number)
        if evse.satisfied or evse.idle_since is not None:
            idle.append(number)
    return Demand(
        taking=taking,
        evses=evses,
        cap=_caps(plan, ceilings, step),
        minimum=minimum,
        force=force,
        offered=offered,
        key=keys,
        unstarted=_unstarted(taking, evses, offered, memory),
        reserved=sum_of(plan, keys, force, others),
        in_force=sum_of(plan, keys, force, range(len(evses))),
        modest=modest,
        idle=idle,
        urgency={plan.index[id]: urgency.rank for id, urgency in snapshot.urgency.items() if id in plan.index},
    )


def _caps(plan: CompiledSite, ceilings: Ceilings, step: int) -> list[int]:
    caps = list(plan.maximum)
    for number, (tenths, _) in ceilings.evse.items():
        caps[number] = min(caps[number], tenths)
    return caps if step == 1 else [a // step * step for a in caps]


def _unstarted(taking: list[int], evses: list[EvseSnapshot], offered: list[int], memory: AllocatorMemory) -> list[bool]:
    """An offer of 0 is a first refusal, not a pause, as long as the same transaction never had more."""
    unstarted = [False] * len(evses)
    for number in taking:
        if offered[number] == NEVER_OFFERED:
            unstarted[number] = True
        elif offered[number] == 0:
            evse = evses[number]
            unstarted[number] = evse.id in memory.unstarted and memory.unstarted[evse.id] == evse.transaction
    return unstarted
