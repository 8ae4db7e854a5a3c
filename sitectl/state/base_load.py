"""What everything but the stations draws on a circuit, estimated from its meter and the stations' own readings.

The meter is one second old and the stations' readings up to ten: "meter minus stations" taken at any moment mixes
ages, and a loop that trusts it chatters and overloads. Three things keep it honest:

* Samples are aligned. A reading tells what a station draws, unless the car was set free to draw more since (a start, a
  raise, the end of a pause): then its draw lies between the reading and what it may lawfully draw, and the sample
  between two bounds. It stays where the estimate was as long as both allow it, so that a car which follows a raise is
  not taken for base load, and drifts towards the upper bound, so that base load is not taken for a car for ever.
  Where stations report seldom, a car that had time to follow its new limit most likely draws as much less than it as
  before, and with that the sample moves, or a fall of the base load would hide for a minute behind each raise and each
  cut. Where it is wrong the next reading says so, while samples from before still count.
* The highest sample of the last 20 s counts, longer where a station reports more seldom: a car that stopped since its
  reading makes samples too low until the next one.
* While the meter is above the limit, whatever the stations are not predicted to draw is base load at once; what one
  draws that does not follow its limit is, for so long: somebody must make up for it.
* Of a station that is not heard (cut off, or it never reported) nobody knows what it draws. Its car may have stopped,
  and all that it may draw then looks like base load that went away. So the estimate may sink, and nobody is cut for
  it, but no raise rests on that: raises reckon with the last base load that was known, and at first with all that is
  not surely drawn by others.

A little is put on top, and falls are taken only when they are worth it: the noise of a meter moves no limit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from math import exp

from sitectl.model.electrical import NO_CURRENT, PhaseCurrents
from sitectl.model.station import Obeys
from sitectl.state.draw import SELDOM_S
from sitectl.state.evse import FOLLOWS_AFTER_S, EvseState
from sitectl.state.ledger import RELEASE_S
from sitectl.state.station import StationState

WINDOW_S = 20.0
WINDOW_MOST_S = 75.0
WINDOW_BEYOND_READING_S = 5.0
"""Samples of this span count: at least a reading period (10 s) and a car's reaction (5 s); where stations report once a
minute that, some seconds on the way, and the reaction."""

DRIFT = 0.005
"""Part of the way to the upper bound that a sample takes: what stays unexplained for minutes is base load."""

MARGIN = 0.01
MARGIN_LEAST_A = 0.3
"""Put on top of the highest sample, as a part of the rating. A fall is taken when it is worth two of it."""

DRAWING_A = 0.5

AVERAGE_S = 45.0
"""How slow the average is by which an imbalance of phases is judged."""

FRESH_S = 15.0
"""A limit is on its way, accepted and followed within this time."""

UNREAD_MOST_S = 15.0
"""After the first reading of the meter, stations that charge have sent theirs within this time (period 10 s)."""

Amperes = tuple[float, float, float]
NOTHING: Amperes = (0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Draws:
    """What the stations below a circuit draw, per phase: at least, at most, probably, and if all follow their limits.

    `unheard`: of the most, what is drawn by nobody's word since (not in the least); `silent`: the most that those draw
    of whom nothing newer is known, what they reported last included. `likely_least`, `likely_most`: the bounds, with
    those that had time to follow a new limit at what they drew of the last one; `vague`: of somebody who is not on his
    way to a new limit neither is known. `oldest_at`: the oldest reading in it. `unread`: some station that charges has
    not reported yet.
    """

    least: Amperes
    most: Amperes
    probable: Amperes
    following: Amperes
    unheard: Amperes
    silent: Amperes
    likely_least: Amperes
    likely_most: Amperes
    vague: bool
    oldest_at: float
    unread: bool


@dataclass(frozen=True, slots=True)
class BaseEstimate:
    """The estimate of one circuit: its samples on grid phases, and what is made of them.

    `first_at`: the first meter reading. `aligned`: raises may rest on it. `upper_a` is what everybody reckons with, and
    while the meter is above the limit at least `overload_a`. Raises reckon with `known_a`, which is never below it.
    `average_a`: the samples, smoothed over `AVERAGE_S`.
    """

    samples: tuple[tuple[float, Amperes], ...] = ()
    first_at: float | None = None
    aligned: bool = False
    upper_a: Amperes | None = None
    known_a: Amperes | None = None
    overload_a: Amperes = NOTHING
    average_a: Amperes | None = None

    def upper(self) -> PhaseCurrents | None:
        """The estimate, None before the first meter reading. Never negative: generation is not lent to the stations."""
        return None if self.upper_a is None else PhaseCurrents(*map(max, self.upper_a, self.overload_a))

    def unsure(self) -> PhaseCurrents:
        """How far the base load may be above the estimate."""
        if self.known_a is None or self.upper_a is None:
            return NO_CURRENT
        return PhaseCurrents(*(max(0.0, k - u) for k, u in zip(self.known_a, self.upper_a, strict=True)))

    def newest(self) -> PhaseCurrents | None:
        """The newest sample, for showing."""
        return PhaseCurrents(*self.samples[-1][1]) if self.samples else None


def draws(below: Iterable[tuple[EvseState, StationState]], at: float, over: bool) -> Draws:
    """Add up the EVSEs under a circuit, each with its station. `over`: predict what they draw, too.

    One loop over plain floats: a site of a thousand EVSEs is added up once a second.
    """
    least, most, probable, following = [0.0] * 3, [0.0] * 3, [0.0] * 3, [0.0] * 3
    unheard, silent = [0.0] * 3, [0.0] * 3
    likelier, unlikely = [0.0] * 3, [0.0] * 3
    oldest_at, unread, vague = at, False, False
    for evse, station in below:
        risen = evse.may_have_risen(at)
        reading = evse.reading
        if reading is None and not risen:
            continue
        read, surely = evse.surely_drawn(at)
        measured = evse.measured_grid()
        if measured is not None and reading is not None and max(measured) > DRAWING_A:
            oldest_at = min(oldest_at, reading.at)
        counts = evse.counts_a(at, station) if risen else 0.0
        unread = unread or (reading is None and evse.transaction is not None)
        phases = evse.phases() if risen else ()
        mute = _is_mute(evse, station, at)
        likely = None
        if risen or surely is not read:
            likely = None if mute else _likely(evse, phases or evse.phases(), read, at)
            if likely is not None and reading is not None:
                oldest_at = min(oldest_at, reading.at)
            vague = vague or (likely is None and (not _is_fresh(evse, at) or _is_below(evse, read)))
        for phase in (0, 1, 2):
            highest = max(counts, read[phase]) if phase in phases else read[phase]
            if likely is not None:
                expected = min(highest, max(surely[phase], likely[phase]))
                likelier[phase] += expected - surely[phase]
                unlikely[phase] += highest - expected
            least[phase] += surely[phase]
            most[phase] += highest
            if mute:
                unheard[phase] += highest - surely[phase]
                silent[phase] += highest
        if over:
            drawn = measured or _three([counts if phase in phases else 0.0 for phase in (0, 1, 2)])
            probably, followed = _foreseen(evse, drawn, at)
            for phase in (0, 1, 2):
                probable[phase] += probably[phase]
                following[phase] += followed[phase]
    return Draws(
        least=_three(least),
        most=_three(most),
        probable=_three(probable),
        following=_three(following),
        unheard=_three(unheard),
        silent=_three(silent),
        likely_least=_three([a + more for a, more in zip(least, likelier, strict=True)]),
        likely_most=_three([a - less for a, less in zip(most, unlikely, strict=True)]),
        vague=vague,
        oldest_at=oldest_at,
        unread=unread,
    )


def _is_mute(evse: EvseState, station: StationState, at: float) -> bool:
    """Whether nothing newer is heard of an EVSE that may draw: its station is cut off, or reports nothing."""
    reading = evse.reading
    if reading is not None:
        return not station.online and at - reading.at > UNREAD_MOST_S
    return evse.may_rise_from is not None and at - evse.may_rise_from > UNREAD_MOST_S


def _likely(evse: EvseState, phases: Collection[int], read: PhaseCurrents, at: float) -> PhaseCurrents | None:
    """What an EVSE whose limit changed since its reading draws once it has followed; None: that is anybody's guess."""
    held, newest, reading = evse.entry.acknowledged, evse.newest_offer, evse.reading
    if held is None or newest is None or reading is None or evse.entry.offers or evse.obeys is Obeys.IGNORES:
        return None
    accepted_at, since = evse.entry.acknowledged_at, max(newest.offered_at, evse.may_rise_from or 0.0)
    if accepted_at is None or at - max(accepted_at, since) < FOLLOWS_AFTER_S:
        return None
    if at - reading.at > WINDOW_MOST_S - WINDOW_BEYOND_READING_S:
        return None
    draws_a = evse.draw.likely_a(newest.limit_a)
    if draws_a is None or _is_below(evse, read):
        return None
    used = [a > DRAWING_A for a in read]
    if not any(used):
        used = [phase in phases for phase in (0, 1, 2)]
    return PhaseCurrents(*(draws_a if uses else a for uses, a in zip(used, read, strict=True)))


def _is_below(evse: EvseState, read: PhaseCurrents) -> bool:
    """Whether its reading under a new limit shows less than that of a car which follows it as it did before."""
    newest, reading = evse.newest_offer, evse.reading
    if newest is None or reading is None or reading.at <= newest.offered_at:
        return False
    return evse.draw.is_below(newest.limit_a, max(read))


def _is_fresh(evse: EvseState, at: float) -> bool:
    """Whether its limit changed so lately that its car may be following it just now."""
    newest, since = evse.newest_offer, evse.may_rise_from
    changed_at = max(newest.offered_at if newest is not None else 0.0, since or 0.0)
    return at - changed_at < FRESH_S


def _foreseen(evse: EvseState, drawn: Amperes, at: float) -> tuple[Amperes, Amperes]:
    """What a station probably draws now, and what it draws if it follows: cut down once the car had time for it."""
    newest = evse.newest_offer
    if newest is None or evse.obeys is Obeys.IGNORES or at - newest.offered_at < RELEASE_S:
        return drawn, drawn
    followed = _three([min(a, newest.limit_a) for a in drawn])
    shows = evse.reading is not None and evse.reading.at - newest.offered_at >= RELEASE_S
    return (drawn if shows else followed), followed


def sampled(
    estimate: BaseEstimate, meter_a: PhaseCurrents, at: float, rated_a: float, limit_a: float, below: Draws
) -> BaseEstimate:
    """A meter reading came: take a sample. `limit_a`: what the circuit may carry now."""
    before, last = estimate.upper_a, estimate.samples[-1][1] if estimate.samples else NOTHING
    margin_a = _margin_a(rated_a)
    sample, overload, blind = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
    seldom = SELDOM_S < at - below.oldest_at <= WINDOW_MOST_S - WINDOW_BEYOND_READING_S
    for phase in (0, 1, 2):
        low, high = meter_a[phase] - below.most[phase], meter_a[phase] - below.least[phase]
        hold = last[phase]
        if (below.vague or not seldom) and before is not None:
            hold = max(hold, before[phase] - margin_a)
        if seldom:
            hold = min(meter_a[phase] - below.likely_least[phase], max(meter_a[phase] - below.likely_most[phase], hold))
        held = low if before is None else min(high, max(low, hold))
        sample[phase] = held + (high - held) * DRIFT
        if meter_a[phase] > limit_a:
            sample[phase] = max(sample[phase], meter_a[phase] - below.probable[phase])
            overload[phase] = meter_a[phase] - below.following[phase]
        blind[phase] = max(0.0, min(high, low + below.unheard[phase]) - sample[phase])
    first_at = at if estimate.first_at is None else estimate.first_at
    since = max(at - WINDOW_MOST_S, min(at - WINDOW_S, below.oldest_at - WINDOW_BEYOND_READING_S))
    samples = (*(s for s in estimate.samples if s[0] >= since), (at, _three(sample)))
    aligned = estimate.aligned or not below.unread or at - first_at > UNREAD_MOST_S
    upper_a = _upper(samples, estimate.upper_a, rated_a)
    known_a = _known(estimate.known_a, upper_a, _three(blind), below.silent)
    average_a = _average(estimate, _three(sample), at)
    return BaseEstimate(samples, first_at, aligned, upper_a, known_a, _three(overload), average_a)


def _average(estimate: BaseEstimate, sample: Amperes, at: float) -> Amperes:
    """What forgets the older half in two thirds of `AVERAGE_S`."""
    if estimate.average_a is None or not estimate.samples:
        return sample
    part = 1.0 - exp(-max(0.0, at - estimate.samples[-1][0]) / AVERAGE_S)
    return _three([old + part * (new - old) for old, new in zip(estimate.average_a, sample, strict=True)])


def _known(before: Amperes | None, upper_a: Amperes, blind: Amperes, silent: Amperes) -> Amperes:
    """What raises reckon with: the estimate, and above it, by at most what the silent may draw, what was known before
    and what may be base load just as well."""
    known = [0.0, 0.0, 0.0]
    for phase in (0, 1, 2):
        floor_a = upper_a[phase] + min(blind[phase], silent[phase])
        known[phase] = max(floor_a, min(before[phase] if before else floor_a, upper_a[phase] + silent[phase]))
    return _three(known)


def _upper(samples: tuple[tuple[float, Amperes], ...], before: Amperes | None, rated_a: float) -> Amperes:
    upper = [0.0, 0.0, 0.0]
    margin_a = _margin_a(rated_a)
    for phase in (0, 1, 2):
        highest = max(sample[phase] for _, sample in samples)
        if before is not None and before[phase] - 2.0 * margin_a < highest <= before[phase]:
            upper[phase] = before[phase]
        else:
            upper[phase] = max(0.0, highest + margin_a)
    return _three(upper)


def _margin_a(rated_a: float) -> float:
    return max(MARGIN_LEAST_A, MARGIN * rated_a)


def _three(values: list[float]) -> Amperes:
    return values[0], values[1], values[2]
