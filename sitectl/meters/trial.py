"""A meter on trial: read for a while, then judged by what a technician would look for; pure.

* How often it answers, how fast, and how often its own values are renewed: polling faster than that finds nothing new.
* Each phase by itself: power against voltage times current, and which way it flows.
* Against the stations below it, which measure the same current: more cannot flow there than here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from statistics import mean, median

from sitectl.meters.decode import CURRENTS, ENERGIES, POWERS, VOLTAGES
from sitectl.meters.once import Look
from sitectl.model.electrical import PhaseCurrents

LOADED_A = 1.0
"""Below this current the signs and ratios of a phase say nothing."""
REVERSED_W = 50.0
LOW_FACTOR = 0.5
ABOVE_PART, ABOVE_LEAST_W = 0.05, 50.0
SUM_PART, SUM_LEAST_W = 0.03, 100.0
STATIONS_LEAST_A = 3.0
STATIONS_PART, STATIONS_LESS_A = 0.05, 1.0
FEWEST_RENEWALS = 3


class Level(StrEnum):
    """How grave a remark is: `wrong` must be mended before a fuse rests on the meter."""

    WELL = "well"
    DOUBT = "doubt"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that was found, as a sentence for people."""

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. `renewed_s`: how often the device renews its values, None where that did not show."""

    reads: int
    failed: Counter[str]
    answer_ms: tuple[float, float] | None
    renewed_s: float | None
    remarks: tuple[Remark, ...]

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not any(remark.level is Level.WRONG for remark in self.remarks)


def judge(outcomes: Sequence[Look | str], stations_a: PhaseCurrents | None = None, wiring: Sequence[str] = ()) -> Trial:
    """What these readings say. `stations_a`: what the stations below the meter draw meanwhile, where that is known;
    `wiring`: what the device itself says is wrong."""
    looks = [outcome for outcome in outcomes if isinstance(outcome, Look)]
    whys = (outcome if isinstance(outcome, str) else outcome.objection for outcome in outcomes)
    failed = Counter(why for why in whys if why is not None)
    good = [look for look in looks if look.objection is None]
    took_ms = [look.took_s * 1000.0 for look in looks]
    remarks = [*_answers(len(outcomes), failed), *(Remark(Level.WRONG, f"it says itself: {text}") for text in wiring)]
    renewed_s = _renewed_s(good)
    if good:
        remarks += [*_renewals(good, renewed_s), *_phases(good), *_total(good), *_against(good, stations_a)]
    times = (round(median(took_ms), 1), round(max(took_ms), 1)) if took_ms else None
    return Trial(len(outcomes), failed, times, renewed_s, tuple(remarks))


def _answers(reads: int, failed: Counter[str]) -> list[Remark]:
    count = failed.total()
    if not count:
        return [Remark(Level.WELL, f"all of {reads} readings were good")]
    why, _ = failed.most_common(1)[0]
    level = Level.WRONG if count * 10 > reads else Level.DOUBT
    return [Remark(level, f"{count} of {reads} readings were not good, most often because: {why}")]


def _renewed_s(good: Sequence[Look]) -> float | None:
    """The usual time between two readings that differ."""
    changes = [look.at for before, look in pairwise(good) if _measured(before) != _measured(look)]
    if len(changes) < FEWEST_RENEWALS:
        return None
    return round(median(after - before for before, after in pairwise(changes)), 2)


def _measured(look: Look) -> dict[str, float | None]:
    return {quantity: value for quantity, value in look.values.items() if quantity not in ENERGIES}


def _renewals(good: Sequence[Look], renewed_s: float | None) -> list[Remark]:
    if renewed_s is None:
        text = "its values hardly changed: with some load on, try again, or it is frozen"
        return [Remark(Level.DOUBT, text)] if len(good) > 10 * FEWEST_RENEWALS else []
    level = Level.WELL if renewed_s <= 2.0 else Level.DOUBT
    return [Remark(level, f"it renews its values every {renewed_s:g} s")]


def _phases(good: Sequence[Look]) -> list[Remark]:
    remarks: list[Remark] = []
    watts = [_mean(good, power) for power in POWERS]
    for phase, (voltage, current, watt) in enumerate(zip(VOLTAGES, CURRENTS, watts, strict=True), start=1):
        volt, ampere = _mean(good, voltage), _mean(good, current)
        if volt is None or ampere is None or watt is None or abs(ampere) < LOADED_A or volt <= 0:
            continue
        apparent, name = volt * abs(ampere), f"L{phase}"
        if abs(watt) > apparent * (1 + ABOVE_PART) + ABOVE_LEAST_W:
            text = f"{name} shows {watt:.0f} W, more than {volt:.0f} V times {abs(ampere):.1f} A"
            remarks.append(Remark(Level.WRONG, f"{text}: a ratio or the sheet is wrong"))
        elif abs(watt) < apparent * LOW_FACTOR:
            factor = abs(watt) / apparent
            text = f"{name} has a power factor of {factor:.2f}: is its current transformer on another phase's cable?"
            remarks.append(Remark(Level.DOUBT, text))
    sign = good[-1].sheet.power_sign
    out = [f"L{n}" for n, watt in enumerate(watts, start=1) if watt is not None and watt * sign < -REVERSED_W]
    into = [watt for watt in watts if watt is not None and watt * sign > REVERSED_W]
    if out and into:
        text = f"{' and '.join(out)} exports while others import"
        why = "a current transformer is turned round, unless something there generates"
        remarks.append(Remark(Level.DOUBT, f"{text}: {why}"))
    return remarks


def _total(good: Sequence[Look]) -> list[Remark]:
    total, phases = _mean(good, "total_power"), [_mean(good, power) for power in POWERS]
    known = [watt for watt in phases if watt is not None]
    if total is None or len(known) < len(POWERS):
        return []
    if abs(sum(known) - total) <= max(SUM_PART * sum(map(abs, known)), SUM_LEAST_W):
        return [Remark(Level.WELL, "its phases add up to its total power")]
    return [Remark(Level.WRONG, f"its phases add up to {sum(known):.0f} W, and its total is {total:.0f} W")]


def _against(good: Sequence[Look], stations_a: PhaseCurrents | None) -> list[Remark]:
    if stations_a is None or max(stations_a) < STATIONS_LEAST_A:
        return [Remark(Level.DOUBT, "no station below it draws enough to compare: test again while a car charges")]
    currents = [look.current_a for look in good if look.current_a is not None]
    if not currents:
        return []
    remarks = []
    for phase, drawn_a in enumerate(stations_a):
        shown_a = mean(current[phase] for current in currents)
        if drawn_a > shown_a + STATIONS_LESS_A + STATIONS_PART * drawn_a:
            text = (
                f"the stations draw {drawn_a:.1f} A on L{phase + 1}, and it shows {shown_a:.1f} A there: its phases are"
            )
            remarks.append(
                Remark(Level.WRONG, f"{text} exchanged, or it measures elsewhere, or something below generates")
            )
    return remarks or [Remark(Level.WELL, "on each phase it shows at least what the stations below it draw")]


def _mean(good: Sequence[Look], quantity: str) -> float | None:
    known = [value for look in good if (value := look.values.get(quantity)) is not None]
    return mean(known) if known else None
