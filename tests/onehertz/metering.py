"""A grid meter as the gateway reads it: periods, age, noise, and what goes wrong with meters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from sitectl.model import events
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import CircuitId, MeterId
from sitectl.model.metering import MeterReading


@dataclass(frozen=True)
class Trouble:
    """From `begins` to `ends` (seconds): "out", "frozen", "flipped" (every sign), "no phase" (L2 shows 0), "spike"."""

    kind: str
    begins: float
    ends: float


class GridMeter:
    """One meter; `read` is what a poll brings, `age_s` later."""

    def __init__(
        self,
        id: MeterId,
        circuit: CircuitId,
        random: Random,
        period_s: float = 1.0,
        age_s: float = 1.0,
        noise_a: float = 0.15,
        troubles: Sequence[Trouble] = (),
    ) -> None:
        self.id, self.circuit, self.random = id, circuit, random
        self.period_s, self.age_s, self.noise_a, self.troubles = period_s, age_s, noise_a, troubles
        self._shown = PhaseCurrents(0.0, 0.0, 0.0)
        self._since = 0.0

    def ill(self, now: float) -> str:
        """What is wrong with it now, "" for nothing."""
        return next((t.kind for t in self.troubles if t.begins <= now < t.ends), "")

    def read(self, true_a: Sequence[float], sampled: float) -> events.MeterRead | events.MeterFailed:
        """The event of a poll at `sampled`, received `age_s` later."""
        ill, at = self.ill(sampled), sampled + self.age_s
        if ill == "out":
            return events.MeterFailed(self.id, at, "no answer")
        if ill != "frozen":
            shown = [a + self.random.uniform(-self.noise_a, self.noise_a) for a in true_a]
            if ill == "flipped":
                shown = [-a for a in shown]
            elif ill == "no phase":
                shown[1] = 0.0
            elif ill == "spike" and self.random.random() < 0.2:
                shown[self.random.randrange(3)] *= self.random.choice((0.0, 8.0, -3.0))
            self._shown, self._since = PhaseCurrents(*shown), at
        return events.MeterRead(MeterReading(self.id, at, self._shown, unchanged_since=self._since))
