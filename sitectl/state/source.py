"""Which meter a circuit goes by, and what that one shows.

A circuit names one meter. Where that is stale, lost or not believed, its substitute is taken, and it comes back when it
has been fresh for a while. While both are fresh they are compared: where they differ for long, the higher of the two
counts on each phase, because one of them is wrong and nobody knows which.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import MeterId
from sitectl.model.metering import Freshness
from sitectl.state.meter import MeterState

DIFFERENT_PART, DIFFERENT_LEAST_A = 0.05, 2.0
"""Two meters of one place show different currents when one phase differs by more than both."""

_GOOD = (Freshness.FRESH, Freshness.LATE)

Meters = Mapping[MeterId, MeterState]
Substitutes = Mapping[MeterId, MeterId]


def chain(meter: MeterId, substitutes: Substitutes) -> Iterator[MeterId]:
    """The meter, its substitute, the substitute of that, and so on; each once."""
    seen: set[MeterId] = set()
    here: MeterId | None = meter
    while here is not None and here not in seen:
        seen.add(here)
        yield here
        here = substitutes.get(here)


def source(meters: Meters, substitutes: Substitutes, meter: MeterId, now: float) -> MeterId:
    """The meter to go by: the first that is good and settled, else the first that is good, else the one named."""
    if not substitutes:
        return meter
    good = [each for each in chain(meter, substitutes) if each in meters and meters[each].state(now) in _GOOD]
    settled = (each for each in good if not meters[each].is_settling(now))
    return next(settled, good[0] if good else meter)


def shown(meters: Meters, substitutes: Substitutes, meter: MeterId, now: float) -> PhaseCurrents | None:
    """What flows in a circuit by its meters: of two that differ, the larger import on each phase."""
    held = meters[source(meters, substitutes, meter, now)]
    if held.reading is None:
        return None
    other = meters.get(substitutes[meter]) if meter in substitutes else None
    if other is None or not meters[meter].differs(now) or other.reading is None:
        return held.reading.current_a
    return held.reading.current_a.highest(other.reading.current_a)


def compared(meters: Meters, substitutes: Substitutes, read: MeterId, now: float) -> Meters:
    """A reading of `read` came: note on each meter that has a substitute since when the two differ."""
    changed = dict(meters)
    for meter, substitute in substitutes.items():
        if read not in (meter, substitute) or meter not in meters or substitute not in meters:
            continue
        one, other = meters[meter], meters[substitute]
        comparable = one.state(now) is Freshness.FRESH and other.state(now) is Freshness.FRESH
        differ = comparable and _differ(one, other)
        if not differ and comparable and one.differs_since is not None:
            changed[meter] = replace(one, differs_since=None)
        elif differ and one.differs_since is None:
            changed[meter] = replace(one, differs_since=now)
        elif not comparable and one.differs_since is not None:
            changed[meter] = replace(one, differs_since=None)
    return changed


def _differ(one: MeterState, other: MeterState) -> bool:
    if one.reading is None or other.reading is None:
        return False
    pairs = zip(one.reading.current_a, other.reading.current_a, strict=True)
    return any(abs(a - b) > max(DIFFERENT_LEAST_A, DIFFERENT_PART * max(abs(a), abs(b))) for a, b in pairs)
