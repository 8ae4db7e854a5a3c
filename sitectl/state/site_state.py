"""The one state of the site, and how it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sitectl.model.circuit import Topology
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId
from sitectl.model.ladder import LadderStep, first_rung
from sitectl.model.limits import Ceiling
from sitectl.model.station import EvsePlan, Obeys, StationPlan
from sitectl.state import lifetime
from sitectl.state.base_load import BaseEstimate
from sitectl.state.evse import EvseState, Trace
from sitectl.state.ledger import LimitEntry
from sitectl.state.meter import MeterState
from sitectl.state.rise import BaseRise
from sitectl.state.station import StationState
from sitectl.state.trip import TripState


@dataclass(frozen=True, slots=True)
class SiteRules:
    """What of the configuration the state needs beside the topology."""

    meter_intervals_s: Mapping[MeterId, float] = field(default_factory=dict)
    unknown_reserve_a: float = 32.0
    substitutes: Mapping[MeterId, MeterId] = field(default_factory=dict)
    """Who stands in for whom."""
    station_meters: frozenset[MeterId] = frozenset()
    """Those that add up what stations say: they know nothing of anything else on their circuit."""
    worst_case_meters: frozenset[MeterId] = frozenset()
    """Those, and what is reckoned from them: silent stations count in them with all they may draw, which proves nothing
    of what flows."""
    parts: Mapping[MeterId, tuple[MeterId, ...]] = field(default_factory=dict)
    """Of meters that are reckoned, what they are made of."""
    proven: bool = False
    """Offers are capped so that the third inequality of `if_dead` holds."""


@dataclass(frozen=True, slots=True)
class SiteState:
    """Everything known. Mappings are replaced, never changed.

    `below`: the EVSEs under each circuit; `shortest_s`: the shortest lifetime that all stations under it bear; `trips`:
    how warm the breakers are, of circuits whose meter was read.
    """

    topology: Topology
    rules: SiteRules
    evses: Mapping[EvseId, EvseState]
    stations: Mapping[StationId, StationState]
    meters: Mapping[MeterId, MeterState]
    bases: Mapping[CircuitId, BaseEstimate]
    below: Mapping[CircuitId, tuple[EvseId, ...]]
    shortest_s: Mapping[CircuitId, float]
    trips: Mapping[CircuitId, TripState] = field(default_factory=dict)
    meter_traces: Mapping[MeterId, Trace] = field(default_factory=dict)
    """The last minutes of each meter."""
    ends: tuple[tuple[EvseId, float], ...] = ()
    """Transactions that ended a moment ago, for what is learned of the wiring."""
    ceilings: Mapping[str, Ceiling] = field(default_factory=dict)
    rises: Mapping[CircuitId, BaseRise] = field(default_factory=dict)
    """Of circuits with a meter: how much their base load rises within a time."""
    store_usable: bool = True
    store_why: str = ""


def initial_state(topology: Topology, rules: SiteRules, now: float) -> SiteState:
    """A site of which nothing has been heard: every installed EVSE counts at its `max_a`."""
    plans = topology.evses()
    below: dict[CircuitId, list[EvseId]] = {circuit: [] for circuit in topology.circuits}
    shortest_s = dict.fromkeys(topology.circuits, 0.0)
    for plan in plans.values():
        lasts_s = lifetime.shortest_s(topology.stations[plan.id.station])
        for circuit in topology.paths[plan.circuit]:
            below[circuit].append(plan.id)
            shortest_s[circuit] = max(shortest_s[circuit], lasts_s)
    return SiteState(
        topology=topology,
        rules=rules,
        evses={id: _fresh_evse(plan, topology.stations[id.station]) for id, plan in plans.items()},
        stations={s.id: StationState(s.id, s) for s in topology.stations.values() if s.installed},
        meters={id: MeterState(interval_s, since=now) for id, interval_s in rules.meter_intervals_s.items()},
        bases={c.id: BaseEstimate() for c in topology.circuits.values() if c.meter is not None},
        rises={c.id: BaseRise() for c in topology.circuits.values() if c.meter is not None},
        below={circuit: tuple(evses) for circuit, evses in below.items()},
        shortest_s=shortest_s,
    )


def _fresh_evse(plan: EvsePlan, station: StationPlan) -> EvseState:
    ladder = first_rung(station.control, one_evse=len(station.evses) == 1)
    obeys = Obeys.UNCONTROLLED if station.control is LadderStep.NONE else Obeys.UNKNOWN
    return EvseState(plan, LimitEntry(max_a=plan.max_a), ladder=ladder, obeys=obeys)
