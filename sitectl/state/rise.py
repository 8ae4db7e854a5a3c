"""How much the base load of a circuit may rise while limits live that nobody renews: learned from what it did.

For each of a few spans of time the largest rise within it is kept, per phase and day, for four weeks: a circuit has its
weekdays and its week-ends, and what it has not done for a month it is forgiven. A larger rise counts from the sample
that shows it. Nothing is believed before a whole week was seen. Pure; a sample is what `base_load` made of a reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sitectl.model.circuit import Circuit
from sitectl.model.electrical import NO_CURRENT, PhaseCurrents
from sitectl.model.metering import RiseDay
from sitectl.state.base_load import DRAWING_A, BaseEstimate, Draws

SPANS_S = (60.0, 120.0, 300.0, 600.0, 1200.0, 2400.0)
"""The lifetimes of limits with the errors of clocks lie between them; a span between two counts as the longer one."""

BUCKET_S = 20.0
"""Minima are kept in steps of this: a span is that much longer than its name, and no rise is missed."""

DAY_S = 86_400.0
DAYS = 28
LEARNED_S = 7 * DAY_S

GAP_S = 5.0
"""What lies between two samples further apart was not seen."""

Amperes = tuple[float, float, float]
_NONE: Amperes = (0.0, 0.0, 0.0)
_HIGH: Amperes = (float("inf"),) * 3


_NO_RISE = (_NONE,) * len(SPANS_S)
UNSEEN = RiseDay(0.0, _NO_RISE)


@dataclass(frozen=True, slots=True)
class BaseRise:
    """What was learned of one circuit; `days` begins with today.

    `largest_a`: of all days, by span. `buckets`: (when it began, its lowest sample), the oldest first, without the
    running one; `floors`: the lowest of those within each span.
    """

    days: tuple[RiseDay, ...] = (UNSEEN,)
    largest_a: tuple[Amperes, ...] = _NO_RISE
    day_began_at: float | None = None
    buckets: tuple[tuple[float, Amperes], ...] = ()
    floors: tuple[Amperes, ...] = (_HIGH,) * len(SPANS_S)
    running: tuple[float, Amperes] | None = None
    seen_at: float | None = None

    @property
    def seen_s(self) -> float:
        """How much was seen of the last four weeks."""
        return sum(day.seen_s for day in self.days)

    @property
    def is_learned(self) -> bool:
        """Whether enough was seen to go by it."""
        return self.seen_s >= LEARNED_S

    def within(self, span_s: float) -> PhaseCurrents | None:
        """The largest rise within a span; None where that is not learned, or the span is longer than any."""
        if self.is_learned:
            for span, largest_a in zip(SPANS_S, self.largest_a, strict=True):
                if span_s <= span:
                    return PhaseCurrents(*largest_a)
        return None


def learned(rise: BaseRise, estimate: BaseEstimate, below: Draws, at: float) -> BaseRise:
    """A meter reading came, and gave this estimate. Nothing is learned while nobody knows what stations draw."""
    if not estimate.aligned or max(below.silent) > DRAWING_A:
        return rise
    return sampled(rise, estimate.samples[-1][1], at)


def sampled(rise: BaseRise, base_a: Amperes, at: float) -> BaseRise:
    """The base load was `base_a` at `at` (monotonic s, never before the last sample)."""
    rise = _on_the_day(rise, at)
    began_at, lowest = rise.running or (at, base_a)
    buckets, floors = rise.buckets, rise.floors
    if at - began_at >= BUCKET_S:
        buckets, began_at, lowest = (*buckets, (began_at, lowest)), at, base_a
        buckets = tuple(one for one in buckets if one[0] + BUCKET_S >= at - SPANS_S[-1])
        floors = tuple(_lowest(one[1] for one in buckets if one[0] + BUCKET_S >= at - span) for span in SPANS_S)
    lowest = _min(lowest, base_a)
    gap_s = GAP_S + 1.0 if rise.seen_at is None else at - rise.seen_at
    today = rise.days[0]
    rises_a = tuple(
        _max(largest, _above(base_a, _min(floor, lowest))) for largest, floor in zip(today.rises_a, floors, strict=True)
    )
    today = RiseDay(today.seen_s + (gap_s if gap_s <= GAP_S else 0.0), rises_a)
    largest_a = rise.largest_a if rises_a == rise.days[0].rises_a else _each_max(rise.largest_a, rises_a)
    return BaseRise((today, *rise.days[1:]), largest_a, rise.day_began_at, buckets, floors, (began_at, lowest), at)


def remembered(days: Sequence[RiseDay], days_ago: int) -> BaseRise:
    """What was kept over a restart, the newest day first, of which the first is so many days old."""
    missed = (UNSEEN,) * max(0, days_ago)
    kept = (*missed, *days)[:DAYS] or (UNSEEN,)
    return BaseRise(kept, _of_all(kept))


def base_that_may_come(
    circuit: Circuit, measured_base_a: PhaseCurrents | None, rise: BaseRise | None, span_s: float
) -> PhaseCurrents:
    """The most that anything but stations may draw on a circuit within so long from now, per phase."""
    worst_a, base_a = circuit.base_load_worst_a, measured_base_a or NO_CURRENT
    within = None if rise is None or measured_base_a is None else rise.within(span_s)
    if within is None:
        return PhaseCurrents(*(max(worst_a, b) for b in base_a))
    return PhaseCurrents(*(max(b, min(worst_a, b + up)) for b, up in zip(base_a, within, strict=True)))


def _on_the_day(rise: BaseRise, at: float) -> BaseRise:
    """A new day every 24 h; the oldest is forgotten then, and what it alone has seen."""
    if rise.day_began_at is None:
        return replace(rise, day_began_at=at)
    passed = int((at - rise.day_began_at) // DAY_S)
    if passed < 1:
        return rise
    days = (*((UNSEEN,) * min(passed, DAYS)), *rise.days)[:DAYS]
    return replace(rise, days=days, largest_a=_of_all(days), day_began_at=rise.day_began_at + passed * DAY_S)


def _of_all(days: Sequence[RiseDay]) -> tuple[Amperes, ...]:
    largest = _NO_RISE
    for day in days:
        largest = _each_max(largest, day.rises_a)
    return largest


def _each_max(one: tuple[Amperes, ...], other: tuple[Amperes, ...]) -> tuple[Amperes, ...]:
    return tuple(_max(a, b) for a, b in zip(one, other, strict=True))


def _lowest(samples: Iterable[Amperes]) -> Amperes:
    found = _HIGH
    for sample in samples:
        found = _min(found, sample)
    return found


def _min(a: Amperes, b: Amperes) -> Amperes:
    return min(a[0], b[0]), min(a[1], b[1]), min(a[2], b[2])


def _max(a: Amperes, b: Amperes) -> Amperes:
    return max(a[0], b[0]), max(a[1], b[1]), max(a[2], b[2])


def _above(a: Amperes, floor: Amperes) -> Amperes:
    return a[0] - floor[0], a[1] - floor[1], a[2] - floor[2]
