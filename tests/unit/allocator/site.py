"""Small sites for the allocator's tests, in the words of the configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sitectl.model.circuit import Circuit, Topology, Wiring, topology
from sitectl.model.electrical import ALL_PHASES, Phase, PhaseCurrents, PhaseRotation
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId, TransactionId
from sitectl.model.limits import Ceiling
from sitectl.model.snapshot import CircuitSnapshot, EvseSnapshot, SiteSnapshot
from sitectl.model.station import ChargingState, EvsePlan, StationPlan

ROOT = CircuitId("grid")


def evse_id(name: str) -> EvseId:
    """`A` or `A:2`."""
    station, _, number = name.partition(":")
    return EvseId(StationId(station), int(number or 1))


def phases(text: str) -> tuple[Phase, ...]:
    """`L2L3L1` -> phases in that order; `unknown` -> all."""
    if text == "unknown":
        return ALL_PHASES
    return tuple(Phase[text[at : at + 2]] for at in range(0, len(text), 2))


def build(circuits: Mapping[str, Mapping[str, Any]], stations: Mapping[str, Mapping[str, Any]]) -> Topology:
    """A topology from `{grid: {rated_a}, garage: {parent, rated_a}}` and `{A: {max_a, circuit, phases, evses: 2}}`."""
    tree = {
        CircuitId(name): Circuit(
            CircuitId(name),
            CircuitId(c["parent"]) if "parent" in c else None,
            float(c["rated_a"]),
            meter=MeterId(c["meter"]) if "meter" in c else None,
            reserve_a=float(c.get("reserve_a", 0.0)),
            wiring=Wiring(c.get("wiring", "wye")),
            imbalance_a=float(c["imbalance_a"]) if "imbalance_a" in c else None,
        )
        for name, c in circuits.items()
    }
    plans = {}
    for name, s in stations.items():
        circuit, station = CircuitId(s.get("circuit", ROOT)), StationId(name)
        wiring = s.get("phases", "unknown")
        between = len(wiring) > 2 and tree[ROOT].wiring is not Wiring.WYE
        rotation = PhaseRotation(phases(wiring), known=wiring != "unknown", line_to_line=between)
        fallback, priority = float(s.get("fallback_a", 6)), int(s.get("priority", 1))
        bounds = float(s.get("evse_max_a", s["max_a"])), float(s.get("min_a", 6))
        evses = tuple(
            EvsePlan(
                EvseId(station, n), circuit, *bounds, rotation, fallback, priority, switches_phases="switches" in s
            )
            for n in range(1, int(s.get("evses", 1)) + 1)
        )
        plans[station] = StationPlan(station, circuit, float(s["max_a"]), evses, priority)
    return topology(tree, plans)


def moment(
    site: Topology,
    evses: Mapping[str, Mapping[str, Any]] | None = None,
    base_load_a: Mapping[str, tuple[float, float, float]] | None = None,
    circuits: Mapping[str, Mapping[str, Any]] | None = None,
    ceilings: tuple[Ceiling, ...] = (),
    at: float = 10_000.0,
    **more: Any,
) -> SiteSnapshot:
    """A snapshot in which everybody wants to charge, at its fallback; `evses` (by `A` or `A:2`) says else."""
    said = {evse_id(name): dict(facts) for name, facts in (evses or {}).items()}
    now = {}
    for evse, plan in site.evses().items():
        facts: dict[str, Any] = {
            "wants": True,
            "controllable": True,
            "transaction": TransactionId(f"transaction of {evse}"),
            "phases": tuple(sorted(plan.rotation.phases)),
        }
        facts.update(said.get(evse, {}))
        if "charging_state" in facts:
            facts["charging_state"] = ChargingState(facts["charging_state"])
        facts.setdefault("counts_a", max(plan.fallback_a if facts["wants"] else 0.0, facts.get("offered_a") or 0.0))
        now[evse] = EvseSnapshot(evse, plan, facts.pop("online", True), **facts)
    loads = base_load_a or {}
    here = {
        name: CircuitSnapshot(
            name, PhaseCurrents(*map(float, loads.get(name, (0, 0, 0)))), **(circuits or {}).get(name, {})
        )
        for name in site.circuits
    }
    return SiteSnapshot(at, here, now, {}, {}, ceilings, **more)
