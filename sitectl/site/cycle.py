"""One control cycle: see the site, share the current, check the sharing by another route. Awaits nothing.

If sharing fails inside, or the independent check objects, the safe plan goes out instead: everybody at what surely
fits.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate
from sitectl.allocator.compiled import CompiledSite
from sitectl.allocator.safe import safe_allocation
from sitectl.allocator.verify import verify
from sitectl.model.circuit import Topology
from sitectl.model.ids import CircuitId
from sitectl.model.limits import Allocation, CircuitShare, IfDead
from sitectl.model.snapshot import SiteSnapshot
from sitectl.planner.laxity import urgencies
from sitectl.site.shares import circuit_shares
from sitectl.state.if_dead import InForce, if_dead, in_force
from sitectl.state.reduce import aged
from sitectl.state.site_state import SiteState
from sitectl.state.snapshot import NOTHING_SEEN, Pictures
from sitectl.state.snapshot import snapshot as take_snapshot

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Basis:
    """What a cycle decided by beside the snapshot: the tree, the rules, and what was remembered before it."""

    compiled: CompiledSite
    rules: SharingRules
    memory: AllocatorMemory


@dataclass(frozen=True, slots=True)
class Decision:
    """What one cycle saw and decided, and by what."""

    snapshot: SiteSnapshot
    allocation: Allocation
    force: Mapping[CircuitId, InForce]
    shares: Mapping[CircuitId, CircuitShare]
    memory: AllocatorMemory
    pictures: Pictures
    violations: tuple[str, ...] = ()
    basis: Basis | None = None


def look(state: SiteState, now: float, pictures: Pictures = NOTHING_SEEN) -> tuple[SiteSnapshot, Pictures]:
    """See the site, and what the wishes come to."""
    seen, pictures = take_snapshot(state, now, pictures)
    return with_urgency(seen, state.topology), pictures


def decide(
    state: SiteState,
    compiled: CompiledSite,
    memory: AllocatorMemory,
    rules: SharingRules,
    now: float,
    pictures: Pictures = NOTHING_SEEN,
) -> tuple[SiteState, Decision]:
    """Decide for the site at `now`; also returns the state with the time that passed. `pictures`: the last cycle's."""
    state = aged(state, now, pictures)
    seen, pictures = look(state, now, pictures)
    basis = Basis(compiled, rules, memory)
    allocation, memory, violations = share(basis, seen)
    if violations:
        log.error("the safe plan goes out: %s", "; ".join(violations[:5]))
    force = in_force(state.topology, seen, pictures)
    dead: dict[CircuitId, IfDead] = {
        id: if_dead(circuit, force[id], seen.circuits[id].measured_base_a, state.rises.get(id))
        for id, circuit in state.topology.circuits.items()
    }
    shares = circuit_shares(state, seen, allocation, dead)
    return state, Decision(seen, allocation, force, shares, memory, pictures, violations, basis)


def with_urgency(seen: SiteSnapshot, topology: Topology) -> SiteSnapshot:
    """The same with what the wishes in it come to."""
    urgency = urgencies(seen, topology.nominal_voltage_v)
    return replace(seen, urgency=urgency) if urgency else seen


def share(basis: Basis, seen: SiteSnapshot) -> tuple[Allocation, AllocatorMemory, tuple[str, ...]]:
    """The allocation and what to remember of it; or the safe one, with the reasons why."""
    topology = basis.compiled.topology
    try:
        allocation, memory_after = allocate(basis.compiled, seen, basis.memory, basis.rules)
        violations = tuple(verify(topology, seen, allocation.offers))
    except Exception as error:  # the fuse comes before the cause: cut now, complain after
        log.exception("sharing failed")
        violations = (f"sharing failed: {error!r}",)
    if not violations:
        return allocation, memory_after, ()
    return safe_allocation(topology, seen, violations[0]), basis.memory, violations
