"""The limit ledger: what one EVSE may still lawfully draw, whatever got lost on the way.

The rules:

* An EVSE counts at the highest of: the acknowledged limit (until its expiry, then its fallback), every offer since,
  and what it measurably draws. Counting only the last limit sent overloads a shared fuse on a lossy link, and so does
  the higher of sent and acknowledged: a lost answer may hide any of the offers made since.
* A lower limit is released (its amperes free for others) when it is acknowledged and either a reading newer than the
  acknowledgement is at or below it on all phases (+0.5 A or 5 %), or 6 s have passed on a station proven to obey.
* A station that was never told a fallback may draw its whole `max_a`.
* An idle EVSE counts 0 only where a start must pass us and none is expected; otherwise at its fallback. So does one of
  a station that is cut off, at least, and of one that came back until it accepts a limit again: transactions may have
  ended and begun there, and the messages that tell of it may still wait.

The dynamic limit is a TxProfile: it replaces the fallback (TxDefaultProfile) while it is valid and dies with its
transaction (OCPP 1.6, 3.13.1 and errata 3.7/3.8); when its duration ends, the fallback holds again. Where a station
obeys another purpose only, its limits last: they hold on after the transaction, and in the next one, until they lapse.
A limit that never lapses counts for ever.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from sitectl.model.limits import Offer, OfferKind
from sitectl.model.records import replace

RELEASE_S = 6.0
"""A proven station has followed an acknowledged cut after this time: car reaction 5 s (IEC 61851-1) and 1 s of ramp."""

MOST_OFFERS = 32
"""Offers kept one by one since the last acknowledgement; older ones are folded into the highest of them."""


def tolerance_a(limit_a: float) -> float:
    """How far a reading may be above a limit and still obey it: 0.5 A or 5 %, whichever is more."""
    return max(0.5, 0.05 * limit_a)


def whole_above_a(limit_a: float) -> float:
    """What a station that rounds up makes of a limit."""
    return float(ceil(limit_a - 1e-6))


@dataclass(frozen=True, slots=True)
class LimitEntry:
    """One EVSE's account. All limits in ampere per phase, times monotonic seconds.

    * `fallback_a`: accepted by the station as its fallback, None if it never was.
    * `fallback_offers`: fallbacks offered since that acknowledgement.
    * `acknowledged`, `acknowledged_at`: the dynamic limit that the station accepted last, and when. Without a time it
      is what a restart counts: all that may have been in force.
    * `offers`: dynamic offers since then, oldest first; any of them may be in force.
    * `unreleased`: superseded offers that the vehicle may still be drawing by.
    """

    max_a: float
    fallback_a: float | None = None
    fallback_offers: tuple[Offer, ...] = ()
    acknowledged: Offer | None = None
    acknowledged_at: float | None = None
    offers: tuple[Offer, ...] = ()
    unreleased: tuple[Offer, ...] = ()
    measured_a: float = 0.0
    measured_at: float | None = None
    in_transaction: bool = False

    def fallback_bound_a(self) -> float:
        """The most that the fallback may be: what was accepted and what was offered since; `max_a` if never told."""
        accepted = self.max_a if self.fallback_a is None else self.fallback_a
        return max(accepted, *(o.limit_a for o in self.fallback_offers)) if self.fallback_offers else accepted

    def accepted_a(self) -> float | None:
        """The limit that the station accepted last, the fallback where nothing lies above it; None: not known."""
        if self.acknowledged is None:
            return self.fallback_a
        return None if self.acknowledged_at is None else self.acknowledged.limit_a

    def lawful_a(self, now: float, start_possible: bool, unheard: bool = False) -> float:
        """What the EVSE may draw by what it was told.

        `start_possible`: an idle EVSE could begin by itself. `unheard`: its station was cut off and may have begun
        another transaction since, under its fallback.
        """
        fallback_a = self.fallback_bound_a()
        may_draw = self.in_transaction or start_possible or unheard
        highest = 0.0
        if self.acknowledged is not None:
            if may_draw or not (self.acknowledged.lasts and self.acknowledged_at is not None):
                highest = _value(self.acknowledged, now, fallback_a)
        elif self.in_transaction or start_possible:
            highest = fallback_a
        if unheard:
            highest = max(highest, fallback_a)
        for offer in self.offers:
            if may_draw or not offer.lasts:
                highest = max(highest, _value(offer, now, fallback_a))
        for offer in self.unreleased:
            if offer.expires_latest_at is None or now < offer.expires_latest_at:
                highest = max(highest, offer.limit_a)
        return highest

    def counts_a(self, now: float, start_possible: bool, unheard: bool = False) -> float:
        """What everybody else must leave free for this EVSE."""
        return max(self.lawful_a(now, start_possible, unheard), self.measured_a)

    def dynamic(self) -> tuple[Offer, ...]:
        """Every dynamic limit that may be in force."""
        told = () if self.acknowledged is None else (self.acknowledged,)
        return (*told, *self.offers, *self.unreleased)

    def last_expiry_at(self, now: float, above_a: float = -1.0) -> float:
        """When the last dynamic limit above so many ampere that may be in force has surely lapsed; `now` if there is
        none.

        One that never lapses by itself is no limit that time alone ends: it holds like a fallback.
        """
        latest = now
        for offer in self.dynamic():
            if offer.expires_latest_at is None or offer.limit_a <= above_a:
                continue
            if offer.expires_latest_at > latest:
                latest = offer.expires_latest_at
        return latest

    def lasts_for_ever(self) -> bool:
        """Whether a dynamic limit that may be in force never lapses."""
        told = self.offers if self.acknowledged is None else (self.acknowledged, *self.offers)
        return any(offer.expires_latest_at is None for offer in told)

    def changes_at(self, now: float) -> float:
        """Until when time alone changes nothing of what this counts."""
        earliest = float("inf")
        for offer in self.dynamic():
            for at in (offer.expires_at, offer.expires_latest_at):
                if at is not None and now < at < earliest:
                    earliest = at
        if self.unreleased and self.acknowledged_at is not None and now < self.acknowledged_at + RELEASE_S < earliest:
            earliest = self.acknowledged_at + RELEASE_S
        return earliest


def _value(offer: Offer, now: float, fallback_a: float) -> float:
    """What an offer that may be in force allows: itself, then itself or the fallback, then the fallback."""
    if offer.expires_at is None or now < offer.expires_at:
        return offer.limit_a
    if offer.expires_latest_at is not None and now >= offer.expires_latest_at:
        return fallback_a
    return max(offer.limit_a, fallback_a)


def offered(entry: LimitEntry, offer: Offer) -> LimitEntry:
    """An offer leaves us (or is about to): from now on it may be in force."""
    if offer.kind is OfferKind.FALLBACK:
        return replace(entry, fallback_offers=_bounded((*entry.fallback_offers, offer)))
    return replace(entry, offers=_bounded((*entry.offers, offer)))


def acknowledged(entry: LimitEntry, seq: int, kind: OfferKind, at: float) -> LimitEntry:
    """The station accepted the offer `seq`. What it may have held before counts on until it is released."""
    if kind is OfferKind.FALLBACK:
        accepted = next((o for o in entry.fallback_offers if o.seq == seq), None)
        if accepted is None:
            return entry
        later = tuple(o for o in entry.fallback_offers if o.seq > seq)
        return replace(entry, fallback_a=accepted.limit_a, fallback_offers=later)
    now_held = next((o for o in entry.offers if o.seq == seq), None)
    if now_held is None:
        return entry
    before = [*entry.unreleased, *(o for o in entry.offers if o.seq < seq)]
    before.append(entry.acknowledged if entry.acknowledged is not None else _fallback_as_offer(entry, now_held))
    return replace(
        entry,
        acknowledged=now_held,
        acknowledged_at=at,
        offers=tuple(o for o in entry.offers if o.seq > seq),
        unreleased=_bounded(tuple(o for o in before if o.limit_a > now_held.limit_a)),
    )


def refused(entry: LimitEntry, seq: int, kind: OfferKind) -> LimitEntry:
    """The offer `seq` is surely not in force: refused, or it never left us."""
    if kind is OfferKind.FALLBACK:
        return replace(entry, fallback_offers=tuple(o for o in entry.fallback_offers if o.seq != seq))
    return replace(entry, offers=tuple(o for o in entry.offers if o.seq != seq))


def measured(entry: LimitEntry, highest_a: float, at: float) -> LimitEntry:
    """A reading came in: the highest phase current. It may release amperes that a cut had set free."""
    entry = replace(entry, measured_a=highest_a, measured_at=at)
    held = entry.acknowledged
    if not entry.unreleased or held is None or entry.acknowledged_at is None or at <= entry.acknowledged_at:
        return entry
    if highest_a <= held.limit_a + tolerance_a(held.limit_a):
        return replace(entry, unreleased=())
    return entry


def unmeasured(entry: LimitEntry) -> LimitEntry:
    """The last reading is too old to say what is drawn."""
    return replace(entry, measured_a=0.0, measured_at=None)


def aged(entry: LimitEntry, now: float, proven: bool) -> LimitEntry:
    """Time passed: a proven station has followed, and what has surely lapsed is forgotten."""
    held, since = entry.acknowledged, entry.acknowledged_at
    if proven and entry.unreleased and held is not None and since is not None and now - since >= RELEASE_S:
        entry = replace(entry, unreleased=())
        if entry.measured_at is not None and entry.measured_at <= since:
            # That reading shows what was drawn before the cut. One from the way down counts on: base load is reckoned
            # by the same reading, and where no other comes both must say the same.
            entry = replace(entry, measured_a=min(entry.measured_a, held.limit_a))
    if held is not None and not _may_hold(held, now):
        entry = replace(entry, acknowledged=None, acknowledged_at=None)
    for offers in (entry.offers, entry.unreleased):
        if offers and not all(_may_hold(o, now) for o in offers):
            return replace(
                entry,
                offers=tuple(o for o in entry.offers if _may_hold(o, now)),
                unreleased=tuple(o for o in entry.unreleased if _may_hold(o, now)),
            )
    return entry


def forgotten(entry: LimitEntry) -> LimitEntry:
    """The station holds nothing of what it was told: what binds an EVSE is what one that was never told may draw."""
    return replace(
        entry, fallback_a=None, fallback_offers=(), acknowledged=None, acknowledged_at=None, offers=(), unreleased=()
    )


def rebooted(entry: LimitEntry, keeps_profiles: bool) -> LimitEntry:
    """The station booted: what it was told last may be in force still, or the fallback again.

    `keeps_profiles` False: it holds profiles in RAM, so its fallback is gone too, and it may draw all it can.
    """
    told = () if entry.acknowledged is None else (entry.acknowledged,)
    entry = replace(entry, acknowledged=None, acknowledged_at=None, offers=_bounded((*told, *entry.offers)))
    return entry if keeps_profiles else replace(entry, fallback_a=None, fallback_offers=())


def begun(entry: LimitEntry) -> LimitEntry:
    """A transaction began: it runs under the fallback until its own limit is accepted, or under what lasts."""
    return replace(_outlived(entry), in_transaction=True, unreleased=())


def ended(entry: LimitEntry) -> LimitEntry:
    """The transaction ended: its limits died with it, but for those that last; the station says that nothing is
    drawn."""
    return replace(_outlived(entry), in_transaction=False, unreleased=(), measured_a=0.0, measured_at=None)


def _outlived(entry: LimitEntry) -> LimitEntry:
    """What of the limits does not end with a transaction."""
    offers = tuple(offer for offer in entry.offers if offer.lasts)
    if entry.acknowledged is not None and entry.acknowledged.lasts:
        return entry if len(offers) == len(entry.offers) else replace(entry, offers=offers)
    return replace(entry, acknowledged=None, acknowledged_at=None, offers=offers)


def remembered(entry: LimitEntry, offer: Offer, fallback_a: float | None) -> LimitEntry:
    """After a restart: `offer` carries what the EVSE counted at and when that has surely lapsed."""
    return replace(entry, fallback_a=fallback_a, acknowledged=offer, acknowledged_at=None)


def _may_hold(offer: Offer, now: float) -> bool:
    return offer.expires_latest_at is None or now < offer.expires_latest_at


def _fallback_as_offer(entry: LimitEntry, like: Offer) -> Offer:
    """Before the first dynamic limit the vehicle draws by the fallback: it must be released like any other limit."""
    return replace(like, seq=0, limit_a=entry.fallback_bound_a(), expires_at=None, expires_latest_at=None, lasts=False)


def _bounded(offers: tuple[Offer, ...]) -> tuple[Offer, ...]:
    """Keep the list short without lowering what it counts: the oldest two become the higher and longer-lived one."""
    if len(offers) <= MOST_OFFERS:
        return offers
    first, second, *rest = offers
    lasting = None
    if first.expires_latest_at is not None and second.expires_latest_at is not None:
        lasting = max(first.expires_latest_at, second.expires_latest_at)
    earliest = min((o.expires_at for o in (first, second) if o.expires_at is not None), default=None)
    folded = replace(
        second,
        limit_a=max(first.limit_a, second.limit_a),
        expires_at=earliest if lasting is not None else None,
        expires_latest_at=lasting,
    )
    return (folded, *rest)
