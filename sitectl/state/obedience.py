"""Whether an EVSE keeps the limits that its station accepted, and which rung of the ladder it stands on because of it.

* Accepted is no proof, and one high reading is no disobedience. A limit is kept, at the latest, by the first reading
  15 s after it was accepted; whoever is above it then, and was in an earlier reading too, ignores it. What was in force
  until then excuses it, also where limits follow one another closely.
* Who is above it by less than the next whole ampere rounds up, and is counted there: no form of a limit would mend
  that. From then on it is told whole ampere.
* It is told once more, then in another form, step by step down the ladder. Meanwhile nobody counts on it: it is
  reserved at the highest that it was seen to draw.
* A form is proven when a car that drew more than a limit is seen to keep it, near to it: one that happens to be full in
  that moment proves nothing.
* Who refuses a form is asked again soon, then in another form.
* A car that stays at its fallback for a minute under a limit that is higher may stand at a station that ignores
  TxProfiles and obeys its TxDefaultProfile: once, the limit is told by one of those.
* Below all profiles it is started and stopped, then not controlled at all: it counts at its `max_a`.
"""

from __future__ import annotations

from sitectl.model.electrical import ALL_PHASES, PhaseCurrents
from sitectl.model.ladder import FormVerdict, Ladder, LadderStep, LimitTraits, first_rung
from sitectl.model.limits import OfferKind
from sitectl.model.metering import EvseReading
from sitectl.model.records import replace
from sitectl.model.station import EvsePlan, Obeys
from sitectl.state import ledger
from sitectl.state.evse import PHASE_IN_USE_A, EvseState
from sitectl.state.ledger import LimitEntry

REACTION_S = 15.0
ABOVE_FOR_S = 5.0
"""A station still above an accepted limit after 15 s (reaction 5 s and one reading of 10 s) is ignoring it, if one more
reading at least 5 s earlier said so too."""

ROUNDED_WITHIN_A = 0.2
"""What a reading may be above a whole ampere and still be that of a station that rounds up."""

OBEYS_AGAIN_S = 30.0
"""It is trusted again after being within its limit for this long."""

NEAR_A = 2.0
NEAR = 0.25
"""A car that is cut draws at most so much less than its limit."""

STUCK_FOR_S = 60.0
STUCK_ABOVE_A = 1.5
STUCK_WITHIN_A = 1.2
"""A car that is held at a fallback draws it, less what cars leave (IEC 61851-1 tolerance and up to 1 A)."""

REFUSED_PAUSE_S = 30.0
REFUSED_PAUSE_MOST_S = 600.0
REFUSED_SOON_S = 2.0
REFUSED_NEW, REFUSED_KNOWN = 2, 3
"""Refusals in a row after which another form is tried: of one that was never accepted, and of one that was."""

TRACE = 8
"""Readings that are kept of an EVSE."""

BEFORE_STOP_S = 5.0
"""Time for whoever lowered its limit only to walk the ladder to step aside: it may be stopped next."""

WALK_AGAIN_S = 86_400.0
"""A station for which no profile works gets another chance with the first transaction after a day."""


def with_reading(evse: EvseState, reading: EvseReading) -> EvseState:
    """Take a reading: the ledger's measurement, whether the limit is obeyed, and how many phases the car uses.

    One without currents tells nothing of them, and must not make an older one look new.
    """
    reading = _on_the_grid(evse.plan, reading)
    if reading.current_a is None:
        return evse
    highest = max(reading.current_a)
    before = evse.entry
    entry = ledger.measured(before, highest, reading.at)
    judged = _judged(evse, highest, reading.at)
    if judged.ladder is evse.ladder and before.unreleased and not entry.unreleased and _was_cut(evse, before, highest):
        ladder = replace(judged.ladder, accepted=True, proven=True, resent=False)
        judged = replace(judged, obeys=Obeys.PROVEN, above_since=None, ladder=ladder)
    elif judged.ladder is evse.ladder:
        judged = _stuck(judged, highest, reading.at)
    if judged.entry is not before:  # the rung changed, and what is held by the ledger with it
        entry = ledger.measured(judged.entry, highest, reading.at)
    return _with_car(replace(judged, entry=entry), reading)


def _on_the_grid(plan: EvsePlan, reading: EvseReading) -> EvseReading:
    """A DC station's current is that of the vehicle's side: what it draws per phase follows from its power."""
    if plan.w_per_a is None:
        return reading
    if reading.power_w is None:
        return reading._replace(current_a=None)
    drawn_a = max(0.0, reading.power_w) / plan.w_per_a
    return reading._replace(current_a=PhaseCurrents(drawn_a, drawn_a, drawn_a), phases=3)


def _stuck(evse: EvseState, highest_a: float, at: float) -> EvseState:
    """Whether the car stays at its fallback although it may draw more."""
    entry, ladder = evse.entry, evse.ladder
    held, fallback_a = entry.acknowledged, entry.fallback_a
    stays = (
        held is not None
        and entry.acknowledged_at is not None
        and at - entry.acknowledged_at >= REACTION_S
        and not entry.offers
        and fallback_a is not None
        and fallback_a >= evse.plan.min_a - STUCK_WITHIN_A
        and held.limit_a >= fallback_a + STUCK_ABOVE_A
        and -STUCK_WITHIN_A <= highest_a - fallback_a <= ledger.tolerance_a(fallback_a)
    )
    if not stays or ladder.settled or ladder.proven or not ladder.form.is_profile:
        return evse if evse.stuck_since is None else replace(evse, stuck_since=None)
    since = evse.stuck_since if evse.stuck_since is not None else at
    if at - since < STUCK_FOR_S:
        return replace(evse, stuck_since=since)
    return on_rung(replace(evse, stuck_since=None), ladder.after_stuck(), at)


def _was_cut(evse: EvseState, entry: LimitEntry, now_a: float) -> bool:
    """Whether the car drew more than the limit it now keeps, and is near to it: only then is keeping it a proof."""
    held = entry.acknowledged
    if held is None or evse.entry.measured_a <= held.limit_a + ledger.tolerance_a(held.limit_a):
        return False
    return now_a >= held.limit_a - max(NEAR_A, NEAR * held.limit_a)


def _judged(evse: EvseState, highest_a: float, at: float) -> EvseState:
    """Judge a reading against what may have been in force."""
    entry = evse.entry
    held = entry.acknowledged
    if evse.obeys is Obeys.IGNORES and highest_a > evse.peak_a:
        evse = replace(evse, peak_a=highest_a)
    if held is None or entry.acknowledged_at is None:
        return evse
    kept_a = ledger.whole_above_a(held.limit_a) if evse.rounds_up else held.limit_a
    if highest_a <= kept_a + ledger.tolerance_a(kept_a):
        within = evse.within_since if evse.within_since is not None else at
        evse = replace(evse, above_since=None, within_since=within)
        again = evse.obeys is Obeys.IGNORES and at - within >= OBEYS_AGAIN_S
        return replace(evse, obeys=Obeys.UNKNOWN, peak_a=0.0) if again else evse
    since = evse.above_since if evse.above_since is not None else at
    evse = replace(evse, above_since=since, within_since=None)
    bound_a = _bound_a(evse, at)
    if highest_a <= bound_a + ledger.tolerance_a(bound_a) or at - since < ABOVE_FOR_S:
        return evse
    if highest_a <= ledger.whole_above_a(bound_a) + ROUNDED_WITHIN_A:
        return replace(evse, rounds_up=True, above_since=None)
    return _ignored(evse, highest_a, at)


def _bound_a(evse: EvseState, at: float) -> float:
    """The highest limit that excuses a reading: accepted, on its way, or in force less than a reaction ago."""
    entry = evse.entry
    held = entry.acknowledged
    limits = [offer.limit_a for offer in entry.offers]
    limits += [limit_a for until, limit_a in evse.superseded if at - until < REACTION_S]
    if held is not None:
        limits.append(held.limit_a)
        if held.expires_at is not None and at >= held.expires_at:
            limits.append(entry.fallback_bound_a())
    return max(limits, default=0.0)


def _ignored(evse: EvseState, highest_a: float, at: float) -> EvseState:
    """It was found above its limit: say it again, then in the next form."""
    if evse.obeys is not Obeys.IGNORES:
        ladder = replace(evse.ladder, resent=True)
        return replace(evse, obeys=Obeys.IGNORES, peak_a=highest_a, ladder=ladder, resend=True, judged_from=None)
    if evse.judged_from is None or at - evse.judged_from < REACTION_S:
        return evse
    return on_rung(evse, evse.ladder.after(FormVerdict.IGNORED), at)


def on_rung(evse: EvseState, ladder: Ladder, at: float) -> EvseState:
    """Stand on another rung. What the ledger holds is kept as long as it may bind the station.

    Where the fallback lies elsewhere from now on, it is none until it is installed there. Without profiles neither a
    fallback nor any limit that was accepted binds it.
    """
    if ladder.form == evse.ladder.form:
        return replace(evse, ladder=ladder)
    before, form = evse.ladder.form, ladder.form
    evse = replace(evse, ladder=ladder, judged_from=None, refusals=0, refused_until=at)
    if form.fallback_place is not before.fallback_place or not form.is_profile:
        entry = replace(evse.entry, fallback_a=None, fallback_offers=())
        evse = replace(evse, entry=entry, fallback_asked_at=None)
    if form.is_profile:
        return replace(evse, resend=evse.newest_offer is not None)
    entry = replace(evse.entry, acknowledged=None, acknowledged_at=None, offers=(), unreleased=())
    obeys = Obeys.UNCONTROLLED if form.step is LadderStep.NONE else Obeys.UNKNOWN
    evse = replace(evse, entry=entry, newest_offer=None, resend=False, obeys=obeys, walked_at=at)
    evse = replace(evse, refused_until=at + BEFORE_STOP_S)
    return replace(evse, above_since=None, within_since=None, superseded=())


def with_new_walk(evse: EvseState, at: float) -> EvseState:
    """Forget what was found, and begin on the first rung: the firmware is another, or somebody asks for it."""
    fresh = on_rung(evse, first_rung(evse.ladder.pinned, evse.ladder.one_evse, evse.ladder.traits), at)
    obeys = Obeys.UNKNOWN if fresh.ladder.form.step is not LadderStep.NONE else Obeys.UNCONTROLLED
    return replace(fresh, obeys=obeys, walked_at=None, refusals=0, peak_a=0.0)


def with_traits(evse: EvseState, traits: LimitTraits, at: float) -> EvseState:
    """What is known of the model: where to begin, if nothing was found yet. What was measured goes before it."""
    if traits == evse.ladder.traits:
        return evse
    if evse.plan.switches_phases and not traits.phases:
        evse = replace(evse, plan=replace(evse.plan, switches_phases=False))
    ladder = replace(evse.ladder, traits=traits)
    if ladder.tried or (ladder.accepted and evse.ladder.form.step in ladder.steps()):
        return replace(evse, ladder=ladder)
    return on_rung(evse, replace(ladder, form=ladder.first, accepted=False, proven=False), at)


def with_rung_of_neighbour(evse: EvseState, ladder: Ladder, at: float) -> EvseState:
    """What is proven of one EVSE is where the others of its station begin, if nothing is known of them yet."""
    untouched = not (evse.ladder.accepted or evse.ladder.tried) and evse.transaction is None
    if not untouched or ladder.form == evse.ladder.form or ladder.form.step not in evse.ladder.steps():
        return evse
    return on_rung(evse, replace(evse.ladder, form=ladder.form), at)


def with_another_chance(evse: EvseState, at: float) -> EvseState:
    """A transaction begins: where no profile was found to work a day ago, one may by now."""
    if evse.walked_at is None or at - evse.walked_at < WALK_AGAIN_S or evse.ladder.pinned is not None:
        return evse
    return with_new_walk(evse, at)


def with_remembered_rung(evse: EvseState, ladder: Ladder, at: float) -> EvseState:
    """Stand where the same device was found to stand before, unless the configuration pins another step."""
    if ladder.pinned is not evse.ladder.pinned or ladder.form.step not in evse.ladder.steps():
        return evse
    entry, form = evse.entry, ladder.form
    if entry.acknowledged is not None and form.lasts:
        entry = replace(entry, acknowledged=replace(entry.acknowledged, lasts=True))
    obeys = Obeys.UNCONTROLLED if form.step is LadderStep.NONE else evse.obeys
    return replace(evse, entry=entry, ladder=ladder, obeys=obeys, walked_at=None if form.is_profile else at)


def _with_car(evse: EvseState, reading: EvseReading) -> EvseState:
    """Learn whether the car uses its first phase alone, or its first two.

    Only from readings that name all phases that it could use: of the others a station that names fewer says nothing.
    """
    own: PhaseCurrents | None = reading.current_a
    if own is not None:
        # A value without a phase is that of some phases: neither of the first alone nor of all alike.
        seen = own if reading.phases else PhaseCurrents(own.l1, own.l1, 0.0)
        evse = replace(evse, reading=reading, trace=(*evse.trace[1 - TRACE :], (reading.at, seen)))
    could_use = len(evse.plan.rotation.phases) if evse.plan.rotation.known else len(ALL_PHASES)
    if own is None or reading.phases < could_use or evse.transaction is None:
        return evse
    if evse.newest_offer is not None and evse.newest_offer.phases == 1:
        return evse
    used = max((place for place, a in enumerate(own, 1) if a > PHASE_IN_USE_A), default=0)
    if used == 3:
        return replace(evse, fewer_since=None, fewer_readings=0)
    if used == 0:
        return evse
    if evse.fewer_since is None or used != evse.fewer_phases:
        return replace(evse, fewer_phases=used, fewer_since=reading.at, fewer_readings=1)
    return replace(evse, fewer_readings=evse.fewer_readings + 1)


def with_acknowledgement(evse: EvseState, seq: int, kind: OfferKind, at: float) -> EvseState:
    """The station accepted an offer. The car may follow a raise from now on, however late the answer came."""
    before = evse.entry.acknowledged
    entry = ledger.acknowledged(evse.entry, seq, kind, at)
    if entry is evse.entry:
        return evse
    if kind is OfferKind.FALLBACK:
        return replace(evse, entry=entry)
    if evse.ladder.form.replaces_fallback:
        entry = ledger.acknowledged(entry, seq, OfferKind.FALLBACK, at)
    held = entry.acknowledged
    obeys = Obeys.UNKNOWN if evse.obeys is Obeys.UNCONTROLLED else evse.obeys
    raised = held is not None and (before is None or held.limit_a > before.limit_a)
    rises = at if raised else evse.may_rise_from
    ladder = evse.ladder if evse.ladder.accepted else replace(evse.ladder, accepted=True)
    return replace(
        evse,
        entry=entry,
        refusals=0,
        refused_until=0.0,
        obeys=obeys,
        may_rise_from=rises,
        ladder=ladder,
        judged_from=at if evse.judged_from is None else evse.judged_from,
        superseded=_superseded(evse, seq, at),
    )


def _superseded(evse: EvseState, seq: int, at: float) -> tuple[tuple[float, float], ...]:
    """What was in force until now, or may have been, joined to what was a moment ago. Before the first limit of a
    transaction that may have been anything: no fallback is proven."""
    entry = evse.entry
    was_a = entry.acknowledged.limit_a if entry.acknowledged is not None else entry.max_a
    highest_a = max([was_a, *(offer.limit_a for offer in entry.offers if offer.seq < seq)])
    recent = tuple(one for one in evse.superseded if at - one[0] < REACTION_S and one[1] > highest_a)
    return (*recent, (at, highest_a))


def with_refusal(evse: EvseState, seq: int, kind: OfferKind, at: float, by_station: bool) -> EvseState:
    """An offer is surely not in force. If it was the newest, what the station accepted last is again.

    A form that was refused is tried once more, then the next. Where none is left it is asked again after 30 s, then
    ever more seldom, and counts as uncontrolled until it accepts one.
    """
    entry = ledger.refused(evse.entry, seq, kind)
    if kind is OfferKind.FALLBACK:
        return replace(evse, entry=entry)
    entry = ledger.refused(entry, seq, OfferKind.FALLBACK)  # where it would have been that, too
    newest = evse.newest_offer
    if newest is not None and newest.seq == seq:
        newest = entry.offers[-1] if entry.offers else entry.acknowledged
    evse = replace(evse, entry=entry, newest_offer=newest)
    if not by_station:
        return evse
    refusals, known = evse.refusals + 1, evse.ladder.accepted
    patient = refusals < (REFUSED_KNOWN if known else REFUSED_NEW)
    ladder = evse.ladder if patient or evse.ladder.exhausted else evse.ladder.after(FormVerdict.REFUSED)
    if ladder.form != evse.ladder.form:
        moved = on_rung(evse, ladder, at)
        return replace(moved, refused_until=at + REFUSED_SOON_S)
    pause_s = min(REFUSED_PAUSE_S * 2.0 ** (refusals - 1), REFUSED_PAUSE_MOST_S)
    if patient and not known:
        pause_s = REFUSED_SOON_S
    obeys = Obeys.UNCONTROLLED if ladder.exhausted else evse.obeys
    return replace(evse, ladder=ladder, refusals=refusals, refused_until=at + pause_s, obeys=obeys)


def with_doubt(evse: EvseState, seq: int, kind: OfferKind) -> EvseState:
    """Whether an offer is in force is not known: it counts on, and the newest is said again."""
    newest = evse.newest_offer
    if kind is OfferKind.DYNAMIC and newest is not None and newest.seq == seq:
        return replace(evse, resend=True)
    return evse
