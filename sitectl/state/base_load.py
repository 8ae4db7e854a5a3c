"""What everything but the stations draws on a circuit, estimated from its meter and the stations' own readings.

The meter is one second old and the stations' readings up to ten: "meter minus stations" taken at any moment mixes
ages, and a loop that trusts it chatters and overloads. So samples are aligned on receipt times, and the estimate of a
phase is the highest of three:

* the largest aligned sample of the last 20 s: the meter minus the least that each station surely draws, taken only
  while no station below is still rising towards a limit that its newest reading cannot show yet;
* the newest meter reading minus everything the stations below may lawfully draw: a rise that is certain;
* while the meter is above the rating: the newest reading minus what the stations are predicted to draw.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from sitectl.model.electrical import NO_CURRENT, PhaseCurrents
from sitectl.state.evse import EvseState

WINDOW_S = 20.0
"""Samples of this span count: at least a reading period (10 s) and a car's reaction (5 s)."""

RISING_S = 8.0
"""A car follows a raise within its reaction (5 s, IEC 61851-1) and a ramp; an earlier reading may not show it."""

RISING_MOST_S = 25.0
"""A station that still sent no reading this long after a raise no longer keeps samples from being taken."""


@dataclass(frozen=True, slots=True)
class BaseSample:
    """One aligned sample, on grid phases."""

    at: float
    current_a: PhaseCurrents


@dataclass(frozen=True, slots=True)
class BaseEstimate:
    """The samples of one circuit; `certain` and `overload` come from the newest meter reading alone."""

    samples: tuple[BaseSample, ...] = ()
    certain: PhaseCurrents | None = None
    overload: PhaseCurrents | None = None

    @property
    def aligned(self) -> bool:
        """Whether there is a sample yet. Without one only what is certain is known: raises must not rest on that."""
        return bool(self.samples)

    def upper(self) -> PhaseCurrents | None:
        """The estimate, None before the first meter reading. Never negative: generation is not lent to the stations."""
        if not self.samples and self.certain is None:
            return None
        highest = NO_CURRENT
        for sample in self.samples:
            highest = highest.highest(sample.current_a)
        for bound in (self.certain, self.overload):
            if bound is not None:
                highest = highest.highest(bound)
        return highest

    def newest(self) -> PhaseCurrents | None:
        """The newest aligned sample, for showing."""
        return self.samples[-1].current_a if self.samples else self.certain


def is_rising(evse: EvseState, now: float) -> bool:
    """Whether the draw may have risen beyond what the newest reading shows, by our own permission."""
    if evse.transaction is None:
        return False
    raised_at = evse.last_raise_at if evse.last_raise_at is not None else evse.transaction.since
    if now - raised_at > RISING_MOST_S:
        return False
    return evse.reading is None or evse.reading.at < raised_at + RISING_S


def predicted(evse: EvseState, now: float) -> PhaseCurrents:
    """What a station probably draws now: its reading, cut down to its limit once the car had time to follow."""
    measured = evse.measured_grid()
    if measured is None:
        return NO_CURRENT
    newest = evse.newest_offer
    if newest is None or now - newest.offered_at < RISING_S:
        return measured
    return PhaseCurrents(*(min(a, newest.limit_a) for a in measured))


def sampled(
    estimate: BaseEstimate, meter_a: PhaseCurrents, at: float, rated_a: float, below: Iterable[tuple[EvseState, bool]]
) -> BaseEstimate:
    """A meter reading came: take a sample. `below`: the EVSEs under the circuit, and which may start by themselves."""
    least = most = foreseen = NO_CURRENT
    rising = False
    over = max(meter_a) > rated_a
    for evse, start_possible in below:
        counts = evse.entry.counts_a(at, start_possible)
        if counts == 0.0 and evse.reading is None:
            continue
        least = least.plus(evse.least_drawn())
        for phase in evse.phases():
            most = _added(most, phase, counts)
        if over:
            foreseen = foreseen.plus(predicted(evse, at))
        rising = rising or is_rising(evse, at)
    samples = tuple(s for s in estimate.samples if at - s.at <= WINDOW_S)
    if not rising:
        samples = (*samples, BaseSample(at, meter_a.minus(least)))
    elif not samples and estimate.samples:
        samples = estimate.samples[-1:]
    return replace(
        estimate,
        samples=samples,
        certain=meter_a.minus(most),
        overload=meter_a.minus(foreseen) if over else None,
    )


def _added(currents: PhaseCurrents, phase: int, more_a: float) -> PhaseCurrents:
    values = list(currents)
    values[phase] += more_a
    return PhaseCurrents(*values)
