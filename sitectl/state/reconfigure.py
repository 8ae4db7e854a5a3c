"""A changed configuration under a running site: what is known of what stays is kept, the rest begins anew.

What an EVSE may lawfully draw does not change by what we write into a file, so every ledger entry is kept; only what it
counts at when it was never told anything follows the new `max_a`. A station that is no longer listed is a stranger from
now on, and counted as one where strangers are let in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sitectl.model.circuit import Topology
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId
from sitectl.model.ladder import first_rung
from sitectl.model.limits import Ceiling
from sitectl.state.base_load import BaseEstimate
from sitectl.state.evse import EvseState
from sitectl.state.meter import MeterState
from sitectl.state.obedience import on_rung
from sitectl.state.rise import BaseRise
from sitectl.state.site_state import SiteRules, SiteState, initial_state
from sitectl.state.station import StationState, with_traits
from sitectl.state.trip import TripState

COMES_AGAIN_WITHIN_S = 120.0
"""A stranger that gets listed is let go of; stations wait for up to a minute or two before they connect again."""


def reconfigured(
    state: SiteState,
    topology: Topology,
    rules: SiteRules,
    now: float,
    *,
    keeps_strangers: bool,
    new_meters: frozenset[MeterId] = frozenset(),
) -> SiteState:
    """The same site by another configuration. `new_meters`: meters that are other ones now, under the same name."""
    fresh = initial_state(topology, rules, now)
    meters = _meters(state, fresh, new_meters)
    return replace(
        fresh,
        evses=_evses(state, fresh, now),
        stations=_stations(state, fresh, keeps_strangers, now),
        meters=meters,
        bases=_bases(state, fresh, meters),
        rises=_rises(state, fresh, new_meters),
        trips=_trips(state, fresh, meters),
        ceilings=_ceilings(state, topology),
        store_usable=state.store_usable,
        store_why=state.store_why,
    )


def _evses(state: SiteState, fresh: SiteState, fresh_at: float) -> Mapping[EvseId, EvseState]:
    def kept(id: EvseId, new: EvseState) -> EvseState:
        held = state.evses.get(id)
        if held is None:
            return new
        traits = held.ladder.traits
        plan = new.plan if traits.phases else replace(new.plan, switches_phases=False)
        held = replace(held, plan=plan, entry=replace(held.entry, max_a=plan.max_a))
        if (held.ladder.pinned, held.ladder.one_evse) == (new.ladder.pinned, new.ladder.one_evse):
            return held
        ladder = first_rung(new.ladder.pinned, new.ladder.one_evse, traits)
        return replace(on_rung(held, ladder, fresh_at), obeys=new.obeys)

    return {id: kept(id, new) for id, new in fresh.evses.items()}


def _stations(
    state: SiteState, fresh: SiteState, keeps_strangers: bool, now: float
) -> Mapping[StationId, StationState]:
    kept = {}
    for id, new in fresh.stations.items():
        held = state.stations.get(id)
        if held is None:
            kept[id] = new
        elif held.plan is None:
            kept[id] = _listed_now(held, new, now)
        else:
            kept[id] = with_traits(replace(held, plan=new.plan), held.traits)
    if keeps_strangers:
        strangers = (s for id, s in state.stations.items() if id not in kept and (s.plan is None or s.seen))
        kept |= {s.id: replace(s, plan=None) for s in strangers if s.id not in fresh.topology.stations}
    return kept


def _listed_now(stranger: StationState, new: StationState, now: float) -> StationState:
    """It was here, and comes again as who it is now: what was read and told of it as a stranger counts for nothing."""
    if not stranger.seen:
        return new
    back_by = now + COMES_AGAIN_WITHIN_S if stranger.online else 0.0
    return replace(new, seen=True, identity=stranger.identity, offline_since=now, reboot_until=back_by)


def _meters(state: SiteState, fresh: SiteState, new: frozenset[MeterId]) -> Mapping[MeterId, MeterState]:
    return {
        id: meter if id in new or id not in state.meters else replace(state.meters[id], interval_s=meter.interval_s)
        for id, meter in fresh.meters.items()
    }


def _bases(
    state: SiteState, fresh: SiteState, meters: Mapping[MeterId, MeterState]
) -> Mapping[CircuitId, BaseEstimate]:
    """An estimate stands while its meter and what hangs below it are the same."""
    kept = {}
    for id, base in fresh.bases.items():
        before, after = state.topology.circuits.get(id), fresh.topology.circuits[id]
        same_meter = before is not None and before.meter == after.meter
        seen = after.meter is not None and after.meter in meters and meters[after.meter].reading is not None
        same_below = set(state.below.get(id, ())) == set(fresh.below[id])
        kept[id] = state.bases[id] if same_meter and seen and same_below and id in state.bases else base
    return kept


def _trips(state: SiteState, fresh: SiteState, meters: Mapping[MeterId, MeterState]) -> Mapping[CircuitId, TripState]:
    """A breaker stays as warm as it is while it is the same one, behind the same meter."""

    def same(id: CircuitId) -> bool:
        before, after = state.topology.circuits[id], fresh.topology.circuits[id]
        known = after.meter is not None and after.meter in meters and meters[after.meter].reading is not None
        return known and (before.rated_a, before.meter) == (after.rated_a, after.meter)

    return {id: trip for id, trip in state.trips.items() if id in fresh.topology.circuits and same(id)}


def _rises(state: SiteState, fresh: SiteState, new: frozenset[MeterId]) -> Mapping[CircuitId, BaseRise]:
    """What was learned stands while the meter is the same; what hangs below it is no matter of the base load."""

    def kept(id: CircuitId, rise: BaseRise) -> BaseRise:
        before, meter = state.topology.circuits.get(id), fresh.topology.circuits[id].meter
        same = before is not None and before.meter == meter and meter not in new
        return state.rises.get(id, rise) if same else rise

    return {id: kept(id, rise) for id, rise in fresh.rises.items()}


def _ceilings(state: SiteState, topology: Topology) -> Mapping[str, Ceiling]:
    """Those of what is still there; whoever set the others hears of the change too, and says them anew."""

    def lives(ceiling: Ceiling) -> bool:
        of_circuit = ceiling.circuit is not None and ceiling.circuit in topology.circuits
        return of_circuit or (ceiling.evse is not None and ceiling.evse.station in topology.stations)

    return {key: ceiling for key, ceiling in state.ceilings.items() if lives(ceiling)}
