"""Totals of each circuit per phase, for people: what is reserved, what is allocated, what the ceiling is."""

from __future__ import annotations

from collections.abc import Mapping

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import CircuitId, EvseId
from sitectl.model.limits import Allocation, CircuitShare, IfDead
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot
from sitectl.state.site_state import SiteState
from sitectl.state.tree import add_up
from sitectl.state.triangle import no_sums, on_lines, places


def circuit_shares(
    state: SiteState, snapshot: SiteSnapshot, allocation: Allocation, dead: Mapping[CircuitId, IfDead]
) -> Mapping[CircuitId, CircuitShare]:
    """Add up every circuit: allocated to those who share, reserved for everybody else and as margin."""
    topology = state.topology
    ceilings = {id: circuit.rated_a for id, circuit in topology.circuits.items()}
    for ceiling in snapshot.ceilings:
        if ceiling.circuit is not None and ceiling.circuit in ceilings:
            ceilings[ceiling.circuit] = min(ceilings[ceiling.circuit], ceiling.ceiling_a)
    wiring = topology.wiring
    is_triangle = wiring.is_triangle
    allocated = {id: no_sums(wiring) for id in topology.circuits}
    reserved = {id: no_sums(wiring) for id in topology.circuits}
    for id, view in snapshot.evses.items():
        amount, totals = _counted(id, view, allocation, allocated, reserved)
        if amount:
            here = totals[view.plan.circuit]
            for place in places(view.phases, wiring) if is_triangle else view.phases:
                here[place] += amount
    add_up(topology, allocated)
    add_up(topology, reserved)
    unshared: dict[CircuitId, PhaseCurrents] = {}
    for name, circuit in topology.circuits.items():
        unshared_a = circuit.reserve_a + (snapshot.quarantine_reserve_a if name == topology.root else 0.0)
        unshared[name] = PhaseCurrents(unshared_a, unshared_a, unshared_a)
    return {
        id: CircuitShare(
            ceiling_a=PhaseCurrents(*(ceilings[id],) * 3),
            reserved_a=on_lines(reserved[id], wiring).plus(unshared[id]).rounded(),
            allocated_a=on_lines(allocated[id], wiring).rounded(),
            if_dead=dead.get(id),
        )
        for id in topology.circuits
    }


def _counted(
    id: EvseId,
    view: EvseSnapshot,
    allocation: Allocation,
    allocated: dict[CircuitId, list[float]],
    reserved: dict[CircuitId, list[float]],
) -> tuple[float, dict[CircuitId, list[float]]]:
    """What an EVSE takes, and on which account: its own offer where it shares, else what it may draw at most."""
    if not (view.wants and view.controllable):
        return view.counts_a, reserved
    offer = allocation.offers.get(id)
    if offer is not None:
        return offer.limit_a, allocated
    return (view.offered_a if view.offered_a is not None else view.counts_a), allocated
