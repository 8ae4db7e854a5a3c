"""One EVSE as we hold it: status, transaction, readings, its ledger entry, and what was learned of the car."""

from __future__ import annotations

from dataclasses import dataclass

from sitectl.model.electrical import ALL_PHASES, NO_CURRENT, Phase, PhaseCurrents
from sitectl.model.ids import TransactionId
from sitectl.model.ladder import FIRST_RUNG, Ladder, LadderStep
from sitectl.model.limits import Offer, OfferKind, Wish
from sitectl.model.metering import EvseReading
from sitectl.model.records import replace
from sitectl.model.station import ChargingState, ConnectorStatus, EvsePlan, EvseStatus, Obeys
from sitectl.state import ledger
from sitectl.state.draw import NOTHING_DRAWN, SELDOM_S, DrawState, with_draw, with_limit, with_register, with_settled
from sitectl.state.ledger import LimitEntry
from sitectl.state.lifetime import FLASH_LIFETIME_S
from sitectl.state.station import UNKNOWN_CLOCK_S, StationState
from sitectl.state.wiring import NO_EVIDENCE, Evidence

Trace = tuple[tuple[float, PhaseCurrents], ...]

FEWER_PHASES_AFTER_S = 30.0
FEWER_PHASES_READINGS = 3
PHASE_IN_USE_A = 1.0
"""A car is taken for one of one phase, or of two, after 30 s and three readings with current on the first alone, or on
the first two alone."""

FOLLOWS_AFTER_S = 8.0
"""A car follows a limit within its reaction (5 s, IEC 61851-1), and a ramp; an earlier reading may not show it."""

ASKS_AFTER_S = 60.0
"""A station that is told to pause a full car changes its status for that; later it is the car that wants current."""

READING_LAPSES_S = 60.0
"""A reading this old tells nothing of an EVSE that nobody charges at, or that is cut off and fell back."""


@dataclass(frozen=True, slots=True)
class RunningTransaction:
    """The transaction on an EVSE. `resumed`: it ran when this process started, under a limit that is remembered."""

    id: TransactionId
    station_transaction_id: int
    since: float
    resumed: bool = False
    id_token: str = ""


@dataclass(frozen=True, slots=True)
class Stopped:
    """A transaction that we have ended for want of current, at a station that can only be stopped: whose it was, when,
    how often it was started again for that reason, and when that was asked for last."""

    id_token: str
    at: float
    times: int = 0
    asked_at: float | None = None


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
    fewer_phases: int = 0
    fewer_since: float | None = None
    fewer_readings: int = 0
    """So many of its first phases alone, 1 or 2, showed a current: since when, and in how many readings."""
    resend: bool = False
    refusals: int = 0
    refused_until: float = 0.0
    ladder: Ladder = FIRST_RUNG
    superseded: tuple[tuple[float, float], ...] = ()
    """Until when (monotonic s) a limit was in force that excuses a high reading, and how high it was (A)."""
    peak_a: float = 0.0
    """The most that was read since it was found to ignore its limit."""
    rounds_up: bool = False
    """Its station makes whole ampere of a limit, the next higher."""
    judged_from: float | None = None
    """When the limit was accepted by which a station that ignored one is judged again."""
    stopped: Stopped | None = None
    stuck_since: float | None = None
    """The first of the readings that stay at the fallback under a higher limit."""
    walked_at: float | None = None
    """When the last profile was found not to work."""
    draw: DrawState = NOTHING_DRAWN
    wish: Wish | None = None
    trace: Trace = ()
    """The newest readings with currents, for what is learned of the wiring."""
    evidence: Evidence = NO_EVIDENCE
    first_phase: Phase | None = None
    """Where its L1 is wired, as it was learned; what the plan says comes first."""
    contradicted: bool = False
    """What was learned of the wiring turned out wrong."""

    def phases(self) -> tuple[Phase, ...]:
        """The grid phases that this EVSE is counted on: all while the wiring is unknown."""
        rotation = self.plan.rotation
        if not rotation.known:
            first = self.learned_phase()
            return ALL_PHASES if first is None else (first,)
        if self.is_told_one_phase():
            return rotation.phases[:1]
        fewer = self.uses_phases()
        return rotation.phases if fewer is None or rotation.line_to_line else rotation.phases[:fewer]

    def is_told_one_phase(self) -> bool:
        """Whether every limit that may be in force lets it charge by its first phase alone, and it shows to do so.

        During a change both count: a limit for three phases is released like any other. A station that can switch has
        no fallback above 0 (the configuration sees to it), so nothing for three phases lies below.
        """
        newest = self.newest_offer
        if not (self.plan.switches_phases and self.ladder.form.is_profile) or newest is None or newest.phases != 1:
            return False
        if self.entry.fallback_bound_a() > 0.0 or any(o.limit_a and o.phases != 1 for o in self.entry.dynamic()):
            return False
        own = None if self.reading is None else self.reading.current_a
        return own is None or max(own[1:]) <= PHASE_IN_USE_A

    def learned_phase(self) -> Phase | None:
        """The one grid phase that the car draws on, where the wiring was learned: a car on its first phase alone."""
        return self.first_phase if not self.plan.rotation.known and self.is_one_phase() else None

    def is_one_phase(self) -> bool:
        """Whether the plugged car has shown to draw on its first phase alone."""
        return self.uses_phases() == 1

    def uses_phases(self) -> int | None:
        """On how many of its first phases alone the plugged car has shown to draw; None: on all, or it is not known."""
        if self.fewer_since is None or self.reading is None or self.fewer_readings < FEWER_PHASES_READINGS:
            return None
        return self.fewer_phases if self.reading.at - self.fewer_since >= FEWER_PHASES_AFTER_S else None

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

    def surely_drawn(self, at: float = 0.0) -> tuple[PhaseCurrents, PhaseCurrents]:
        """On grid phases, what is surely drawn by the newest reading; and the same cut down to what was offered since.
        Where nothing newer came until `at` for a while, a reading from the way down to an offer is cut down, too.

        With unknown wiring that is the smallest phase; a value without phases is surely drawn on the first alone.
        """
        reading = self.reading
        if reading is None or reading.current_a is None:
            return NO_CURRENT, NO_CURRENT
        own = reading.current_a
        if (first := self.learned_phase()) is not None:
            read = _on(first, own.l1, 0.0)
        elif not self.plan.rotation.known:
            least = min(own) if reading.phases == 3 else 0.0
            read = PhaseCurrents(least, least, least)
        else:
            read = self.plan.rotation.to_grid(own if reading.phases else PhaseCurrents(own.l1, 0.0, 0.0))
        newest = self.newest_offer
        way_s = FOLLOWS_AFTER_S if at - reading.at > SELDOM_S else 0.0
        if newest is None or newest.offered_at + way_s <= reading.at or newest.limit_a >= max(own):
            return read, read
        cut_a = newest.limit_a
        return read, PhaseCurrents(min(read.l1, cut_a), min(read.l2, cut_a), min(read.l3, cut_a))

    def measured_grid(self) -> PhaseCurrents | None:
        """The newest reading on grid phases; with unknown wiring its highest phase on all of them."""
        if self.reading is None or self.reading.current_a is None:
            return None
        if (first := self.learned_phase()) is not None:
            return _on(first, self.reading.current_a.l1, max(self.reading.current_a[1:]))
        if not self.plan.rotation.known:
            highest = max(self.reading.current_a)
            return PhaseCurrents(highest, highest, highest)
        return self.plan.rotation.to_grid(self.reading.current_a)

    def counts_a(self, now: float, station: StationState) -> float:
        """What everybody else must leave free for it: by the ledger, and by whether it may begin without our word."""
        preparing = self.status is not None and self.status.preparing
        start_possible = not station.starts_pass_us or preparing or now < self.expected_until
        unheard = not station.starts_pass_us and not self._confirmed(station)
        counts_a = self.entry.counts_a(now, start_possible, unheard)
        if self.rounds_up:
            counts_a = max(counts_a, min(ledger.whole_above_a(counts_a), self.entry.max_a))
        ignores = self.obeys is Obeys.IGNORES and self.transaction is not None
        return max(counts_a, self.peak_a) if ignores else counts_a

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


def _on(phase: Phase, a: float, others_a: float) -> PhaseCurrents:
    """So much on one phase, and so much on each of the others."""
    return PhaseCurrents(*(a if p == phase else others_a for p in ALL_PHASES))


def with_status(evse: EvseState, status: EvseStatus, at: float) -> EvseState:
    """Take a status. An unplugged car is forgotten, and where no cable is nothing is drawn."""
    before = evse.status.charging_state if evse.status is not None else None
    evse = replace(evse, status=status)
    if evse.transaction is not None:
        resumed = status.charging_state is ChargingState.CHARGING and before is not ChargingState.CHARGING
        if before is ChargingState.SUSPENDED_EV and _asks(evse, status, at):
            evse = replace(evse, draw=replace(evse.draw, satisfied=False))
        return replace(evse, may_rise_from=at) if resumed else evse
    if status.charging_state in (None, ChargingState.IDLE):
        evse = replace(evse, fewer_since=None, fewer_readings=0)
    if status.connector_status is ConnectorStatus.AVAILABLE:
        evse = replace(evse, reading=None, entry=ledger.unmeasured(evse.entry), stopped=None)
    return evse


def _asks(evse: EvseState, status: EvseStatus, at: float) -> bool:
    """Whether the station of a paused car says that it is the limit, no more the car, that holds it."""
    asks = status.charging_state in (ChargingState.CHARGING, ChargingState.SUSPENDED_EVSE)
    newest, since = evse.newest_offer, evse.state_since
    if not asks or newest is None or newest.limit_a or since is None:
        return False
    return at - since >= ASKS_AFTER_S


def with_use(evse: EvseState, reading: EvseReading) -> EvseState:
    """Learn from a reading how the car of a transaction uses its offer, and what it took."""
    if evse.transaction is None:
        return evse
    draw = with_register(evse.draw, reading.register_wh)
    if reading.current_a is not None:
        offer_a = None if evse.newest_offer is None else evse.newest_offer.limit_a
        draw = with_draw(draw, max(reading.current_a), reading.at, offer_a)
    return evse if draw is evse.draw else replace(evse, draw=draw)


def with_wish(evse: EvseState, wish: Wish) -> EvseState:
    """Take a wish, unless it was for a transaction that is over."""
    running = None if evse.transaction is None else evse.transaction.id
    if wish.transaction not in (None, running):
        return evse
    return replace(evse, wish=replace(wish, transaction=running))


def with_offer(evse: EvseState, offer: Offer) -> EvseState:
    """Account for an offer that leaves us, and keep when it last rose, fell, paused or resumed."""
    entry = ledger.offered(evse.entry, offer)
    if offer.kind is OfferKind.FALLBACK:
        return replace(evse, entry=entry, fallback_asked_at=offer.offered_at)
    if evse.ladder.form.replaces_fallback:  # in the station it is what holds from now on, with or without us
        entry = ledger.offered(entry, replace(offer, kind=OfferKind.FALLBACK))
    before, at = evse.newest_offer, offer.offered_at
    if offer.phases is not None and (before is None or before.phases != offer.phases):
        evse = replace(evse, fewer_since=None, fewer_readings=0)  # that was our doing, not the car's
    held_a = before.limit_a if before is not None else evse.entry.fallback_bound_a()
    flips = before is None or (offer.limit_a > 0) != (before.limit_a > 0)
    accepted_at = None if evse.entry.offers else evse.entry.acknowledged_at
    draw = with_settled(evse.draw, before, evse.reading, None if accepted_at is None else accepted_at + FOLLOWS_AFTER_S)
    return replace(
        evse,
        entry=entry,
        newest_offer=offer,
        resend=False,
        last_raise_at=at if before is not None and offer.limit_a > held_a else evse.last_raise_at,
        last_cut_at=at if before is not None and offer.limit_a < held_a else evse.last_cut_at,
        may_rise_from=at if offer.limit_a > held_a else evse.may_rise_from,
        state_since=at if flips else evse.state_since,
        draw=with_limit(draw, held_a, offer.limit_a, at),
    )


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
    return changed if same else replace(changed, obeys=Obeys.UNKNOWN, refusals=0, rounds_up=False)


def with_nothing_told(evse: EvseState) -> EvseState:
    """The station has forgotten every limit, its fallback too: it may draw all it can until it is told again."""
    return replace(evse, entry=ledger.forgotten(evse.entry), newest_offer=None, fallback_asked_at=None)


def with_start(
    evse: EvseState, running: RunningTransaction, resumed: bool, meter_start_wh: float | None = None
) -> EvseState:
    """A transaction begins (or was found open after a restart, then what was remembered of its limit holds on).

    One that did not follow limits gets another chance with every transaction.
    """
    if evse.transaction is not None and evse.transaction.id == running.id:
        return evse
    entry = _resumed(evse, running.since) if resumed else ledger.begun(evse.entry)
    never = evse.ladder.form.step is LadderStep.NONE
    trusted = resumed or never or evse.obeys in (Obeys.UNKNOWN, Obeys.PROVEN)
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
        superseded=(),
        peak_a=0.0,
        judged_from=None,
        stuck_since=None,
        draw=DrawState(start_wh=meter_start_wh),
        wish=None if evse.wish is None else replace(evse.wish, transaction=running.id),
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
    told = evse.entry.acknowledged
    if evse.ladder.form.step is LadderStep.START_STOP and told is not None and not told.limit_a:
        evse = replace(evse, ladder=replace(evse.ladder, proven=True))  # it was stopped, and has stopped
    return replace(
        evse,
        entry=ledger.ended(evse.entry),
        transaction=None,
        reading=None,
        newest_offer=None,
        resend=False,
        expected_until=0.0,
        fewer_since=None,
        fewer_readings=0,
        above_since=None,
        within_since=None,
        draw=NOTHING_DRAWN,
        wish=None,
    )
