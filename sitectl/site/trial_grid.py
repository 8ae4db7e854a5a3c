"""The grid meter as a trial looks at it: the nearest one above an EVSE, and its last readings."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import CircuitId, MeterId
from sitectl.site.trials import Bench, TrialFailed

AVERAGE_S = 4.0


@dataclass(slots=True)
class Grid:
    """The meter nearest above an EVSE, and its last readings."""

    bench: Bench
    circuit: CircuitId
    meter: MeterId
    readings: deque[tuple[float, PhaseCurrents]] = field(default_factory=lambda: deque(maxlen=64))

    @classmethod
    def above(cls, bench: Bench) -> Grid | None:
        """The nearest one; it notes every reading from now on."""
        topology = bench.state.topology
        for circuit in topology.paths[bench.held().plan.circuit]:
            meter = topology.circuits[circuit].meter
            if meter is not None and meter in bench.state.meters and meter not in bench.state.rules.station_meters:
                grid = cls(bench, circuit, meter)
                bench.on_look = grid.look
                return grid
        return None

    def look(self) -> None:
        """Note the newest reading."""
        reading = self.bench.state.meters[self.meter].reading
        if reading is not None and (not self.readings or reading.at > self.readings[-1][0]):
            self.readings.append((reading.at, reading.current_a))

    @property
    def newest(self) -> PhaseCurrents | None:
        """The newest reading."""
        return self.readings[-1][1] if self.readings else None

    def average(self, until: float) -> PhaseCurrents:
        """What it read in the last seconds before a moment."""
        recent = self._recent(until)
        return PhaseCurrents(*(sum(a[phase] for a in recent) / len(recent) for phase in range(3)))

    def spread_a(self, until: float) -> float:
        """How far its readings of the last seconds lie apart, on the phase where they do so most."""
        recent = self._recent(until)
        return max(max(a[phase] for a in recent) - min(a[phase] for a in recent) for phase in range(3))

    def _recent(self, until: float) -> list[PhaseCurrents]:
        recent = [a for at, a in self.readings if until - AVERAGE_S <= at <= until]
        if not recent:
            raise TrialFailed(f"the meter {self.meter} gives no readings; `sitectl meters` shows how it stands")
        return recent

    async def passes(self) -> None:
        """Let it be read for as long as an average takes."""
        await self.bench.until(lambda: False, AVERAGE_S)
