import asyncio
from datetime import UTC, datetime

from sitectl.base.clock import LoopClock
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.meters.from_stations import StationsMeter, drawn
from sitectl.model.electrical import ALL_PHASES, Phase, PhaseCurrents, PhaseRotation
from sitectl.model.events import Event, MeterFailed, MeterRead
from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot
from sitectl.model.station import EvsePlan

GARAGE, OFFICE = CircuitId("garage"), CircuitId("office")
CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))


def evse(
    name: str,
    counts_a: float,
    measured: tuple[float, float, float] | None = None,
    at: float | None = None,
    *,
    circuit: CircuitId = GARAGE,
    phases: tuple[Phase, ...] = ALL_PHASES,
) -> EvseSnapshot:
    id = EvseId(StationId(name), 1)
    plan = EvsePlan(id, circuit, 32.0, 6.0, PhaseRotation(phases), 6.0)
    measured_a = None if measured is None else PhaseCurrents(*measured)
    return EvseSnapshot(id, plan, online=True, counts_a=counts_a, measured_a=measured_a, measured_at=at, phases=phases)


def test_who_reported_counts_with_that_and_who_did_not_with_all_he_may_draw() -> None:
    reported = evse("A", 32.0, (15.9, 15.8, 15.7), 90.0)
    silent = evse("B", 10.0)
    old = evse("C", 16.0, (0.0, 0.0, 0.0), 80.0, phases=(Phase.L2,))
    assert drawn([reported, silent, old], 100.0) == PhaseCurrents(25.9, 41.8, 25.7)
    assert drawn([], 100.0) == PhaseCurrents(0.0, 0.0, 0.0)


def test_it_reads_once_a_second_and_only_what_hangs_below() -> None:
    events: list[Event] = []

    class Inbox:
        def post(self, event: Event) -> None:
            events.append(event)

    seen: list[SiteSnapshot] = []
    below = evse("A", 20.0)
    elsewhere = evse("B", 7.0, circuit=OFFICE)

    async def main() -> None:
        tasks = Tasks()
        look = lambda: seen[-1] if seen else None  # noqa: E731
        meter = StationsMeter(MeterId("sum"), [GARAGE], look, Inbox(), CLOCK)
        tasks.spawn(meter.run(), "meter")
        await asyncio.sleep(0.5)
        seen.append(SiteSnapshot(0.5, {}, {e.id: e for e in (below, elsewhere)}, {}, {}))
        await asyncio.sleep(2.0)
        await tasks.cancel_all()

    run_virtual(main())
    first, *rest = events
    assert isinstance(first, MeterFailed)
    assert [(e.reading.at, e.reading.current_a) for e in rest if isinstance(e, MeterRead)] == [
        (1.0, (20.0, 20.0, 20.0)),
        (2.0, (20.0, 20.0, 20.0)),
    ]
