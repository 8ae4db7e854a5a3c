"""How a car uses what it is offered, learned from the readings of one transaction.

* It under-draws when for 30 s every reading was at least 1.5 A below the offer, and until one comes within 1 A of it:
  what it drew at most in the last half to whole minute is what is known of it then.
* It does not wake when it drew, was paused, and did not draw again within 5 min of the next offer. A car that drew
  nothing before its pause (a full one) shows nothing.
* It is idle since the first of the readings that show nothing drawn of an offer.
* It is satisfied when it was paused after it had drawn nothing of an offer, and until it draws again, or until its
  station says that it asks for current.
* What it took: its meter's register against the one that the transaction began with.
"""

from __future__ import annotations

from dataclasses import dataclass

from sitectl.model.limits import Offer
from sitectl.model.metering import EvseReading
from sitectl.model.records import replace

UNDER_FOR_S = 30.0
UNDER_A = 1.5
REACHED_A = 1.0
DRAWS_A = 1.0
WAKES_WITHIN_S = 300.0
IDLE_FOR_S = 300.0
SELDOM_S = 15.0
"""Who has not reported for longer reports seldom."""


@dataclass(frozen=True, slots=True)
class DrawState:
    """What the readings of the running transaction have shown. Times are monotonic seconds.

    * `under_since`: the first reading of those that stay below the offer; `peak_a`, `peak_before_a`, `peak_from`: the
      highest in the span of 30 s that runs, and in the one before it.
    * `drew`: the newest reading shows a current. `woken_at`: told to go on after a pause that cut a current off.
    * `start_wh`, `register_wh`: the energy register at the start, and now.
    * `limited_a`, `settled_a`: the last limit under which a reading showed what it makes of it, and that reading; None:
      none did. `before_a`: the limit before the newest one.
    """

    under_since: float | None = None
    peak_from: float = 0.0
    peak_a: float = 0.0
    peak_before_a: float = 0.0
    known: bool = False
    drew: bool = False
    paused_drawing: bool = False
    woken_at: float | None = None
    sleeps: bool = False
    satisfied: bool = False
    idle_since: float | None = None
    start_wh: float | None = None
    register_wh: float | None = None
    limited_a: float | None = None
    settled_a: float = 0.0
    before_a: float = 0.0

    def likely_a(self, limit_a: float) -> float | None:
        """What it draws of a limit once it has followed, if it does as it did before; None: it has shown nothing."""
        if self.limited_a is None:
            return None
        short_a = max(0.0, self.limited_a - self.settled_a)
        return min(self.settled_a, limit_a) if short_a >= UNDER_A else max(0.0, limit_a - short_a)

    def is_below(self, limit_a: float, shows_a: float) -> bool:
        """Whether a reading under a new limit shows less than a car draws that is on its way to it."""
        lower_a = min(self.before_a, limit_a)
        likely_a = self.likely_a(lower_a)
        return shows_a < (lower_a if likely_a is None else likely_a) - UNDER_A

    def at_most_a(self) -> float | None:
        """What it has drawn at most, where that is surely less than it was offered; None: it uses its offer."""
        return max(self.peak_a, self.peak_before_a) if self.known else None

    def taken_wh(self) -> float | None:
        """What the car took in this transaction, None while no register tells."""
        if self.start_wh is None or self.register_wh is None:
            return None
        return max(0.0, self.register_wh - self.start_wh)


NOTHING_DRAWN = DrawState()


def with_draw(draw: DrawState, highest_a: float, at: float, offer_a: float | None) -> DrawState:
    """A reading came: the highest phase current, and the offer that it was drawn under (None: it was told nothing)."""
    drew = highest_a > DRAWS_A
    idle = not drew and offer_a is not None and offer_a > 0.0
    if idle is (draw.idle_since is None):
        draw = replace(draw, idle_since=at if idle else None)
    woken_at = draw.woken_at
    if woken_at is not None:
        if drew:
            draw = replace(draw, woken_at=None)
        elif at - woken_at >= WAKES_WITHIN_S:
            draw = replace(draw, woken_at=None, sleeps=True)
    if drew is not draw.drew:
        draw = replace(draw, drew=drew, satisfied=draw.satisfied and not drew)
    if offer_a is None or offer_a <= 0.0 or highest_a > offer_a - (REACHED_A if draw.known else UNDER_A):
        return _uses_its_offer(draw)
    since = draw.under_since
    if since is None:
        return replace(draw, under_since=at, peak_from=at, peak_a=highest_a, peak_before_a=0.0, known=False)
    if at - draw.peak_from >= UNDER_FOR_S:
        return replace(draw, peak_from=at, peak_before_a=draw.peak_a, peak_a=highest_a, known=True)
    known = draw.known or at - since >= UNDER_FOR_S
    if highest_a <= draw.peak_a and known is draw.known:
        return draw
    return replace(draw, peak_a=max(draw.peak_a, highest_a), known=known)


def with_register(draw: DrawState, register_wh: float | None) -> DrawState:
    """A reading came: its energy register. The first one stands for the start where nobody told that."""
    if register_wh is None or register_wh == draw.register_wh:
        return draw
    start_wh = register_wh if draw.start_wh is None else draw.start_wh
    return replace(draw, register_wh=register_wh, start_wh=start_wh)


def with_settled(
    draw: DrawState, before: Offer | None, reading: EvseReading | None, followed_at: float | None
) -> DrawState:
    """Another limit is about to be told: keep what the newest reading, if it came under the last one, shows of that.

    `followed_at`: from when on it had surely followed. A reading from before that tells only if it is near the limit.
    """
    before_a = 0.0 if before is None else before.limit_a
    if before is None or before_a <= 0.0 or reading is None or reading.current_a is None:
        return replace(draw, before_a=before_a)
    if reading.at <= before.offered_at:
        return replace(draw, before_a=before_a)
    shows_a = max(reading.current_a)
    if (followed_at is not None and reading.at >= followed_at) or shows_a > before_a - UNDER_A:
        return replace(draw, limited_a=before_a, settled_a=shows_a, before_a=before_a)
    return replace(draw, limited_a=None, before_a=before_a)


def with_limit(draw: DrawState, before_a: float, limit_a: float, at: float) -> DrawState:
    """Another limit was told: a raise asks the car anew, a pause and its end ask whether it wakes."""
    if limit_a > before_a:
        draw = _uses_its_offer(draw)
    if limit_a <= 0.0 < before_a:
        most_a = draw.at_most_a()
        idle = draw.idle_since is not None and at - draw.idle_since >= IDLE_FOR_S
        satisfied = draw.satisfied or idle or (most_a is not None and most_a < DRAWS_A)
        draw = replace(_uses_its_offer(draw), idle_since=None)
        return replace(draw, paused_drawing=draw.drew, woken_at=None, satisfied=satisfied)
    if before_a <= 0.0 < limit_a and draw.paused_drawing:
        return replace(draw, paused_drawing=False, woken_at=at)
    return draw


def _uses_its_offer(draw: DrawState) -> DrawState:
    if draw.under_since is None:
        return draw
    return replace(draw, under_since=None, peak_a=0.0, peak_before_a=0.0, known=False)
