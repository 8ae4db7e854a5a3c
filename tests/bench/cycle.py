"""How long a whole control cycle takes: `python -m tests.bench.cycle [--json]`.

Method: random sites as in `tests.bench.allocator` (four levels of circuits, posts of two EVSEs, one-, two- and
three-phase cars), a meter on the root and on every panel, all EVSEs in a transaction and following. Between two cycles
a second passes: a tenth of the stations report (each every 10 s), every meter is read, offers are accepted, and the
base load moves by a few ampere. Timed, in CPU milliseconds of this process, are the whole of `Site.cycle` (letting
time pass, the picture, sharing, the independent check, the proof for a dead controller, offers), the allocator alone
on the same pictures, the reduction of one reading of the root's meter, and that of one station's reading. `step` is a
cycle in which the base load of all panels jumps.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from sitectl.allocator.allocate import allocate
from sitectl.allocator.rules import AllocatorMemory, SharingRules
from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.model import events
from sitectl.model.circuit import Topology, topology
from sitectl.model.commands import OfferLimit
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import EvseId, MeterId, TransactionId
from sitectl.model.metering import EvseReading, MeterReading
from sitectl.model.station import StationIdentity
from sitectl.site.memory import MemoryActuator, MemoryJournal, MemoryLimits
from sitectl.site.owner import Site
from sitectl.state.site_state import SiteRules, initial_state
from tests.bench.allocator import times
from tests.bench.figures import Figure, as_json
from tests.bench.sites import random_site
from tests.properties.site_world import EPOCH

SIZES = (54, 200, 1000)
SECONDS = 60
STEP_EVERY = 20
SCARCE = 0.35
"""Ratings of metered circuits, as a part of all that hangs below them."""
Times = dict[str, float]


@dataclass(frozen=True)
class Result:
    """One size: CPU milliseconds."""

    connectors: int
    cycle: Times
    step: Times
    allocate: Times
    meter: Times
    reading: Times
    offers: float


def metered(site: Topology) -> Topology:
    """The same site, scarcer, with meters on the root and on the panels."""
    circuits = {
        id: replace(circuit, meter=MeterId(f"meter {id}"), rated_a=rated_a, base_load_worst_a=rated_a * 0.3)
        if len(site.paths[id]) <= 2 and (rated_a := circuit.rated_a * SCARCE)
        else circuit
        for id, circuit in site.circuits.items()
    }
    return topology(circuits, site.stations, site.nominal_voltage_v)


class Busy:
    """A site in full operation, with a twin of everything around it."""

    def __init__(self, connectors: int, random: Random) -> None:
        self.random = random
        self.site_plan = metered(random_site(random, connectors)[0])
        self.meters = {c.id: c.meter for c in self.site_plan.circuits.values() if c.meter is not None}
        self.clock, self.actuator = LoopClock(EPOCH), MemoryActuator()
        rules = SiteRules(meter_intervals_s=dict.fromkeys(self.meters.values(), 1.0))
        state = initial_state(self.site_plan, rules, self.clock.monotonic())
        self.site = Site(state, SharingRules(), self.clock, self.actuator, MemoryLimits(), MemoryJournal())
        self.evses = list(self.site_plan.evses().values())
        self.limits: dict[EvseId, float] = {}
        self.base = {id: [0.06 * self.site_plan.circuits[id].rated_a] * 3 for id in self.meters}
        self.taken: dict[str, list[float]] = {name: [] for name in ("cycle", "step", "allocate", "meter", "reading")}
        self.offers = 0

    def begin(self) -> None:
        """Everybody comes and starts to charge."""
        now = self.clock.monotonic()
        for station in self.site_plan.stations:
            self.site.post(events.StationConnected(station, now, "1.6", "10.0.0.1"))
            self.site.post(events.StationBooted(station, now, StationIdentity("Bench", "B1", "1")))
            self.site.post(events.ClockSkewLearned(station, now, 0.0))
            self.site.post(events.StartControlLearned(station, now, True))
        for number, plan in enumerate(self.evses):
            self.site.post(events.TransactionStarted(plan.id, TransactionId(str(number)), now, number + 1))

    def drawn(self, place: int) -> PhaseCurrents:
        """What the car at an EVSE draws: what it was told, less half an ampere."""
        plan = self.evses[place]
        a = max(0.0, self.limits.get(plan.id, plan.fallback_a) - 0.5)
        own = [a if phase < len(plan.rotation.phases) else 0.0 for phase in range(3)]
        return PhaseCurrents(*own)

    def second(self, tick: int, *, timed: bool, step: bool) -> None:
        """One second: meters, readings, one cycle, answers."""
        now = self.clock.monotonic()
        for id, meter in self.meters.items():
            worst_a = self.site_plan.circuits[id].base_load_worst_a
            moved = [a + self.random.uniform(-0.01, 0.01) * worst_a for a in self.base[id]]
            self.base[id] = [worst_a * (0.5 if tick // STEP_EVERY % 2 else 0.2)] * 3 if step else moved
            shown = [sum(self.base[c][p] for c in self.meters if id in self.site_plan.paths[c]) for p in range(3)]
            for place, plan in enumerate(self.evses):
                if id in self.site_plan.paths[plan.circuit]:
                    for phase, a in enumerate(plan.rotation.to_grid(self.drawn(place))):
                        shown[phase] += a
            event = events.MeterRead(MeterReading(meter, now, PhaseCurrents(*shown), unchanged_since=now))
            self._timed("meter" if timed and id == self.site_plan.root else None, lambda e=event: self.site.post(e))
        for place in range(tick % 10, len(self.evses), 10):
            reading = events.EvseMetered(EvseReading(self.evses[place].id, now, self.drawn(place)))
            self._timed("reading" if timed else None, lambda e=reading: self.site.post(e))
        memory = self.site.decision.memory if self.site.decision is not None else AllocatorMemory()
        self._timed(("step" if step else "cycle") if timed else None, self.site.cycle)
        decision = self.site.decision
        assert decision is not None
        assert not decision.violations
        if timed:
            compiled = self.site.compiled
            self._timed("allocate", lambda: allocate(compiled, decision.snapshot, memory, SharingRules()))
        for command in self.actuator.taken():
            offer = command.offer
            self.site.post(events.LimitAcknowledged(offer.evse, offer.seq, offer.kind, now))
            if isinstance(command, OfferLimit):
                self.limits[offer.evse] = offer.limit_a
                self.offers += timed

    def _timed(self, name: str | None, call: Callable[[], Any]) -> None:
        begun = time.process_time_ns()
        call()
        if name is not None:
            self.taken[name].append((time.process_time_ns() - begun) / 1e6)


async def measure(connectors: int) -> Result:
    """A minute and a half of one site, the first third of it to settle."""
    busy = Busy(connectors, Random(connectors))
    busy.begin()
    for tick in range(SECONDS // 2 + SECONDS):
        if tick == SECONDS // 2:
            gc.collect()
            gc.freeze()
        timed = tick >= SECONDS // 2
        busy.second(tick, timed=timed, step=timed and tick % STEP_EVERY == 0)
        await asyncio.sleep(1.0)
    found = {name: times(taken) for name, taken in busy.taken.items()}
    return Result(connectors, **found, offers=round(busy.offers / SECONDS, 1))


def run() -> list[Result]:
    """All sizes."""
    return [run_virtual(measure(connectors)) for connectors in SIZES]


def main() -> None:
    """Print the table, or JSON."""
    results = run()
    if "--json" in sys.argv:
        figures = [
            Figure(f"whole cycle, {row.connectors} connectors, all cut, p50", row.step["p50"], "ms") for row in results
        ]
        print(as_json("cycle", figures, rows=[vars(row) for row in results]))
        return
    print("CPU ms               cycle        cycle, all cut     allocator alone    meter reading  station reading")
    print(
        "connectors        p50    p99        p50    p99        p50    p99        p50    p99        p50    p99  offers/s"
    )
    for row in results:
        parts = (row.cycle, row.step, row.allocate, row.meter, row.reading)
        figures = "".join(f"    {part['p50']:>7.2f}{part['p99']:>7.2f}" for part in parts)
        print(f"{row.connectors:>10}{figures}{row.offers:>10}")


if __name__ == "__main__":
    main()
