"""One EVSE as we hold it: status, transaction, readings, its ledger entry, and what was learned of the car."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sitectl.model.electrical import ALL_PHASES, NO_CURRENT, Phase, PhaseCurrents
from sitectl.model.ids import TransactionId
from sitectl.model.limits import Offer, OfferKind
from sitectl.model.metering import EvseReading
from sitectl.model.station import ChargingState, ConnectorStatus, EvsePlan, EvseStatus, Obeys
from sitectl.state import ledger
from sitectl.state.ledger import LimitEntry
from sitectl.state.lifetime import FLASH_LIFETIME_S
from sitectl.state.station import UNKNOWN_CLOCK_S, StationState

ONE_PHASE_AFTER_S = 30.0
ONE_PHASE_READINGS = 3
PHASE_IN_USE_A = 1.0
"""A car is taken for one-phase after 30 s and three readings with current on its first phase alone."""

REACTION_S = 15.0
ABOVE_FOR_S = 5.0
"""A station still above an accepted limit after 15 s (reaction 5 s and one reading of 10 s) is ignoring it, if one more
reading at least 5 s earlier said so too."""

OBEYS_AGAIN_S = 30.0
"""It is trusted again after being within its limit for this long."""

REFUSED_PAUSE_S = 30.0
REFUSED_PAUSE_MOST_S = 600.0
UNCONTROLLED_AFTER = 3

FOLLOWS_AFTER_S = 8.0
"""A car follows a raise within its reaction (5 s, IEC 61851-1) and a ramp; an earlier reading may not show it."""

READING_LAPSES_S = 60.0
"""A reading this old tells nothing of an EVSE that nobody charges at, or that is cut off and fell back."""


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
    may_rise_from: float | None = None
    """When the car was last set free to draw more: a start, a raise or its acceptance, a pause that ended."""
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
        if self.is_one_phase() and not rotation.line_to_line:
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

    def may_have_risen(self, now: float) -> bool:
        """Whether it may draw more than its newest reading shows, by our own permission."""
        if self.transaction is None:
            return now < self.expected_until
        if self.reading is None:
            return True
        if self.may_rise_from is not None and self.reading.at < self.may_rise_from + FOLLOWS_AFTER_S:
            return True
        held = self.entry.acknowledged
        return any(held is None or offer.limit_a > held.limit_a for offer in self.entry.offers)

    def surely_drawn(self) -> tuple[PhaseCurrents, PhaseCurrents]:
        """On grid phases, what is surely drawn by the newest reading; and the same cut down to what was offered since.

        With unknown wiring that is the smallest phase; a value without phases is surely drawn on the first alone.
        """
        reading = self.reading
        if reading is None or reading.current_a is None:
            return NO_CURRENT, NO_CURRENT
        own = reading.current_a
        if not self.plan.rotation.known:
            least = min(own) if reading.phases == 3 else 0.0
            read = PhaseCurrents(least, least, least)
        else:
            read = self.plan.rotation.to_grid(own if reading.phases else PhaseCurrents(own.l1, 0.0, 0.0))
        newest = self.newest_offer
        if newest is None or newest.offered_at <= reading.at or newest.limit_a >= max(own):
            return read, read
        cut_a = newest.limit_a
        return read, PhaseCurrents(min(read.l1, cut_a), min(read.l2, cut_a), min(read.l3, cut_a))

    def measured_grid(self) -> PhaseCurrents | None:
        """The newest reading on grid phases; with unknown wiring its highest phase on all of them."""
        if self.reading is None or self.reading.current_a is None:
            return None
        if not self.plan.rotation.known:
            highest = max(self.reading.current_a)
            return PhaseCurrents(highest, highest, highest)
        return self.plan.rotation.to_grid(self.reading.current_a)

    def counts_a(self, now: float, station: StationState) -> float:
        """What everybody else must leave free for it: by the ledger, and by whether it may begin without our word."""
        preparing = self.status is not None and self.status.preparing
        start_possible = not station.starts_pass_us or preparing or now < self.expected_until
        unheard = not station.starts_pass_us and not self._confirmed(station)
        return self.entry.counts_a(now, start_possible, unheard)

    def _confirmed(self, station: StationState) -> bool:
        """Whether the station has accepted a limit of this transaction on the connection that it has now: before that,
        another one may run, whose start still waits in the station or on the way."""
        accepted_at, since = self.entry.acknowledged_at, station.connected_at
        return station.online and accepted_at is not None and since is not None and accepted_at >= since

    def changes_at(self, now: float) -> float:
        """Until when time alone changes nothing of what is seen of this EVSE."""
        earliest = self.entry.changes_at(now)
        for at in (self.expected_until, self.refused_until):
            if now < at < earliest:
                earliest = at
        if self.reading is not None and now < self.reading.at + READING_LAPSES_S < earliest:
            earliest = self.reading.at + READING_LAPSES_S
        return earliest


def with_reading(evse: EvseState, reading: EvseReading) -> EvseState:
    """Take a reading: the ledger's measurement, whether the limit is obeyed, and how many phases the car uses.

    One without currents tells nothing of them, and must not make an older one look new.
    """
    if reading.current_a is None:
        return evse
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
        ignoring = at - entry.acknowledged_at >= REACTION_S and at - since >= ABOVE_FOR_S
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
    """Take a status. An unplugged car is forgotten, and where no cable is nothing is drawn."""
    before = evse.status.charging_state if evse.status is not None else None
    evse = replace(evse, status=status)
    if evse.transaction is not None:
        resumed = status.charging_state is ChargingState.CHARGING and before is not ChargingState.CHARGING
        return replace(evse, may_rise_from=at) if resumed else evse
    if status.charging_state in (None, ChargingState.IDLE):
        evse = replace(evse, one_phase_since=None, one_phase_readings=0)
    if status.connector_status is ConnectorStatus.AVAILABLE:
        evse = replace(evse, reading=None, entry=ledger.unmeasured(evse.entry))
    return evse


def with_offer(evse: EvseState, offer: Offer) -> EvseState:
    """Account for an offer that leaves us, and keep when it last rose, fell, paused or resumed."""
    entry = ledger.offered(evse.entry, offer)
    if offer.kind is OfferKind.FALLBACK:
        return replace(evse, entry=entry, fallback_asked_at=offer.offered_at)
    before, at = evse.newest_offer, offer.offered_at
    held_a = before.limit_a if before is not None else entry.fallback_bound_a()
    flips = before is None or (offer.limit_a > 0) != (before.limit_a > 0)
    return replace(
        evse,
        entry=entry,
        newest_offer=offer,
        resend=False,
        last_raise_at=at if before is not None and offer.limit_a > held_a else evse.last_raise_at,
        last_cut_at=at if before is not None and offer.limit_a < held_a else evse.last_cut_at,
        may_rise_from=at if offer.limit_a > held_a else evse.may_rise_from,
        state_since=at if flips else evse.state_since,
    )


def with_acknowledgement(evse: EvseState, seq: int, kind: OfferKind, at: float) -> EvseState:
    """The station accepted an offer. The car may follow a raise from now on, however late the answer came."""
    before = evse.entry.acknowledged
    entry = ledger.acknowledged(evse.entry, seq, kind, at)
    if kind is OfferKind.FALLBACK:
        return replace(evse, entry=entry)
    obeys = Obeys.UNKNOWN if evse.obeys is Obeys.UNCONTROLLED else evse.obeys
    raised = entry.acknowledged is not None and (before is None or entry.acknowledged.limit_a > before.limit_a)
    rises = at if raised else evse.may_rise_from
    return replace(evse, entry=entry, refusals=0, refused_until=0.0, obeys=obeys, may_rise_from=rises)


def with_refusal(evse: EvseState, seq: int, kind: OfferKind, at: float, by_station: bool) -> EvseState:
    """An offer is surely not in force. If it was the newest, what the station accepted last is again.

    A station that says no is asked again after 30 s, then ever more seldom; after three it counts as uncontrolled until
    it accepts one.
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


def with_age(evse: EvseState, now: float, online: bool) -> EvseState:
    """Let time pass. A limit that may have lapsed is no longer held: the next one passes the gate like a first.

    An old reading lapses where nobody charges, and off-line once the fallback holds: nothing newer will come.
    """
    entry = ledger.aged(evse.entry, now, evse.obeys is Obeys.PROVEN)
    reading = evse.reading
    if reading is not None and now - reading.at >= READING_LAPSES_S:
        over = evse.transaction is None or (not online and not entry.dynamic())
        if over:
            entry, reading = ledger.unmeasured(entry), None
    newest = evse.newest_offer
    if newest is not None and newest.expires_at is not None and newest.expires_at <= now:
        return replace(evse, entry=entry, reading=reading, newest_offer=None, resend=False)
    if entry is evse.entry and reading is evse.reading:
        return evse
    return replace(evse, entry=entry, reading=reading)


def with_boot(evse: EvseState, same: bool, keeps_profiles: bool) -> EvseState:
    """The station booted. `same`: it is the device and firmware that was here before; nothing is proven of another."""
    changed = replace(evse, entry=ledger.rebooted(evse.entry, keeps_profiles and same))
    if not (keeps_profiles and same):
        changed = replace(changed, fallback_asked_at=None)
    return changed if same else replace(changed, obeys=Obeys.UNKNOWN, refusals=0)


def with_start(evse: EvseState, running: RunningTransaction, resumed: bool) -> EvseState:
    """A transaction begins (or was found open after a restart, then what was remembered of its limit holds on).

    One that did not follow limits gets another chance with every transaction.
    """
    if evse.transaction is not None and evse.transaction.id == running.id:
        return evse
    entry = _resumed(evse, running.since) if resumed else ledger.begun(evse.entry)
    trusted = resumed or evse.obeys in (Obeys.UNKNOWN, Obeys.PROVEN)
    return replace(
        evse,
        entry=entry,
        transaction=running,
        obeys=evse.obeys if trusted else Obeys.UNKNOWN,
        refusals=0,
        refused_until=0.0,
        may_rise_from=running.since,
        newest_offer=None,
        last_raise_at=None,
        last_cut_at=None,
        state_since=None,
        above_since=None,
        within_since=None,
    )


def _resumed(evse: EvseState, at: float) -> LimitEntry:
    """What was remembered holds on. Where no fallback is remembered, a limit that was told and never stored (because a
    restart counts the maximum anyway) may be in force until it lapses, also after a fallback was accepted."""
    entry = replace(evse.entry, in_transaction=True)
    if entry.fallback_a is not None:
        return entry
    until = at + FLASH_LIFETIME_S + UNKNOWN_CLOCK_S
    told = Offer(evse.plan.id, 0, entry.max_a, OfferKind.DYNAMIC, at, expires_at=at, expires_latest_at=until)
    return ledger.remembered(entry, told, None)


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
        resend=False,
        expected_until=0.0,
        one_phase_since=None,
        one_phase_readings=0,
        above_since=None,
        within_since=None,
    )
