"""The frozen picture of one moment, made from the state: what the minds decide on and people are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sitectl.model.circuit import Circuit
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId
from sitectl.model.ladder import LadderStep
from sitectl.model.metering import Freshness
from sitectl.model.snapshot import CircuitSnapshot, EvseSnapshot, MeterSnapshot, SiteSnapshot, StationSnapshot
from sitectl.model.station import Obeys
from sitectl.state import lifetime
from sitectl.state.breaker import bearable_ratio
from sitectl.state.evse import EvseState
from sitectl.state.meter import base_for_sharing
from sitectl.state.rise import BaseRise, base_that_may_come
from sitectl.state.rotation import unplaced
from sitectl.state.site_state import SiteState
from sitectl.state.source import shown, source
from sitectl.state.station import UNKNOWN_CLOCK_S, StationState
from sitectl.state.trip import COLD


@dataclass(frozen=True, slots=True)
class EvsePicture:
    """One EVSE as it was seen, and of what: good until that is replaced, at most `until` (monotonic s).

    `lasts_until`: when the last limit above its fallback that may be in force has surely lapsed; in the past if there
    is none.
    """

    evse: EvseState
    station: StationState
    until: float
    lasts_until: float
    view: EvseSnapshot


@dataclass(frozen=True, slots=True)
class Pictures:
    """What was seen in a cycle, to be used again in the next where nothing changed."""

    evses: Mapping[EvseId, EvsePicture]
    stations: Mapping[StationId, tuple[StationState, StationSnapshot]]


NOTHING_SEEN = Pictures({}, {})


def snapshot(state: SiteState, now: float, seen: Pictures = NOTHING_SEEN) -> tuple[SiteSnapshot, Pictures]:
    """See the whole site at `now`; call `reduce.aged` first. `seen`: the pictures of the last cycle."""
    pictures = Pictures(_evses(state, now, seen), _stations(state, seen))
    stations = {id: view for id, (_, view) in pictures.stations.items()}
    quarantined = sum(1 for s in stations.values() if s.quarantined)
    taken = SiteSnapshot(
        at=now,
        circuits={id: _circuit(state, id, now) for id in state.topology.circuits},
        evses={id: picture.view for id, picture in pictures.evses.items()},
        stations=stations,
        meters={id: _meter(state, id, now) for id in state.meters},
        ceilings=tuple(state.ceilings.values()),
        quarantine_reserve_a=quarantined * state.rules.unknown_reserve_a,
        raises_allowed=state.store_usable,
    )
    return taken, pictures


def _evses(state: SiteState, now: float, seen: Pictures) -> Mapping[EvseId, EvsePicture]:
    pictures: dict[EvseId, EvsePicture] = {}
    stations, before = state.stations, seen.evses
    for id, evse in state.evses.items():
        last, station = before.get(id), stations[id.station]
        if last is None or last.evse is not evse or last.station is not station or now >= last.until:
            view = _evse(id, evse, station, now)
            lasts_until = evse.entry.last_expiry_at(now, evse.plan.fallback_a)
            last = EvsePicture(evse, station, evse.changes_at(now), lasts_until, view)
        pictures[id] = last
    return pictures


def _stations(state: SiteState, seen: Pictures) -> Mapping[StationId, tuple[StationState, StationSnapshot]]:
    pictures: dict[StationId, tuple[StationState, StationSnapshot]] = {}
    before = seen.stations
    for id, station in state.stations.items():
        last = before.get(id)
        pictures[id] = last if last is not None and last[0] is station else (station, _station(station))
    return pictures


def _evse(id: EvseId, evse: EvseState, station: StationState, now: float) -> EvseSnapshot:
    entry = evse.entry
    transaction = evse.transaction
    newest = evse.newest_offer
    step = evse.ladder.form.step
    follows = evse.obeys is not Obeys.IGNORES and now >= evse.refused_until and step is not LadderStep.NONE
    counts_a = evse.counts_a(now, station)
    return EvseSnapshot(
        id=id,
        plan=evse.plan,
        online=station.online,
        obeys=evse.obeys,
        connector_status=evse.status.connector_status if evse.status else None,
        charging_state=evse.status.charging_state if evse.status else None,
        preparing=evse.status is not None and evse.status.preparing,
        transaction=transaction.id if transaction else None,
        station_transaction_id=transaction.station_transaction_id if transaction else None,
        transaction_since=transaction.since if transaction else None,
        wants=transaction is not None,
        controllable=station.online and station.booted and follows and transaction is not None,
        phases=evse.phases(),
        counts_a=counts_a,
        offered_a=newest.limit_a if newest else None,
        told_phases=newest.phases if newest else None,
        offer_seq=newest.seq if newest else 0,
        offer_expires_at=newest.expires_at if newest else None,
        acknowledged_a=entry.accepted_a(),
        fallback_installed_a=entry.fallback_a,
        measured_a=evse.measured_grid(),
        measured_at=evse.reading.at if evse.reading else None,
        unplaced_a=unplaced(evse),
        last_raise_at=evse.last_raise_at,
        last_cut_at=evse.last_cut_at,
        state_since=evse.state_since,
        form=evse.ladder.form,
        pinned=evse.ladder.pinned is not None,
        first_phase=evse.first_phase,
        wiring_contradicted=evse.contradicted,
        form_verdict=evse.ladder.verdict(),
        whole=step is LadderStep.START_STOP,
        lasting_a=_lasting_a(evse, counts_a),
        draws_at_most_a=None if step is LadderStep.START_STOP else evse.draw.at_most_a(),
        sleeps=evse.draw.sleeps,
        satisfied=evse.draw.satisfied,
        idle_since=evse.draw.idle_since,
        rounds_up=evse.rounds_up,
        taken_wh=evse.draw.taken_wh(),
        wish=evse.wish,
    )


def _lasting_a(evse: EvseState, counts_a: float) -> float:
    """What it may draw for ever once nobody tells it anything, where that is more than its planned fallback may be."""
    if evse.ladder.traits.forgets:  # the fallback too, as soon as the connection goes
        return evse.plan.max_a
    if evse.entry.lasts_for_ever() or not evse.ladder.form.is_profile:
        return counts_a
    # What its station holds below a limit, whatever the plan says: all that it can draw, where it took no fallback.
    falls_to_a = evse.entry.fallback_bound_a() if evse.entry.dynamic() else 0.0
    return falls_to_a if falls_to_a > evse.plan.fallback_a else 0.0


def _circuit(state: SiteState, id: CircuitId, now: float) -> CircuitSnapshot:
    circuit = state.topology.circuits[id]
    worst = PhaseCurrents(*(circuit.base_load_worst_a,) * 3)
    if circuit.meter is None:
        return CircuitSnapshot(id, base_load_a=worst, measured_base_a=worst)
    substitutes = state.rules.substitutes
    meter = state.meters[source(state.meters, substitutes, circuit.meter, now)]
    estimate = state.bases[id].upper()
    base, stop = base_for_sharing(circuit, meter, estimate, now)
    if state.rules.proven:
        base = _proven_base(circuit, base, state.rises.get(id), state.shortest_s[id] + UNKNOWN_CLOCK_S)
    freshness = meter.state(now)
    known = meter.reading is not None and freshness is not Freshness.LOST
    average = state.bases[id].average_a
    shown_a = shown(state.meters, substitutes, circuit.meter, now) if known else None
    newest, trip = state.bases[id].newest(), state.trips.get(id, COLD)
    if circuit.meter in state.rules.station_meters:
        return CircuitSnapshot(
            id,
            worst,
            shown_a,
            worst,
            freshness,
            trips=trip.used,
            over_since=trip.over_since if known else COLD.over_since,
        )
    return CircuitSnapshot(
        id=id,
        base_load_a=base,
        measured_a=shown_a,
        measured_base_a=newest if known and newest is not None else None,
        meter=freshness,
        settled=(meter.settled(now) and state.bases[id].aligned) or freshness is Freshness.LOST,
        stop=stop,
        unsure_a=state.bases[id].unsure(),
        average_base_a=PhaseCurrents(*average) if known and average is not None else None,
        trips=trip.used,
        over_since=trip.over_since if known else COLD.over_since,
    )


def _proven_base(circuit: Circuit, base: PhaseCurrents, rise: BaseRise | None, lasts_s: float) -> PhaseCurrents:
    """Share as if the base that may come had come, less what the breaker bears until limits lapse: then they are
    proven."""
    bearable_a = (bearable_ratio(lasts_s) - 1.0) * circuit.rated_a
    coming_a = base_that_may_come(circuit, base, rise, lasts_s)
    return PhaseCurrents(*(max(b, coming - bearable_a) for b, coming in zip(base, coming_a, strict=True)))


def _meter(state: SiteState, id: MeterId, now: float) -> MeterSnapshot:
    meter = state.meters[id]
    reading = meter.reading
    freshness = meter.state(now)
    shown = reading if freshness is not Freshness.LOST else None
    return MeterSnapshot(
        id=id,
        state=freshness,
        age_s=now - reading.at if reading else None,
        current_a=shown.current_a if shown else None,
        power_w=shown.power_w if shown else None,
    )


def _station(station: StationState) -> StationSnapshot:
    plan = station.plan
    return StationSnapshot(
        id=StationId(station.id),
        online=station.online,
        ocpp=station.ocpp,
        identity=station.identity,
        quarantined=plan is None,
        obeys=Obeys.UNKNOWN,
        evses=tuple(e.id for e in plan.evses) if plan else (),
        seen=station.seen,
        skew_s=station.skew_s or 0.0,
        clock_error_s=station.clock_error_s(),
        profile_lifetime_s=lifetime.longest_s(plan),
        shortest_lifetime_s=lifetime.shortest_s(plan),
        profiles_in_ram=lifetime.in_ram(plan),
        booted=station.booted,
        connected_at=station.connected_at,
        booted_at=station.booted_at,
        offline_since=station.offline_since,
        reboot_until=station.reboot_until,
        pinned_now=station.pinned_now,
        starts_pass_us=station.starts_pass_us,
    )
