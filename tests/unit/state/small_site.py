"""A small site for the tests of `state` and `site`: a metered root, a garage under it, stations with known wiring."""

from __future__ import annotations

from collections.abc import Iterable

from sitectl.model import events
from sitectl.model.circuit import Circuit, MeterLoss, Topology, topology
from sitectl.model.electrical import ALL_PHASES, PhaseCurrents, PhaseRotation
from sitectl.model.events import Event
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId, TransactionId
from sitectl.model.limits import Offer, OfferKind
from sitectl.model.metering import EvseReading, MeterReading
from sitectl.model.station import (
    ChargingState,
    ConnectorStatus,
    EvsePlan,
    EvseStatus,
    ProfileStorage,
    StationIdentity,
    StationPlan,
)
from sitectl.state.evse import EvseState
from sitectl.state.reduce import reduce
from sitectl.state.site_state import SiteRules, SiteState, initial_state
from sitectl.state.station import StationState

GRID, GARAGE, MAIN = CircuitId("grid"), CircuitId("garage"), MeterId("main")
A, B = StationId("A"), StationId("B")
A1, B1 = EvseId(A, 1), EvseId(B, 1)
MODEL = StationIdentity("Maker", "Model", "1.0")


def plan(
    station: StationId,
    *,
    circuit: CircuitId = GARAGE,
    evses: int = 1,
    fallback_a: float = 6.0,
    rotation: PhaseRotation | None = None,
    storage: ProfileStorage = ProfileStorage.UNKNOWN,
    installed: bool = True,
) -> StationPlan:
    own = tuple(
        EvsePlan(EvseId(station, n), circuit, 32.0, 6.0, rotation or PhaseRotation(ALL_PHASES), fallback_a)
        for n in range(1, evses + 1)
    )
    return StationPlan(station, circuit, 32.0, own, profile_storage=storage, installed=installed)


def site(
    *stations: StationPlan, rated_a: float = 100.0, worst_a: float = 60.0, on_lost: MeterLoss = MeterLoss.STATIC
) -> Topology:
    circuits = {
        GRID: Circuit(GRID, None, rated_a, MAIN, base_load_worst_a=worst_a, on_meter_lost=on_lost),
        GARAGE: Circuit(GARAGE, GRID, 63.0),
    }
    return topology(circuits, {s.id: s for s in stations or (plan(A), plan(B))})


def fresh(topology: Topology | None = None, rules: SiteRules | None = None) -> SiteState:
    return initial_state(topology or site(), rules or SiteRules(meter_intervals_s={MAIN: 1.0}), 0.0)


def after(state: SiteState, happened: Iterable[Event]) -> SiteState:
    for event in happened:
        state = reduce(state, event)
    return state


def arrives(station: StationId, at: float = 0.0, *, identity: StationIdentity = MODEL) -> list[Event]:
    return [events.StationConnected(station, at, "1.6", "10.0.0.1"), events.StationBooted(station, at, identity)]


def fallback(evse: EvseId, seq: int = 1, limit_a: float = 6.0, at: float = 0.0) -> list[Event]:
    offer = Offer(evse, seq, limit_a, OfferKind.FALLBACK, at)
    return [events.LimitOffered(offer), events.LimitAcknowledged(evse, seq, OfferKind.FALLBACK, at)]


def begins(evse: EvseId, name: str = "t1", at: float = 0.0, *, resumed: bool = False) -> Event:
    return events.TransactionStarted(evse, TransactionId(name), at, 4711, resumed=resumed)


def told(evse: EvseId, seq: int, limit_a: float, at: float, lives_s: float = 240.0, error_s: float = 5.0) -> Offer:
    return Offer(evse, seq, limit_a, OfferKind.DYNAMIC, at, at + lives_s - error_s, at + lives_s + error_s, None, 300)


def accepted(offer: Offer, at: float) -> list[Event]:
    return [events.LimitOffered(offer), events.LimitAcknowledged(offer.evse, offer.seq, offer.kind, at)]


def draws(evse: EvseId, at: float, *own: float, phases: int = 3) -> Event:
    values = own if len(own) == 3 else own * 3
    return events.EvseMetered(EvseReading(evse, at, PhaseCurrents(*values), phases))


def meter(at: float, *current_a: float, same_since: float | None = None) -> Event:
    values = current_a if len(current_a) == 3 else current_a * 3
    return events.MeterRead(MeterReading(MAIN, at, PhaseCurrents(*values), unchanged_since=same_since or at))


def says(evse: EvseId, at: float, charging: ChargingState | None, *, preparing: bool = False) -> Event:
    free = charging is None and not preparing
    connector = ConnectorStatus.AVAILABLE if free else ConnectorStatus.OCCUPIED
    return events.EvseStatusChanged(evse, at, EvseStatus(connector, charging, preparing))


def charging(limit_a: float = 16.0, at: float = 0.0) -> SiteState:
    """A runs at `limit_a`, accepted at once; B is idle. Both stations are there with their fallback installed."""
    state = after(fresh(), [*arrives(A), *arrives(B), *fallback(A1), *fallback(B1, 2), begins(A1, at=at)])
    return after(state, accepted(told(A1, 3, limit_a, at), at))


def counts(state: SiteState, evse: EvseId, now: float) -> float:
    return state.evses[evse].counts_a(now, state.stations[evse.station])


def held(state: SiteState, evse: EvseId) -> EvseState:
    return state.evses[evse]


def station(state: SiteState, id: StationId) -> StationState:
    return state.stations[id]
