"""One EVSE as we hold it: status, transaction, readings, its ledger entry, and what was learned of the car."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sitectl.model.electrical import ALL_PHASES, NO_CURRENT, Phase, PhaseCurrents
from sitectl.model.ids import TransactionId
from sitectl.model.limits import Offer, OfferKind
from sitectl.model.metering import EvseReading
from sitectl.model.station import ChargingState, EvsePlan, EvseStatus, Obeys
from sitectl.state import ledger
from sitectl.state.ledger import LimitEntry

ONE_PHASE_AFTER_S = 30.0
ONE_PHASE_READINGS = 3
PHASE_IN_USE_A = 1.0
"""A car is taken for one-phase after 30 s and three readings with current on its first phase alone."""

REACTION_S = 15.0
"""A station still above an accepted limit after this long is ignoring it: reaction 5 s and one reading (10 s)."""

OBEYS_AGAIN_S = 30.0
"""It is trusted again after being within its limit for this long."""

REFUSED_PAUSE_S = 30.0
REFUSED_PAUSE_MOST_S = 600.0
UNCONTROLLED_AFTER = 3


@dataclass(frozen=True, slots=True)
class RunningTransaction:
    """The transaction on an EVSE. `resumed`: it ran when this process started, under a limit that is remembered."""

    id: TransactionId
    station_transaction_id: int
    since: float
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class EvseState:
    """Everything held about one EVSE. Replaced as a whole, never changed."""

    plan: EvsePlan
    entry: LimitEntry
    status: EvseStatus | None = None
    transaction: RunningTransaction | None = None
    reading: EvseReading | None = None
    expected_until: float = 0.0
    newest_offer: Offer | None = None
    fallback_asked_at: float | None = None
    last_raise_at: float | None = None
    last_cut_at: float | None = None
    state_since: float | None = None
    obeys: Obeys = Obeys.UNKNOWN
    above_since: float | None = None
    within_since: float | None = None
    one_phase_since: float | None = None
    one_phase_readings: int = 0
    resend: bool = False
    refusals: int = 0
    refused_until: float = 0.0

    def phases(self) -> tuple[Phase, ...]:
        """The grid phases that this EVSE is counted on: all while the wiring is unknown."""
        rotation = self.plan.rotation
        if not rotation.known:
            return ALL_PHASES
        if self.is_one_phase():
            return rotation.phases[:1]
        return rotation.phases

    def is_one_phase(self) -> bool:
        """Whether the plugged car has shown to draw on its first phase alone."""
        if self.one_phase_since is None or self.reading is None:
            return False
        return (
            self.one_phase_readings >= ONE_PHASE_READINGS
            and self.reading.at - self.one_phase_since >= ONE_PHASE_AFTER_S
        )

    def least_drawn(self) -> PhaseCurrents:
        """On grid phases, what is surely drawn: the newest reading, cut down to what was offered since.

        With unknown wiring that is the smallest phase, and nothing where the station does not name phases.
        """
        reading = self.reading
        if reading is None or reading.current_a is None:
            return NO_CURRENT
        own = reading.current_a
        newest = self.newest_offer
        if newest is not None and newest.offered_at > reading.at:
            own = PhaseCurrents(*(min(a, newest.limit_a) for a in own))
        if not self.plan.rotation.known or reading.phases == 0:
            least = min(own) if reading.phases == 3 else 0.0
            return PhaseCurrents(least, least, least)
        return self.plan.rotation.to_grid(own)

    def measured_grid(self) -> PhaseCurrents | None:
        """The newest reading on grid phases; with unknown wiring its highest phase on all of them."""
        if self.reading is None or self.reading.current_a is None:
            return None
        if not self.plan.rotation.known:
            highest = max(self.reading.current_a)
            return PhaseCurrents(highest, highest, highest)
        return self.plan.rotation.to_grid(self.reading.current_a)

    def start_possible(self, now: float, starts_pass_us: bool) -> bool:
        """Whether an idle EVSE may begin to draw without our word, or is about to with it."""
        preparing = self.status is not None and self.status.preparing
        return not starts_pass_us or preparing or now < self.expected_until


def with_reading(evse: EvseState, reading: EvseReading) -> EvseState:
    """Take a reading: the ledger's measurement, whether the limit is obeyed, and how many phases the car uses."""
    if reading.current_a is None:
        return replace(evse, reading=replace(reading, current_a=evse.reading.current_a if evse.reading else None))
    highest = max(reading.current_a)
    before = evse.entry
    entry = ledger.measured(before, highest, reading.at)
    obeyed = _with_obedience(evse, highest, reading.at)
    if before.unreleased and not entry.unreleased and _was_cut_visibly(evse, before):
        obeyed = replace(obeyed, obeys=Obeys.PROVEN, above_since=None)
    return _with_car(replace(obeyed, entry=entry), reading)


def _was_cut_visibly(evse: EvseState, entry: LimitEntry) -> bool:
    """Whether the car drew more than the limit it now keeps: only then is keeping it a proof."""
    held = entry.acknowledged
    return held is not None and evse.entry.measured_a > held.limit_a + ledger.tolerance_a(held.limit_a)


def _with_obedience(evse: EvseState, highest_a: float, at: float) -> EvseState:
    """Judge a reading against the acknowledged limit. Accepted is not proof, and neither is one high reading."""
    entry = evse.entry
    held = entry.acknowledged
    if held is None or entry.offers or entry.acknowledged_at is None:
        return evse
    if highest_a > held.limit_a + ledger.tolerance_a(held.limit_a):
        since = evse.above_since if evse.above_since is not None else at
        ignoring = at - max(entry.acknowledged_at, held.offered_at) >= REACTION_S
        obeys = Obeys.IGNORES if ignoring else evse.obeys
        return replace(evse, above_since=since, within_since=None, obeys=obeys)
    within = evse.within_since if evse.within_since is not None else at
    obeys = evse.obeys
    if obeys is Obeys.IGNORES and at - within >= OBEYS_AGAIN_S:
        obeys = Obeys.UNKNOWN
    return replace(evse, above_since=None, within_since=within, obeys=obeys)


def _with_car(evse: EvseState, reading: EvseReading) -> EvseState:
    """Learn whether the car uses its first phase alone."""
    evse = replace(evse, reading=reading)
    own = reading.current_a
    if own is None or reading.phases == 0 or evse.transaction is None:
        return evse
    if own.l2 > PHASE_IN_USE_A or own.l3 > PHASE_IN_USE_A:
        return replace(evse, one_phase_since=None, one_phase_readings=0)
    if own.l1 <= PHASE_IN_USE_A:
        return evse
    since = evse.one_phase_since if evse.one_phase_since is not None else reading.at
    return replace(evse, one_phase_since=since, one_phase_readings=evse.one_phase_readings + 1)


def with_status(evse: EvseState, status: EvseStatus, at: float) -> EvseState:
    """Take a status. An unplugged car is forgotten."""
    evse = replace(evse, status=status)
    if status.charging_state in (None, ChargingState.IDLE) and evse.transaction is None:
        evse = replace(evse, one_phase_since=None, one_phase_readings=0)
        if not status.preparing and evse.reading is not None and evse.entry.measured_a == 0.0:
            evse = replace(evse, reading=None)
    return evse


def with_offer(evse: EvseState, offer: Offer) -> EvseState:
    """Account for an offer that leaves us, and keep when it last rose, fell, paused or resumed."""
    entry = ledger.offered(evse.entry, offer)
    if offer.kind is OfferKind.FALLBACK:
        return replace(evse, entry=entry, fallback_asked_at=offer.offered_at)
    before = evse.newest_offer
    changed = replace(evse, entry=entry, newest_offer=offer, resend=False)
    if before is None:
        return replace(changed, state_since=offer.offered_at)
    if offer.limit_a > before.limit_a:
        changed = replace(changed, last_raise_at=offer.offered_at)
    elif offer.limit_a < before.limit_a:
        changed = replace(changed, last_cut_at=offer.offered_at)
    if (offer.limit_a > 0) != (before.limit_a > 0):
        changed = replace(changed, state_since=offer.offered_at)
    return changed


def with_acknowledgement(evse: EvseState, seq: int, kind: OfferKind, at: float) -> EvseState:
    """The station accepted an offer."""
    entry = ledger.acknowledged(evse.entry, seq, kind, at)
    if kind is OfferKind.FALLBACK:
        return replace(evse, entry=entry)
    obeys = Obeys.UNKNOWN if evse.obeys is Obeys.UNCONTROLLED else evse.obeys
    return replace(evse, entry=entry, refusals=0, refused_until=0.0, obeys=obeys)


def with_refusal(evse: EvseState, seq: int, kind: OfferKind, at: float, by_station: bool) -> EvseState:
    """An offer is surely not in force. If it was the newest, what the station accepted last is again.

    A station that says no is asked again after 30 s, then ever more seldom; after three it counts as uncontrolled.
    """
    entry = ledger.refused(evse.entry, seq, kind)
    if kind is OfferKind.FALLBACK:
        return replace(evse, entry=entry)
    newest = evse.newest_offer
    if newest is not None and newest.seq == seq:
        newest = entry.offers[-1] if entry.offers else entry.acknowledged
    evse = replace(evse, entry=entry, newest_offer=newest)
    if not by_station:
        return evse
    refusals = evse.refusals + 1
    pause_s = min(REFUSED_PAUSE_S * 2.0 ** (refusals - 1), REFUSED_PAUSE_MOST_S)
    obeys = Obeys.UNCONTROLLED if refusals >= UNCONTROLLED_AFTER else evse.obeys
    return replace(evse, refusals=refusals, refused_until=at + pause_s, obeys=obeys)


def with_doubt(evse: EvseState, seq: int, kind: OfferKind) -> EvseState:
    """Whether an offer is in force is not known: it counts on, and the newest is said again."""
    newest = evse.newest_offer
    if kind is OfferKind.DYNAMIC and newest is not None and newest.seq == seq:
        return replace(evse, resend=True)
    return evse


def with_age(evse: EvseState, now: float) -> EvseState:
    """Let time pass. A limit that may have lapsed is no longer held: the next one passes the gate like a first."""
    entry = ledger.aged(evse.entry, now, evse.obeys is Obeys.PROVEN)
    newest = evse.newest_offer
    if newest is not None and newest.expires_at is not None and newest.expires_at <= now:
        return replace(evse, entry=entry, newest_offer=None, resend=False)
    return evse if entry is evse.entry else replace(evse, entry=entry)


def with_start(evse: EvseState, running: RunningTransaction, resumed: bool) -> EvseState:
    """A transaction begins (or was found open after a restart, then what was remembered of its limit holds on)."""
    entry = replace(evse.entry, in_transaction=True) if resumed else ledger.begun(evse.entry)
    if evse.transaction is not None and evse.transaction.id == running.id:
        return evse
    return replace(
        evse,
        entry=entry,
        transaction=running,
        newest_offer=None,
        last_raise_at=None,
        last_cut_at=None,
        state_since=None,
        above_since=None,
        within_since=None,
    )


def with_end(evse: EvseState, transaction: TransactionId) -> EvseState:
    """The running transaction ended; the end of another one changes nothing."""
    if evse.transaction is None or evse.transaction.id != transaction:
        return evse
    return replace(
        evse,
        entry=ledger.ended(evse.entry),
        transaction=None,
        reading=None,
        newest_offer=None,
        expected_until=0.0,
        one_phase_since=None,
        one_phase_readings=0,
        above_since=None,
        within_since=None,
    )
