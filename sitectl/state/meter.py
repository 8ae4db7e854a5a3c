"""One grid meter as we hold it: its last good reading, judged by age alone, and whether its values stand still."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sitectl.model.circuit import Circuit, MeterLoss
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import MeterId
from sitectl.model.metering import Freshness, MeterReading, freshness
from sitectl.model.records import replace

STALE_AFTER_S = 5.0
LOST_AFTER_S = 10.0
FROZEN_AFTER_S = 30.0
"""The table of times: stale after 5 s, lost after 10 s, frozen after 30 s of identical values under changing load."""

FROZEN_LOAD_CHANGE_A = 5.0

LIVELY, LIVELY_FROZEN_AFTER_S = 60, 20.0
"""A meter of which so many readings in a row were all different does not stand still by itself, for its last digits
move: it is taken for frozen sooner, and whatever the stations do."""

SETTLE_AFTER_LOSS_S = 10.0
"""After a lost meter came back, raises wait until it has been fresh for so long."""


RECOVERY_STEP_S = 30.0
RECOVERY_STEPS = 4
"""Then the base load comes down from the configured worst by so many steps, one each 30 s: raises go with it."""

DIFFERENT_S = 10.0
"""Two meters of one place differ when they have shown different currents for so long."""


@dataclass(frozen=True, slots=True)
class MeterState:
    """Everything held about one meter.

    * `since`: the start of the process; `back_at`: when it came back after a loss.
    * `load_when_new_a`: what the stations reported when its values last changed.
    * `lively`: how many readings in a row differed from the one before, until it stood still for the last time.
    * `differs_since`: since when it and its substitute show different currents.
    * `mistrust`: why it is not believed although it reads; `short_since`: since when it has shown too little, by
      `short_a` on `short_phase` when it was no longer believed; `proved_since`: since when it shows that load again.
    """

    interval_s: float
    reading: MeterReading | None = None
    since: float = 0.0
    back_at: float | None = None
    load_when_new_a: float = 0.0
    frozen: bool = False
    failure: str = ""
    lively: int = 0
    differs_since: float | None = None
    mistrust: str = ""
    short_since: float | None = None
    short_a: float = 0.0
    short_phase: int = 0
    proved_since: float | None = None

    def state(self, now: float) -> Freshness:
        """Fresh up to two cycles, late up to 5 s, stale up to 10 s, then lost."""
        if self.frozen or self.mistrust:
            return Freshness.LOST
        if self.reading is None:
            return Freshness.LOST if now - self.since > STALE_AFTER_S else Freshness.STALE
        return freshness(now - self.reading.at, self.interval_s)

    def settled(self, now: float) -> bool:
        """Whether raises may rest on it: not on one that shows too little just now, long before it is mistrusted."""
        if self.state(now) is not Freshness.FRESH or self.short_since is not None:
            return False
        return not self.is_settling(now)

    def is_settling(self, now: float) -> bool:
        """Whether it came back after a loss only just now."""
        return self.back_at is not None and now - self.back_at < SETTLE_AFTER_LOSS_S

    def differs(self, now: float) -> bool:
        """Whether it has shown something else than its substitute for long."""
        return self.differs_since is not None and now - self.differs_since >= DIFFERENT_S

    def still_worst(self, now: float) -> float:
        """After a loss the base load returns from the worst to what is measured in steps: the part still to go."""
        if self.back_at is None:
            return 0.0
        steps = int((now - self.back_at - SETTLE_AFTER_LOSS_S) // RECOVERY_STEP_S) + 1
        return max(0.0, 1.0 - max(0, steps) / RECOVERY_STEPS)


def with_meter_reading(meter: MeterState, reading: MeterReading, station_load_a: float) -> MeterState:
    """Take a good reading. `station_load_a`: what the stations report, to tell a frozen meter from a calm site."""
    before = meter.reading
    back_at = meter.back_at
    if meter.frozen or (before is not None and reading.at - before.at > LOST_AFTER_S):
        back_at = reading.at
    since = reading.unchanged_since
    if before is None or since is None or since >= reading.at:
        stood = before is not None and before.unchanged_since is not None and before.unchanged_since < before.at
        return replace(
            meter,
            reading=reading,
            back_at=back_at,
            load_when_new_a=station_load_a,
            frozen=False,
            failure="",
            lively=0 if stood else meter.lively + 1,
        )
    moved = abs(station_load_a - meter.load_when_new_a) > FROZEN_LOAD_CHANGE_A
    still_s = reading.at - since
    lively = meter.lively >= LIVELY and still_s >= LIVELY_FROZEN_AFTER_S
    frozen = meter.frozen or lively or (moved and still_s >= FROZEN_AFTER_S)
    why = "values stand still while stations changed" if moved else "values stand still that always moved before"
    failure = (meter.failure or why) if frozen else ""
    return replace(meter, reading=reading, back_at=back_at, frozen=frozen, failure=failure)


def with_parts(meter: MeterState, parts: Iterable[MeterId], meters: Mapping[MeterId, MeterState]) -> MeterState:
    """A meter that is reckoned is worth no more than its parts: one that stands still, or is not believed, makes it
    as wrong as itself, however the others move."""
    for id in parts:
        part = meters.get(id)
        if part is not None and (part.frozen or part.mistrust):
            return replace(meter, frozen=True, failure=f"its part {id}: {part.mistrust or part.failure}")
    return meter


def base_for_sharing(
    circuit: Circuit, meter: MeterState, estimate: PhaseCurrents | None, now: float
) -> tuple[PhaseCurrents, bool]:
    """The base load to share against, and whether charging must stop below this circuit.

    Fresh and late: the estimate, after a loss coming down to it in steps. Stale: half of the way to the configured
    worst, then all of it, so that limits step down. Lost: the configured worst, or stop. Never below the estimate while
    that is the higher one.
    """
    worst = PhaseCurrents(*(circuit.base_load_worst_a,) * 3)
    state = meter.state(now)
    if estimate is None:
        return worst, state is Freshness.LOST and circuit.on_meter_lost is MeterLoss.STOP
    if state in (Freshness.FRESH, Freshness.LATE):
        return _towards(estimate, worst, meter.still_worst(now)), False
    if state is Freshness.LOST:
        return worst.highest(estimate), circuit.on_meter_lost is MeterLoss.STOP
    halfway = meter.reading is not None and now - meter.reading.at < (STALE_AFTER_S + LOST_AFTER_S) / 2.0
    part = 0.5 if halfway else 1.0
    return _towards(estimate, worst, part), False


def _towards(estimate: PhaseCurrents, worst: PhaseCurrents, part: float) -> PhaseCurrents:
    """So far on the way from the estimate to the worst, where that is higher."""
    if part <= 0.0:
        return estimate
    return PhaseCurrents(*(e + max(0.0, w - e) * part for e, w in zip(estimate, worst, strict=True)))
