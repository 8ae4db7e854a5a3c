"""state + event -> state. One function an event, in one table; an event about something unknown changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from sitectl.model import events
from sitectl.model.events import Event
from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import Offer, OfferKind
from sitectl.model.records import replace
from sitectl.model.station import Obeys
from sitectl.state import evse as evses
from sitectl.state import ledger, obedience, restart, rise, rotation
from sitectl.state.evse import EvseState, RunningTransaction
from sitectl.state.lifetime import in_ram
from sitectl.state.metering import meter_failed, meter_read
from sitectl.state.site_state import SiteState
from sitectl.state.snapshot import NOTHING_SEEN, Pictures
from sitectl.state.station import NOBODY, StationState, with_traits
from sitectl.state.unnamed import placed
from sitectl.state.wiring import NO_EVIDENCE

TOLD_AT_ONCE_S = 60.0
"""A station that is connected for so long has told all that waited, and tells what happens as it happens."""

K = TypeVar("K")
V = TypeVar("V")


def reduce(state: SiteState, event: Event) -> SiteState:
    """Take one event into the state."""
    return _REDUCERS[type(event)](state, event)


def _put(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    changed = dict(mapping)
    changed[key] = value
    return changed


def _evse(state: SiteState, id: EvseId, change: Callable[[EvseState], EvseState]) -> SiteState:
    held = state.evses.get(id)
    if held is None:
        return state
    changed = change(held)
    return state if changed is held else replace(state, evses=_put(state.evses, id, changed))


def _evses_of(state: SiteState, id: EvseId) -> list[EvseId]:
    """The EVSE itself, or all of its station where it says 0."""
    if id.evse != 0:
        return [id]
    station = state.stations.get(id.station)
    return [] if station is None or station.plan is None else [e.id for e in station.plan.evses]


def _station(state: SiteState, id: StationId, change: Callable[[StationState], StationState]) -> SiteState:
    held = state.stations.get(id)
    if held is None:
        return state
    changed = change(held)
    return state if changed is held else replace(state, stations=_put(state.stations, id, changed))


def _each_evse(state: SiteState, station: StationId, change: Callable[[EvseState], EvseState]) -> SiteState:
    for id in _evses_of(state, EvseId(station, 0)):
        state = _evse(state, id, change)
    return state


def _rise_remembered(state: SiteState, event: events.BaseRiseRemembered) -> SiteState:
    if event.circuit not in state.rises:
        return state
    return replace(state, rises=_put(state.rises, event.circuit, rise.remembered(event.days, event.days_ago)))


def _connected(state: SiteState, event: events.StationConnected) -> SiteState:
    state = _station(
        _counted(state, event.station),
        event.station,
        lambda s: replace(
            s,
            online=True,
            seen=True,
            ocpp=event.ocpp,
            address=event.address,
            connected_at=event.at,
            offline_since=None,
            pinned_now=s.pinned_now or event.pinned_now,
        ),
    )
    return _say_again(state, event.station)


def _counted(state: SiteState, station: StationId) -> SiteState:
    """An identity that nobody listed is counted from now on."""
    if station in state.stations:
        return state
    return replace(state, stations=_put(state.stations, station, StationState(station)))


def _say_again(state: SiteState, station: StationId) -> SiteState:
    """After a (re)connect nothing is sure to have arrived: what holds is said again."""
    return _each_evse(state, station, lambda e: replace(e, resend=e.newest_offer is not None, refused_until=0.0))


def _doubted(state: SiteState, event: events.LimitsDoubted) -> SiteState:
    return _say_again(state, event.station)


def _disconnected(state: SiteState, event: events.StationDisconnected) -> SiteState:
    held = state.stations.get(event.station)
    if held is not None and held.traits.forgets:
        state = _each_evse(state, event.station, evses.with_nothing_told)
    return _station(state, event.station, lambda s: replace(s, online=False, connected_at=None, offline_since=event.at))


def _booted(state: SiteState, event: events.StationBooted) -> SiteState:
    def change(station: StationState) -> StationState:
        if event.remembered:
            return replace(station, identity=event.identity, seen=True, booted=True)
        known = replace(station, identity=event.identity, seen=True, booted=True)
        return replace(known, booted_at=event.at, reboot_until=0.0)

    if event.remembered and event.station not in state.topology.stations:
        state = _counted(state, event.station)  # it was here before the restart, and may come again
    before = state.stations.get(event.station)
    state = _station(state, event.station, change)
    if event.remembered or before is None:
        return state
    same = before.identity in (NOBODY, event.identity)
    keeps_profiles = not in_ram(before.plan)
    state = _each_evse(state, event.station, lambda e: evses.with_boot(e, same, keeps_profiles))
    if not same:
        state = _each_evse(state, event.station, lambda e: obedience.with_new_walk(e, event.at))
    return _say_again(state, event.station)


def _reboot_expected(state: SiteState, event: events.RebootExpected) -> SiteState:
    return _station(state, event.station, lambda s: replace(s, reboot_until=event.until))


def _status(state: SiteState, event: events.EvseStatusChanged) -> SiteState:
    if event.evse.evse == 0:
        return state
    return _evse(state, event.evse, lambda e: evses.with_status(e, event.status, event.at))


def _metered(state: SiteState, event: events.EvseMetered) -> SiteState:
    reading = placed(event.reading, state.topology.nominal_voltage_v)
    before = state.evses.get(reading.evse)
    state = _evse(state, reading.evse, lambda e: obedience.with_reading(evses.with_use(e, reading), reading))
    if before is not None and (ladder := state.evses[reading.evse].ladder).proven and not before.ladder.proven:
        state = _each_evse(
            state, reading.evse.station, lambda e: obedience.with_rung_of_neighbour(e, ladder, reading.at)
        )
    return rotation.learned(state, reading.evse)


def _rotation_learned(state: SiteState, event: events.RotationLearned) -> SiteState:
    return _evse(
        state, event.evse, lambda e: replace(e, first_phase=event.first, evidence=NO_EVIDENCE, contradicted=False)
    )


def _start_expected(state: SiteState, event: events.StartExpected) -> SiteState:
    for id in _evses_of(state, event.evse):
        state = _evse(state, id, lambda e: replace(e, expected_until=max(e.expected_until, event.until)))
    return state


def _started(state: SiteState, event: events.TransactionStarted) -> SiteState:
    at, token = event.at, event.id_token
    running = RunningTransaction(event.transaction, event.station_transaction_id, at, event.resumed, token)

    def change(evse: EvseState) -> EvseState:
        if not event.resumed:
            evse = obedience.with_another_chance(evse, event.at)
        began = evses.with_start(evse, running, event.resumed, event.meter_start_wh)
        return restart.with_start(began, at)

    station = state.stations.get(event.evse.station)
    if not event.resumed and station is not None and station.connected_for(TOLD_AT_ONCE_S, event.at):
        state = rotation.with_start(state, event.evse, event.at)
    return _evse(state, event.evse, change)


def _ended(state: SiteState, event: events.TransactionEnded) -> SiteState:
    before = state.evses.get(event.evse)
    state = _evse(state, event.evse, lambda e: restart.with_end(e, evses.with_end(e, event.transaction), event.at))
    changed = before is not None and state.evses[event.evse] is not before
    return rotation.with_end(state, event.evse, event.at) if changed else state


def _start_control(state: SiteState, event: events.StartControlLearned) -> SiteState:
    return _station(state, event.station, lambda s: replace(s, starts_pass_us=event.starts_pass_us))


def _offered(state: SiteState, event: events.LimitOffered) -> SiteState:
    return _evse(state, event.offer.evse, lambda e: evses.with_offer(e, event.offer))


def with_offers(state: SiteState, offers: Iterable[Offer]) -> SiteState:
    """The same as `LimitOffered` for each of them: a thousand at once must not copy the site a thousand times."""
    changed = dict(state.evses)
    for offer in offers:
        held = changed.get(offer.evse)
        if held is not None:
            changed[offer.evse] = evses.with_offer(held, offer)
    return replace(state, evses=changed)


def _acknowledged(state: SiteState, event: events.LimitAcknowledged) -> SiteState:
    return _evse(state, event.evse, lambda e: obedience.with_acknowledgement(e, event.seq, event.kind, event.at))


def with_acknowledgements(state: SiteState, accepted: Iterable[events.LimitAcknowledged]) -> SiteState:
    """The same as each of them by itself, for a thousand at once."""
    changed = dict(state.evses)
    for event in accepted:
        held = changed.get(event.evse)
        if held is not None:
            changed[event.evse] = obedience.with_acknowledgement(held, event.seq, event.kind, event.at)
    return replace(state, evses=changed)


def _refused(state: SiteState, event: events.LimitRefused) -> SiteState:
    return _evse(
        state, event.evse, lambda e: obedience.with_refusal(e, event.seq, event.kind, event.at, event.by_station)
    )


def _unanswered(state: SiteState, event: events.LimitUnanswered) -> SiteState:
    return _evse(state, event.evse, lambda e: obedience.with_doubt(e, event.seq, event.kind))


def _remembered(state: SiteState, event: events.LimitRemembered) -> SiteState:
    offer = Offer(
        evse=event.evse,
        seq=event.seq,
        limit_a=event.counts_a,
        kind=OfferKind.DYNAMIC,
        offered_at=event.at,
        expires_at=event.at,
        expires_latest_at=event.expires_at if event.expires_at is not None else event.at,
    )

    def change(evse: EvseState) -> EvseState:
        # Whoever did not obey is told anew and judged by that: what it may draw until then is on disk.
        obeys = event.obeys if event.obeys is Obeys.PROVEN else evse.obeys
        return replace(evse, entry=ledger.remembered(evse.entry, offer, event.fallback_a), obeys=obeys)

    return _evse(state, event.evse, change)


def _restart_asked(state: SiteState, event: events.RestartAsked) -> SiteState:
    return _evse(state, event.evse, lambda e: restart.with_asking(e, event.at))


def _rung_remembered(state: SiteState, event: events.RungRemembered) -> SiteState:
    station = state.stations.get(event.evse.station)
    if station is None or station.identity != event.identity:
        return state
    return _evse(state, event.evse, lambda e: obedience.with_remembered_rung(e, event.ladder, event.at))


def _traits_learned(state: SiteState, event: events.LimitTraitsLearned) -> SiteState:
    state = _station(state, event.station, lambda s: with_traits(s, event.traits))
    return _each_evse(state, event.station, lambda e: obedience.with_traits(e, event.traits, event.at))


def _walk_ordered(state: SiteState, event: events.WalkOrdered) -> SiteState:
    return _evse(state, event.evse, lambda e: obedience.with_new_walk(e, event.at))


def _ceiling_set(state: SiteState, event: events.CeilingSet) -> SiteState:
    return replace(state, ceilings=_put(state.ceilings, event.ceiling.key, event.ceiling))


def _ceiling_cleared(state: SiteState, event: events.CeilingCleared) -> SiteState:
    return replace(state, ceilings={k: c for k, c in state.ceilings.items() if k != event.key})


def _wish_set(state: SiteState, event: events.WishSet) -> SiteState:
    return _evse(state, event.wish.evse, lambda e: evses.with_wish(e, event.wish))


def _wish_cleared(state: SiteState, event: events.WishCleared) -> SiteState:
    return _evse(state, event.evse, lambda e: replace(e, wish=None))


def _skew(state: SiteState, event: events.ClockSkewLearned) -> SiteState:
    """A limit that was dated by a clock which turns out to be another is said again."""
    before = state.stations.get(event.station)
    state = _station(state, event.station, lambda s: replace(s, skew_s=event.skew_s, skew_sure=event.sure))
    if before is None or abs((before.skew_s or 0.0) - event.skew_s) <= before.clock_error_s():
        return state
    return _say_again(state, event.station)


def _store(state: SiteState, event: events.StoreChanged) -> SiteState:
    return replace(state, store_usable=event.usable, store_why=event.why)


def aged(state: SiteState, now: float, seen: Pictures = NOTHING_SEEN) -> SiteState:
    """Let time pass: expired ceilings go, and the ledger releases and forgets what time alone decides.

    `seen`: the pictures of the last cycle; what has not changed since and lasts until later needs no second look.
    """
    changed: dict[EvseId, EvseState] = {}
    stations, before = state.stations, seen.evses
    for id, evse in state.evses.items():
        last = before.get(id)
        if last is not None and last.evse is evse and last.station is stations[id.station] and now < last.until:
            continue
        older = evses.with_age(evse, now, stations[id.station].online)
        if older is not evse:
            changed[id] = older
    if changed:
        state = replace(state, evses={**state.evses, **changed})
    if any(c.expires_at is not None and c.expires_at <= now for c in state.ceilings.values()):
        live = {k: c for k, c in state.ceilings.items() if c.expires_at is None or c.expires_at > now}
        state = replace(state, ceilings=live)
    return state


_REDUCERS: Mapping[type, Callable[[SiteState, Any], SiteState]] = {
    events.MeterRead: meter_read,
    events.MeterFailed: meter_failed,
    events.StationConnected: _connected,
    events.StationDisconnected: _disconnected,
    events.StationBooted: _booted,
    events.RebootExpected: _reboot_expected,
    events.EvseStatusChanged: _status,
    events.EvseMetered: _metered,
    events.StartExpected: _start_expected,
    events.TransactionStarted: _started,
    events.TransactionEnded: _ended,
    events.StartControlLearned: _start_control,
    events.LimitOffered: _offered,
    events.LimitAcknowledged: _acknowledged,
    events.LimitRefused: _refused,
    events.LimitUnanswered: _unanswered,
    events.LimitRemembered: _remembered,
    events.RotationLearned: _rotation_learned,
    events.RestartAsked: _restart_asked,
    events.RungRemembered: _rung_remembered,
    events.LimitTraitsLearned: _traits_learned,
    events.WalkOrdered: _walk_ordered,
    events.BaseRiseRemembered: _rise_remembered,
    events.CeilingSet: _ceiling_set,
    events.CeilingCleared: _ceiling_cleared,
    events.WishSet: _wish_set,
    events.WishCleared: _wish_cleared,
    events.LimitsDoubted: _doubted,
    events.ClockSkewLearned: _skew,
    events.StoreChanged: _store,
}
