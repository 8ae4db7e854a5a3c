"""What goes out when the allocator fails inside: everybody down to the minimum where that surely fits, else to 0.

Written to be read at one glance and to need nothing of what may just have failed: no compiled rows, no filling, no
gate.
"""

from __future__ import annotations

from math import isfinite

from sitectl.model.circuit import Topology
from sitectl.model.electrical import ALL_PHASES
from sitectl.model.ids import CircuitId, EvseId
from sitectl.model.limits import Allocation, ChargingLimit
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot


def safe_allocation(topology: Topology, snapshot: SiteSnapshot, why: str) -> Allocation:
    """Only cuts: min(what it has now, its minimum) for whom that fits every circuit, 0 for the rest. Never raises.

    `why` becomes the alarm. An EVSE that cannot be cut is counted at what it may lawfully draw.
    """
    try:
        kept = _fitting(topology, snapshot)
    except Exception:  # whatever broke the allocator may lie in the snapshot, and nobody stands behind this one
        kept = {}
    targets = {
        evse.id: ChargingLimit(evse.id, kept.get(evse.id, 0.0), "safe share while the allocator is out of order")
        for evse in snapshot.evses.values()
        if evse.wants and evse.controllable
    }
    offers = {evse: limit for evse, limit in targets.items() if limit.limit_a != snapshot.evses[evse].offered_a}
    return Allocation(snapshot.at, targets, offers, alarms=(f"the fallback plan is in force: {why}",))


def _fitting(topology: Topology, snapshot: SiteSnapshot) -> dict[EvseId, float]:
    """Who may keep its minimum: walked by priority, then id, over what the others count at."""
    room: dict[CircuitId, list[float]] = {}
    for name, circuit in topology.circuits.items():
        bounds = [c.ceiling_a if c.ceiling_a > 0 else 0.0 for c in snapshot.ceilings if c.circuit == name]
        reserve_a = snapshot.quarantine_reserve_a if name == topology.root else 0.0
        rated_a = min([circuit.rated_a, *bounds]) - reserve_a - circuit.reserve_a
        room[name] = [rated_a - base_a for base_a in snapshot.circuits[name].base_load_a]
    posts = {station.id: [station.max_a] * 3 for station in topology.stations.values()}
    kept: dict[EvseId, float] = {}
    for evse in sorted(snapshot.evses.values(), key=lambda e: (e.wants and e.controllable, -e.plan.priority, e.id)):
        path = topology.paths[evse.plan.circuit]
        rows = [*(room[name] for name in path), posts[evse.id.station]]
        phases = evse.phases or ALL_PHASES
        takes = evse.wants and evse.controllable
        need_a = evse.plan.min_a if takes else evse.counts_a
        fits = all(isfinite(row[phase]) and row[phase] >= need_a for row in rows for phase in phases)
        if takes and not (fits and _may_keep(evse, snapshot, path)):
            continue
        for row in rows:
            for phase in phases:
                row[phase] -= need_a
        if takes:
            kept[evse.id] = evse.plan.min_a
    return kept


def _may_keep(evse: EvseSnapshot, snapshot: SiteSnapshot, path: tuple[CircuitId, ...]) -> bool:
    """It has the minimum now (so keeping it raises nothing), no ceiling is lower, and its circuits are not
    stopped."""
    has_a = evse.counts_a if evse.offered_a is None else evse.offered_a
    names = (evse.id, EvseId(evse.id.station, 0))
    ceilings = [ceiling.ceiling_a for ceiling in snapshot.ceilings if ceiling.evse in names]
    return all(a >= evse.plan.min_a for a in (has_a, *ceilings)) and not any(snapshot.circuits[c].stop for c in path)
