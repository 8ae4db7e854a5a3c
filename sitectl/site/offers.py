"""From a decision to offers: what leaves at once, what must be on disk first, what is due to be said again.

* A cut leaves at once. So does a first limit that is not above what the EVSE counts at already.
* A raise, and a renewal (it lives longer than what is stored), is on disk before it leaves: a restart must never count
  an EVSE below what its station may lawfully draw. What is stored outlives the offer by one lifetime, so that a cut
  that follows is covered by it, and lives at most as long. Should the disk have failed for so long that it covers
  nothing more, the cut goes down to the fallback, which a restart counts anyway.
* `startSchedule` is the station's own learned clock less 60 s; `duration` counts from there (OCPP 1.6, 3.13.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sitectl.model.commands import InstallFallback, OfferLimit
from sitectl.model.ids import CircuitId
from sitectl.model.limits import Allocation, ChargingLimit, Offer, OfferKind
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot
from sitectl.model.station import Obeys
from sitectl.site.stored import StoredLimits
from sitectl.state import fallback_room, if_dead
from sitectl.state.evse import EvseState
from sitectl.state.lifetime import PAUSE_LIFETIME_S, PAUSE_RENEWED_BEFORE_S, RAM_LIFETIME_S, shortest_persistent_s
from sitectl.state.site_state import SiteState

START_EARLIER_S = 60.0
"""Profiles begin this long before now: some stations take "now" for the future."""

RENEW_BEFORE_S = 60.0
RENEW_RAM_AFTER_S = 120.0
COVERED_LEAST_S = 240.0
"""A limit whose row on disk ends sooner is renewed, so that a cut can always leave at once."""

RENEW_AGAIN_S = 30.0
"""Nothing is renewed sooner, whatever asks for it."""

FALLBACK_RETRY_S = 300.0
FALLBACK_SOON_S, FALLBACK_SOON_TIMES = 45.0, 3
"""One whose answer was lost is asked for again as soon as the call is surely over, but no more than so many times in a
row: until it is accepted the station may fall back to all that it can draw."""

SHORTEST_USE_S = 30.0
"""A limit that would live shorter than this is not worth saying."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An offer ready to leave. `waits`: only after what the disk must say of it is written, and that lasts
    `beyond_s` longer than the offer."""

    command: OfferLimit | InstallFallback
    waits: bool
    beyond_s: float = 0.0

    @property
    def offer(self) -> Offer:
        """The offer inside."""
        return self.command.offer


@dataclass(frozen=True, slots=True)
class Moment:
    """One cycle's view: the picture, the wall clock, and how long limits may live below each circuit."""

    snapshot: SiteSnapshot
    wall: datetime
    lifetimes_s: Mapping[CircuitId, float]


class Kind(Enum):
    """Why something is said, which decides what it waits for."""

    CUT = "cut"
    """Leaves at once, whatever the disk says."""
    AGAIN = "again"
    """The same limit, said again because it may not have arrived: at once where the disk covers it."""
    RENEWAL = "renewal"
    RAISE = "raise"


@dataclass(frozen=True, slots=True)
class Due:
    """One thing to say in this cycle."""

    view: EvseSnapshot
    limit_a: float
    kind: Kind
    phases: int | None = None
    """By how many the EVSE shall charge, where that is said."""


def due(
    moment: Moment, state: SiteState, allocation: Allocation, stored: StoredLimits, *, settling: bool = False
) -> list[Due]:
    """What to say in this cycle, cuts first, what is said again last.

    `settling`: the process has just started. Limits that were lawful before it died still are, so transactions that ran
    through keep theirs until the other stations had time to come back, instead of being cut for them.
    """
    snapshot = moment.snapshot
    cuts: list[Due] = []
    others: list[Due] = []
    for id, limit in allocation.offers.items():
        view = snapshot.evses[id]
        held = view.offered_a if view.offered_a is not None else view.counts_a
        if limit.limit_a > held:
            others.append(Due(view, limit.limit_a, Kind.RAISE, _phases(view, limit)))
        elif not (settling and _keeps_remembered(state.evses[id])):
            cuts.append(Due(view, limit.limit_a, Kind.CUT, _phases(view, limit)))
    for id, view in snapshot.evses.items():
        if view.offered_a is None or not _hears(view) or id in allocation.offers:
            continue
        evse = state.evses[id]
        old = _is_old(evse, view.offered_a, stored, moment)
        if evse.resend or (old and not snapshot.raises_allowed):
            others.append(Due(view, view.offered_a, Kind.AGAIN, view.told_phases))
        elif old:
            others.append(Due(view, view.offered_a, Kind.RENEWAL, view.told_phases))
    return cuts + others


def _phases(view: EvseSnapshot, limit: ChargingLimit) -> int | None:
    """A limit that says nothing of phases keeps what was told: the safe plan must not switch a car that charges."""
    return view.told_phases if limit.phases is None else limit.phases


def _keeps_remembered(evse: EvseState) -> bool:
    return evse.transaction is not None and evse.transaction.resumed and evse.newest_offer is None


def _hears(view: EvseSnapshot) -> bool:
    return view.online and view.transaction is not None and view.obeys is not Obeys.UNCONTROLLED


def _is_old(evse: EvseState, limit_a: float, stored: StoredLimits, moment: Moment) -> bool:
    """Whether a limit is due for renewal: in the station, or on disk."""
    newest, now = evse.newest_offer, moment.snapshot.at
    if newest is None or newest.expires_at is None:
        return False
    age_s = now - newest.offered_at
    if age_s < RENEW_AGAIN_S:
        return False
    if limit_a < evse.plan.fallback_a:
        return newest.expires_at - now <= PAUSE_RENEWED_BEFORE_S
    if newest.expires_at - now <= RENEW_BEFORE_S or (
        newest.lifetime_s <= RAM_LIFETIME_S and age_s >= RENEW_RAM_AFTER_S
    ):
        return True
    return moment.snapshot.raises_allowed and stored.covers_s(newest.evse, limit_a) < COVERED_LEAST_S


def lifetimes(
    state: SiteState, snapshot: SiteSnapshot, force: Mapping[CircuitId, if_dead.InForce]
) -> Mapping[CircuitId, float]:
    """The longest that limits below each circuit may live under the third inequality, clock error included.

    Where that is to be proven, all live as short as they can: what is in force may still grow while they live.
    """
    topology = state.topology
    if state.rules.proven:
        return dict.fromkeys(topology.circuits, 0.0)
    own = {
        id: if_dead.lifetime_s(circuit, force[id], snapshot.circuits[id].measured_base_a, state.rises.get(id))
        for id, circuit in topology.circuits.items()
    }
    return {id: min(own[above] for above in topology.paths[id]) for id in topology.circuits}


def prepare(due: Due, moment: Moment, stored: StoredLimits, seq: int) -> Prepared:
    """Make one offer. What leaves at once lives no longer than the disk covers it."""
    view, limit_a = due.view, due.limit_a
    if view.whole and limit_a <= view.plan.min_a < view.plan.max_a:
        limit_a = 0.0  # less than all is none
    station = moment.snapshot.stations[view.id.station]
    lifetime_s = _lifetime_s(view, limit_a, moment)
    waits = due.kind not in (Kind.CUT, Kind.AGAIN)
    if not waits:
        covered_s = stored.covers_s(view.id, limit_a) + START_EARLIER_S - station.clock_error_s
        if covered_s >= START_EARLIER_S + station.clock_error_s + SHORTEST_USE_S:
            lifetime_s = int(min(lifetime_s, covered_s))
        elif due.kind is Kind.CUT:
            floor_a = stored.floor_a(view.id)
            limit_a = floor_a if floor_a >= view.plan.min_a else 0.0
        else:
            waits = True
    begins = moment.wall + timedelta(seconds=station.skew_s - START_EARLIER_S)
    offer = _offer(due, limit_a, moment.snapshot.at, lifetime_s, station.clock_error_s, seq)
    cut = due.kind is Kind.CUT
    command = OfferLimit(
        offer,
        view.station_transaction_id or 0,
        begins,
        lifetime_s,
        cut=cut,
        form=view.form,
        limit_w=view.plan.limit_w(limit_a),
    )
    return Prepared(command, waits, beyond_s=lifetime_s)


def _lifetime_s(view: EvseSnapshot, limit_a: float, moment: Moment) -> int:
    if limit_a < view.plan.fallback_a:
        return PAUSE_LIFETIME_S
    station = moment.snapshot.stations[view.id.station]
    asked_s = moment.lifetimes_s[view.plan.circuit] - station.clock_error_s
    shortest_s = station.shortest_lifetime_s
    if view.form.lasts and not station.profiles_in_ram:
        shortest_s = max(shortest_s, shortest_persistent_s(len(station.evses)))
    return int(max(shortest_s, min(station.profile_lifetime_s, asked_s)))


def _offer(due: Due, limit_a: float, now: float, lifetime_s: int, clock_error_s: float, seq: int) -> Offer:
    view, lives_s = due.view, lifetime_s - START_EARLIER_S
    lapses = view.form.lapses
    return Offer(
        evse=view.id,
        seq=seq,
        limit_a=limit_a,
        kind=OfferKind.DYNAMIC,
        offered_at=now,
        expires_at=now + lives_s - clock_error_s if lapses else None,
        expires_latest_at=now + lives_s + clock_error_s if lapses else None,
        transaction=view.transaction,
        lifetime_s=lifetime_s,
        lasts=view.form.lasts,
        phases=due.phases,
    )


def fallbacks_due(snapshot: SiteSnapshot, state: SiteState) -> list[EvseSnapshot]:
    """EVSEs whose station should be told its fallback now. Where it is kept in RAM, again with every connection.

    One that rises waits until those that fall have been accepted, so that the sum fits in between too.
    """
    found = []
    for id, view in snapshot.evses.items():
        station = snapshot.stations[id.station]
        installed = view.fallback_installed_a == view.plan.fallback_a
        if not (station.online and station.booted) or (installed and not station.profiles_in_ram):
            continue
        if not view.form.is_profile or (view.form.replaces_fallback and view.wants):
            continue
        asked_at, unanswered = state.evses[id].fallback_asked_at, len(state.evses[id].entry.fallback_offers)
        again_s = FALLBACK_SOON_S if 0 < unanswered < FALLBACK_SOON_TIMES else FALLBACK_RETRY_S
        anew = asked_at is None or (station.connected_at is not None and asked_at < station.connected_at)
        if not (anew or (not installed and asked_at is not None and snapshot.at - asked_at >= again_s)):
            continue
        if view.plan.fallback_a > state.evses[id].entry.fallback_bound_a() and not fallback_room.fits(state, id):
            continue
        found.append(view)
    return found


def prepare_fallback(view: EvseSnapshot, now: float, seq: int) -> Prepared:
    """Make the offer of a fallback. One that rises above what is installed is on disk before it leaves."""
    offer = Offer(view.id, seq, view.plan.fallback_a, OfferKind.FALLBACK, offered_at=now)
    installed = view.fallback_installed_a
    command = InstallFallback(offer, view.form, view.plan.limit_w(view.plan.fallback_a))
    return Prepared(command, waits=installed is not None and view.plan.fallback_a > installed)
