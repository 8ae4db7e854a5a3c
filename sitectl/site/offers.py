"""From a decision to offers: what leaves at once, what must be on disk first, what is due to be said again.

* A cut leaves at once. So does a first limit that is not above what the EVSE counts at already.
* A raise, and a renewal (it lives longer than what is stored), is on disk before it leaves: a restart must never count
  an EVSE below what its station may lawfully draw. What is stored outlives the offer by one lifetime, so that a cut
  that follows is covered by it; if it is not, the cut lives only as long as the stored row.
* `startSchedule` is the station's own learned clock less 60 s; `duration` counts from there (OCPP 1.6, 3.13.3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from sitectl.model.commands import InstallFallback, OfferLimit
from sitectl.model.ids import CircuitId
from sitectl.model.limits import Allocation, Offer, OfferKind, StoredLimit
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot
from sitectl.model.station import Obeys
from sitectl.state import if_dead
from sitectl.state.evse import EvseState
from sitectl.state.site_state import SiteState

START_EARLIER_S = 60.0
"""Profiles begin this long before now: some stations take "now" for the future."""

RENEW_BEFORE_S = 60.0
RENEW_RAM_AFTER_S = 120.0
RAM_LIFETIME_S = 300
FLASH_LIFETIME_S = 1800
SHORTEST_LIFETIME_S = {True: 240, False: 420}
"""By whether profiles are kept in RAM; 420 s keeps renewals in flash below 500 writes a day."""

FALLBACK_RETRY_S = 300.0
WORTH_LOWERING_A = 1.0
SHORTEST_USE_S = 30.0
"""A limit that would live shorter than this is not worth saying."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """An offer ready to leave. `stored`: what the disk must say of it, None if it does already; `waits`: it leaves only
    after that is written."""

    command: OfferLimit | InstallFallback
    stored: StoredLimit | None
    waits: bool

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


def due(snapshot: SiteSnapshot, state: SiteState, allocation: Allocation, *, settling: bool = False) -> list[Due]:
    """What to say in this cycle, cuts first, what is said again last.

    `settling`: the process has just started. Limits that were lawful before it died still are, so transactions that ran
    through keep theirs until the other stations had time to come back, instead of being cut for them.
    """
    cuts: list[Due] = []
    others: list[Due] = []
    for id, limit in allocation.offers.items():
        view = snapshot.evses[id]
        held = view.offered_a if view.offered_a is not None else view.counts_a
        if limit.limit_a > held:
            others.append(Due(view, limit.limit_a, Kind.RAISE))
        elif not (settling and _keeps_remembered(state.evses[id])):
            cuts.append(Due(view, limit.limit_a, Kind.CUT))
    for id, evse in state.evses.items():
        view = snapshot.evses[id]
        if id in allocation.offers or view.offered_a is None or not _hears(view):
            continue
        if evse.resend or (_is_old(view, state, snapshot.at) and not snapshot.raises_allowed):
            others.append(Due(view, view.offered_a, Kind.AGAIN))
        elif _is_old(view, state, snapshot.at):
            others.append(Due(view, view.offered_a, Kind.RENEWAL))
    return cuts + others


def _keeps_remembered(evse: EvseState) -> bool:
    return evse.transaction is not None and evse.transaction.resumed and evse.newest_offer is None


def _hears(view: EvseSnapshot) -> bool:
    return view.online and view.transaction is not None and view.obeys is not Obeys.UNCONTROLLED


def _is_old(view: EvseSnapshot, state: SiteState, now: float) -> bool:
    newest = state.evses[view.id].newest_offer
    if newest is None or newest.expires_at is None:
        return False
    ram_renewal = newest.lifetime_s <= RAM_LIFETIME_S and now - newest.offered_at >= RENEW_RAM_AFTER_S
    return ram_renewal or newest.expires_at - now <= RENEW_BEFORE_S


def lifetimes(state: SiteState, force: Mapping[CircuitId, if_dead.InForce]) -> Mapping[CircuitId, float]:
    """The longest that limits below each circuit may live under the third inequality, clock error not yet counted."""
    topology = state.topology
    own = {
        id: if_dead.lifetime_s(circuit, force[id].lawful_a, 0.0, 1800.0) for id, circuit in topology.circuits.items()
    }
    return {id: min(own[above] for above in topology.paths[id]) for id in topology.circuits}


def prepare(due: Due, moment: Moment, stored: StoredLimit | None, seq: int) -> Prepared:
    """Make one offer. `stored` is what the disk says of this EVSE; None: nothing, so a restart counts its `max_a`.

    What may leave at once lives as long as the disk covers it. A cut that is not covered leaves all the same, with the
    shortest life, and is written while it does.
    """
    view, limit_a = due.view, due.limit_a
    station = moment.snapshot.stations[view.id.station]
    lifetime_s = _lifetime_s(view, moment)
    covered = due.kind in (Kind.CUT, Kind.AGAIN)
    if covered and stored is not None and limit_a > view.plan.fallback_a:
        covered_s = _covered_s(stored, limit_a, moment.wall) + START_EARLIER_S - station.clock_error_s
        covered = covered_s >= START_EARLIER_S + station.clock_error_s + SHORTEST_USE_S
        shortest_s = SHORTEST_LIFETIME_S[station.profile_lifetime_s <= RAM_LIFETIME_S]
        lifetime_s = int(min(lifetime_s, covered_s if covered else shortest_s))
    begins = moment.wall + timedelta(seconds=station.skew_s - START_EARLIER_S)
    offer = _offer(view, limit_a, moment.snapshot.at, lifetime_s, station.clock_error_s, seq)
    command = OfferLimit(offer, view.station_transaction_id or 0, begins, lifetime_s, cut=due.kind is Kind.CUT)
    waits = not covered and due.kind is not Kind.CUT
    return Prepared(command, None if covered else _row(view, offer, moment), waits)


def _lifetime_s(view: EvseSnapshot, moment: Moment) -> int:
    station = moment.snapshot.stations[view.id.station]
    most_s = station.profile_lifetime_s
    shortest_s = SHORTEST_LIFETIME_S[most_s <= RAM_LIFETIME_S]
    return int(max(shortest_s, min(most_s, moment.lifetimes_s[view.plan.circuit] - station.clock_error_s)))


def _covered_s(stored: StoredLimit, limit_a: float, wall: datetime) -> float:
    """How long the row on disk counts this EVSE at no less than `limit_a`."""
    if limit_a > stored.counts_a or stored.expires is None:
        return 0.0
    return (stored.expires - wall).total_seconds()


def _offer(view: EvseSnapshot, limit_a: float, now: float, lifetime_s: int, clock_error_s: float, seq: int) -> Offer:
    lives_s = lifetime_s - START_EARLIER_S
    return Offer(
        evse=view.id,
        seq=seq,
        limit_a=limit_a,
        kind=OfferKind.DYNAMIC,
        offered_at=now,
        expires_at=now + lives_s - clock_error_s,
        expires_latest_at=now + lives_s + clock_error_s,
        transaction=view.transaction,
        lifetime_s=lifetime_s,
    )


def _row(view: EvseSnapshot, offer: Offer, moment: Moment) -> StoredLimit:
    """What the disk must say before this offer leaves. It outlives the offer by one lifetime, to cover later cuts."""
    latest_at = offer.expires_latest_at or offer.offered_at
    return StoredLimit(
        evse=view.id,
        counts_a=max(view.counts_a, offer.limit_a),
        fallback_a=view.fallback_installed_a,
        seq=offer.seq,
        expires=moment.wall + timedelta(seconds=latest_at - offer.offered_at + offer.lifetime_s),
        stored=moment.wall,
        obeys=view.obeys.value,
    )


def fallbacks_due(snapshot: SiteSnapshot, state: SiteState) -> list[EvseSnapshot]:
    """EVSEs whose station should be told its fallback now."""
    found = []
    for id, view in snapshot.evses.items():
        station = snapshot.stations[id.station]
        if not (station.online and station.booted) or view.fallback_installed_a == view.plan.fallback_a:
            continue
        asked_at = state.evses[id].fallback_asked_at
        reconnected = station.connected_at is not None and asked_at is not None and asked_at < station.connected_at
        if asked_at is None or reconnected or snapshot.at - asked_at >= FALLBACK_RETRY_S:
            found.append(view)
    return found


def prepare_fallback(view: EvseSnapshot, moment: Moment, seq: int) -> Prepared:
    """Make the offer of a fallback. One that rises above what is installed is on disk before it leaves."""
    fallback_a = view.plan.fallback_a
    offer = Offer(view.id, seq, fallback_a, OfferKind.FALLBACK, offered_at=moment.snapshot.at)
    installed = view.fallback_installed_a
    if installed is None or fallback_a <= installed:
        return Prepared(InstallFallback(offer), None, waits=False)
    return Prepared(InstallFallback(offer), stored_fallback(view, fallback_a, moment.wall, None, seq), waits=True)


def stored_fallback(
    view: EvseSnapshot, fallback_a: float, wall: datetime, before: StoredLimit | None, seq: int
) -> StoredLimit:
    """The row that keeps an installed fallback; what is stored of the dynamic limit stays as it was."""
    if before is not None:
        return replace(before, fallback_a=fallback_a, seq=max(seq, before.seq), stored=wall)
    expires = wall + timedelta(seconds=2.0 * FLASH_LIFETIME_S)
    return StoredLimit(view.id, view.counts_a, fallback_a, seq, expires, wall, view.obeys.value)


def lowered(view: EvseSnapshot, evse: EvseState, row: StoredLimit, wall: datetime) -> StoredLimit | None:
    """The row that takes the place of one that counts an EVSE noticeably higher than it is; None: it is right.

    Its expiry stays: what was told may last that long, only lower.
    """
    if row.counts_a - view.counts_a < WORTH_LOWERING_A or row.expires is None or row.expires <= wall:
        return None
    if evse.entry.offers or evse.entry.unreleased:
        return None
    return replace(row, counts_a=view.counts_a, stored=wall, obeys=view.obeys.value)
