"""Whether a reading can follow those before it: what a single reading cannot tell; pure.

What must not be believed is an objection: then there is no reading. What is odd, but leaves the currents usable, is a
doubt: a clause for people that stays until it is settled. Whether a meter that stands still is frozen is for the site
to say, which knows what the stations do meanwhile.
"""

from __future__ import annotations

from collections import deque

from sitectl.meters.decode import CURRENTS, ENERGIES, POWERS, VOLTAGES, Values
from sitectl.meters.plausibility import Limits, objection

SPIKE_PART = 0.5
"""A phase that rose by this part of the rating within one sample, to above the rating, may have been misread, if its
own power does not go with it. Where nothing contradicts, cuts do not wait: a needless one costs less than a fuse."""
FAR_ABOVE = 2.0
"""Beyond this multiple of the rating nobody waits for a second sample: the breaker may not."""
CONTRADICTED = 0.5
"""Below this part of voltage times current, the phase's power says that there was no such jump."""

SUM_PART, SUM_LEAST_W = 0.03, 100.0
SUM_POLLS = 10
"""The phases and the total are not read at one moment: they must disagree so many times in a row."""

SLOPE_S = 300.0
SLOPE_PART, SLOPE_LEAST_WH = 0.1, 250.0
SLOPE_GAP_S = 5.0
"""Energy against power over 5 min, without gaps; counters step by 100 Wh on many meters."""

DOUBT_S = 600.0
"""So long a counter that went back is told."""


class Checks:
    """The checks of one meter, in the order of its readings."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._before: Values | None = None
        self._held = False
        self._measured: Values | None = None
        self._same_since = 0.0
        self._sums_off = 0
        self._counted: Values = {}
        self._went_back: tuple[str, float] | None = None
        self._energy = _EnergyAgainstPower()

    def objection(self, values: Values, at: float) -> str | None:
        """Why these values are no good reading; None: they are one, and the next is judged by it."""
        self._note_repetition(values, at)
        why = objection(values, self._limits) or self._spike(values)
        if why is None:
            self._before = values
            self._note_sums(values)
            self._note_counters(values, at)
            self._energy.add(values, at)
        return why

    @property
    def unchanged_since(self) -> float:
        """The receipt of the first of the bit-identical measurements that end with the newest."""
        return self._same_since

    def doubts(self, at: float) -> tuple[str, ...]:
        """What is odd about the readings, as clauses for people."""
        found: list[str] = []
        if self._sums_off >= SUM_POLLS:
            found.append("its total power is not the sum of its phases")
        if self._went_back is not None and at - self._went_back[1] < DOUBT_S:
            found.append(self._went_back[0])
        if self._energy.doubt is not None:
            found.append(self._energy.doubt)
        return tuple(found)

    def _note_repetition(self, values: Values, at: float) -> None:
        """Energy counters may stand still, and do not make a frozen measurement a live one."""
        measured = {quantity: value for quantity, value in values.items() if quantity not in ENERGIES}
        if measured != self._measured:
            self._measured, self._same_since = measured, at

    def _spike(self, values: Values) -> str | None:
        rated_a, before = self._limits.rated_a, self._before
        if rated_a is None or before is None:
            return None
        for voltage, current, power in zip(VOLTAGES, CURRENTS, POWERS, strict=True):
            now_a, was_a = abs(values.get(current) or 0.0), abs(before.get(current) or 0.0)
            jumped = rated_a < now_a <= FAR_ABOVE * rated_a and now_a - was_a > SPIKE_PART * rated_a
            if jumped and not self._held and _contradicted(values.get(voltage), now_a, values.get(power)):
                self._held = True
                return f"one sample of {now_a:.0f} A on {current[:2].upper()} after {was_a:.0f} A: the next one decides"
        self._held = False
        return None

    def _note_sums(self, values: Values) -> None:
        total = values.get("total_power")
        phases = [watt for power in POWERS if (watt := values.get(power)) is not None]
        if not total or len(phases) < 3:  # a total of 0 may be a register that the device does not serve
            self._sums_off = 0
            return
        off = abs(sum(phases) - total) > max(SUM_PART * sum(map(abs, phases)), SUM_LEAST_W)
        self._sums_off = self._sums_off + 1 if off else 0

    def _note_counters(self, values: Values, at: float) -> None:
        for counter in ENERGIES:
            now, before = values.get(counter), self._counted.get(counter)
            if now is not None and before is not None and abs(now) < abs(before):
                name = counter.replace("_", " ")
                why = "was the meter changed, or do two devices answer at this unit?"
                self._went_back = (f"its {name} went back from {before:.0f} to {now:.0f} Wh: {why}", at)
        self._counted = {**self._counted, **{counter: values[counter] for counter in ENERGIES if values.get(counter)}}


def _contradicted(volt: float | None, ampere: float, watt: float | None) -> bool:
    """A power of 0 says nothing: some devices have the register and do not serve it."""
    return bool(volt and watt) and abs(watt or 0.0) < CONTRADICTED * (volt or 0.0) * ampere


class _EnergyAgainstPower:
    """The energy counters rise as the power says: else a ratio or a scale is wrong. Net, as some meters net phases."""

    def __init__(self) -> None:
        self.doubt: str | None = None
        self._points: deque[tuple[float, float, float]] = deque()
        """When, the net of the counters, and the power added up from the first point on (Wh)."""
        self._watt = 0.0

    def add(self, values: Values, at: float) -> None:
        taken, given = values.get("import_energy"), values.get("export_energy")
        watt = values.get("total_power")
        if taken is None or given is None or watt is None:
            self._points.clear()
            return
        if self._points and at - self._points[-1][0] > SLOPE_GAP_S:
            self._points.clear()
        net_wh = taken - abs(given)
        summed_wh = 0.0
        if self._points:
            before = self._points[-1]
            summed_wh = before[2] + (self._watt + watt) / 2.0 * (at - before[0]) / 3600.0
        self._watt = watt
        self._points.append((at, net_wh, summed_wh))
        first = self._points[0]
        if at - first[0] < SLOPE_S:
            return
        counted, powered = abs(net_wh - first[1]), abs(summed_wh - first[2])
        moved = counted > 0.0  # counters that stand still may be registers that the device does not serve
        off = moved and abs(counted - powered) > max(SLOPE_PART * powered, SLOPE_LEAST_WH)
        why = "check the ratio of its current transformers"
        self.doubt = (
            f"its counters rose by {counted:.0f} Wh where its power makes {powered:.0f} Wh: {why}" if off else None
        )
        while self._points and at - self._points[0][0] > SLOPE_S:
            self._points.popleft()
