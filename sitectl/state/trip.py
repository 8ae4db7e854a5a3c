"""How much of its trip time the breaker of a circuit has used up, phase by phase, by what its meter shows.

Every second above the rating uses 1 / (trip time at that ratio); below 1.13 times the rating a breaker cools down, with
a time constant of ten minutes. Between 1.0 and 1.13 both happen: what stays there is never quite forgotten. For the
time between two readings the higher one counts, and that is all that counts of a longer gap: of the rest nobody knows
whether it heated or cooled.

A restart begins at nothing. That is a few per cent at most, for above 2 % the allocator lowers what it shares and above
10 % it pauses (`allocator.breaker`), and the first cycles of a process raise nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.metering import STALE_S
from sitectl.state.breaker import COOLS_BELOW, trip_time_s

COOLING_S = 600.0

Three = tuple[float, float, float]
Moments = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, slots=True)
class TripState:
    """One circuit. `used`: fraction of the trip time by phase, as of the reading `at` (monotonic s).

    `over_since`: by phase, since when every reading was above the rating.
    """

    used: Three = (0.0, 0.0, 0.0)
    ratios: Three = (0.0, 0.0, 0.0)
    at: float | None = None
    over_since: Moments = (None, None, None)


COLD = TripState()


def heated(trip: TripState, current_a: PhaseCurrents, rated_a: float, at: float) -> TripState:
    """A reading of the circuit's meter came: what the time since the last one did to the breaker.

    Currents flow either way through it: what is fed back heats as well.
    """
    ratios = (abs(current_a.l1) / rated_a, abs(current_a.l2) / rated_a, abs(current_a.l3) / rated_a)
    if max(ratios) <= 1.0 and trip.used == COLD.used and trip.over_since == COLD.over_since:
        return TripState(ratios=ratios, at=at)
    seconds = 0.0 if trip.at is None else min(max(0.0, at - trip.at), STALE_S)
    used = [_after(trip.used[phase], max(trip.ratios[phase], ratios[phase]), seconds) for phase in (0, 1, 2)]
    since = [_since(trip.over_since[phase], ratios[phase], at) for phase in (0, 1, 2)]
    return TripState((used[0], used[1], used[2]), ratios, at, (since[0], since[1], since[2]))


def _after(used: float, ratio: float, seconds: float) -> float:
    """What is used after so many seconds at a ratio; what is less than a hundredth of a per cent is nothing.

    More than all is never used: then the breaker has opened, or one wild reading must not pause a site for hours.
    """
    kept = used * exp(-seconds / COOLING_S) if ratio < COOLS_BELOW else used
    used = kept + seconds / trip_time_s(ratio)
    return min(used, 1.0) if used >= 0.0001 else 0.0


def _since(before: float | None, ratio: float, at: float) -> float | None:
    if ratio <= 1.0:
        return None
    return at if before is None else before
