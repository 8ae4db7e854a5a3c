"""A poller on virtual time over a bus in memory."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from sitectl.base.clock import LoopClock
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.config.settings import MeterSettings
from sitectl.fieldbus.bus import Fault, ReadFailed, Registers
from sitectl.fieldbus.memory import MemoryBus
from sitectl.meters.poller import MeterPoller
from sitectl.model.connection import TcpConnection
from sitectl.model.events import Event, MeterFailed, MeterRead
from sitectl.model.ids import MeterId
from sitectl.model.metering import MeterReading
from tests.unit.meters.facts import SUNNY_NOON, facts, image
from tests.unit.meters.sheet_files import sheet

NAME = "carlo-gavazzi-em24-e1"
CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
CUT = ReadFailed(Fault.UNREACHABLE, "no connection to 10.0.0.5:502")
EXPORT_COUNTER = 78


class SlowBus(MemoryBus):
    """Answers after `delay_s`."""

    delay_s = 0.0

    async def read(self, unit: int, function: int, address: int, count: int) -> Registers | ReadFailed:
        await asyncio.sleep(self.delay_s)
        return await super().read(unit, function, address, count)


@dataclass
class Rig:
    """One meter, one bus, and what was posted."""

    interval_s: float = 1.0
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.bus = SlowBus({(1, 4): image(NAME)}, CLOCK)
        self.settings = MeterSettings(MeterId("main"), sheet(NAME), TcpConnection("10.0.0.5", 502), 1, self.interval_s)
        self.tasks = Tasks()

    def post(self, event: Event) -> None:
        self.events.append(event)

    def poller(self) -> MeterPoller:
        return MeterPoller(self.settings, self.bus, self, CLOCK)

    def start(self) -> None:
        self.tasks.spawn(self.poller().run(), "meter")

    def show(self, **changed: float) -> None:
        self.bus.images[1, 4].update(image(NAME, {**SUNNY_NOON, **changed}))

    def code(self, quantity: str, *words: int) -> None:
        self.bus.images[1, 4].update(enumerate(words, facts(NAME)[quantity].address))

    @property
    def readings(self) -> list[MeterReading]:
        return [event.reading for event in self.events if isinstance(event, MeterRead)]

    @property
    def failures(self) -> list[str]:
        return [event.why for event in self.events if isinstance(event, MeterFailed)]


def test_posts_what_the_meter_shows() -> None:
    async def main() -> None:
        rig = Rig()
        await rig.poller().poll()
        (reading,) = rig.readings
        assert reading.meter == "main"
        assert reading.current_a == pytest.approx((41.25, -12.5, 0.75))
        assert reading.voltage_v == pytest.approx((231.5, 229.0, 230.5))
        assert reading.power_w == pytest.approx(6810.5)
        assert reading.import_wh == pytest.approx(123_456_000)
        assert rig.bus.requests == [(1, 4, 0, 24), (1, 4, 40, 14), (1, 4, EXPORT_COUNTER, 2)]

    run_virtual(main())


def test_polls_on_the_grid_without_drift() -> None:
    async def main() -> None:
        rig = Rig(interval_s=1.0)
        rig.bus.delay_s = 0.1
        rig.start()
        await asyncio.sleep(5.9)
        assert [reading.at for reading in rig.readings] == pytest.approx([0.1, 1.1, 2.1, 3.1, 4.1, 5.1])
        await rig.tasks.cancel_all()

    run_virtual(main())


def test_a_slow_poll_leaves_points_out_and_catches_nothing_up() -> None:
    async def main() -> None:
        rig = Rig(interval_s=1.0)
        rig.bus.delay_s = 0.8  # three blocks: 2.4 s a poll
        rig.start()
        await asyncio.sleep(2.5)
        rig.bus.delay_s = 0.0
        await asyncio.sleep(3.0)
        assert [reading.at for reading in rig.readings] == pytest.approx([0.8, 3.0, 4.0, 5.0])
        await rig.tasks.cancel_all()

    run_virtual(main())


def test_a_reading_is_no_younger_than_its_oldest_value() -> None:
    async def main() -> None:
        rig = Rig()
        rig.bus.delay_s = 0.2
        await rig.poller().poll()
        assert rig.readings[0].at == pytest.approx(0.2)

    run_virtual(main())


@pytest.mark.parametrize("fault", [Fault.UNREACHABLE, Fault.SILENT, Fault.MALFORMED, Fault.GATEWAY])
def test_a_failed_read_is_posted_and_asks_for_no_further_block(fault: Fault) -> None:
    async def main() -> None:
        rig = Rig()
        rig.bus.failure = ReadFailed(fault, "because")
        await rig.poller().poll()
        assert rig.failures == ["because"]
        assert len(rig.bus.requests) == 1

    run_virtual(main())


def test_an_unknown_current_is_a_failure_and_never_zero() -> None:
    async def main() -> None:
        rig = Rig()
        rig.code("l2_current", 0xFFFF, 0x7FFF)
        await rig.poller().poll()
        assert rig.readings == []
        assert rig.failures == ["L2 current is unknown"]

    run_virtual(main())


def test_an_implausible_reading_is_a_failure() -> None:
    async def main() -> None:
        rig = Rig()
        rig.show(frequency=0.0)
        await rig.poller().poll()
        assert rig.failures == ["a frequency of 0 Hz is outside 45 to 65 Hz"]

    run_virtual(main())


def test_a_variant_without_a_counter_is_read_all_the_same() -> None:
    async def main() -> None:
        rig = Rig()
        del rig.bus.images[1, 4][EXPORT_COUNTER]
        await rig.poller().poll()
        (reading,) = rig.readings
        assert reading.export_wh is None
        assert reading.import_wh is not None

    run_virtual(main())


def test_a_device_that_refuses_the_currents_fails_with_its_own_reason() -> None:
    async def main() -> None:
        rig = Rig()
        del rig.bus.images[1, 4][facts(NAME)["l1_current"].address]
        await rig.poller().poll()
        assert rig.failures == ["unit 1, registers 0 to 23 answered with exception 2 (illegal address)"]

    run_virtual(main())


def test_tells_since_when_the_measurement_has_not_changed() -> None:
    async def main() -> None:
        rig = Rig()
        rig.start()
        await asyncio.sleep(1.5)
        rig.show(import_energy=123_456_100.0)  # counters do not make a frozen measurement a live one
        await asyncio.sleep(1.0)
        rig.bus.failure = CUT
        await asyncio.sleep(1.0)
        rig.bus.failure = None
        await asyncio.sleep(1.0)
        rig.show(l3_current=0.751)
        await asyncio.sleep(1.0)
        assert [(reading.at, reading.unchanged_since) for reading in rig.readings] == [
            (0.0, 0.0),
            (1.0, 0.0),
            (2.0, 0.0),
            (4.0, 0.0),
            (5.0, 5.0),
        ]
        await rig.tasks.cancel_all()

    run_virtual(main())


def test_says_once_when_a_meter_fails_and_once_when_it_is_back(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        rig = Rig()
        rig.start()
        await asyncio.sleep(3.5)
        rig.bus.failure = CUT
        await asyncio.sleep(60.0)
        rig.bus.failure = None
        await asyncio.sleep(60.0)
        assert len(rig.failures) == 60, "each failure is posted, the site counts the age"
        await rig.tasks.cancel_all()

    with caplog.at_level(logging.INFO, logger="sitectl.meters"):
        run_virtual(main())
    assert [record.getMessage() for record in caplog.records] == [
        "meter main gives no good reading: no connection to 10.0.0.5:502",
        "meter main reads again after 61.0 s",
    ]


def test_a_single_lost_poll_is_not_worth_a_word(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        rig = Rig()
        rig.start()
        await asyncio.sleep(3.5)
        rig.bus.failure = CUT
        await asyncio.sleep(1.0)
        rig.bus.failure = None
        await asyncio.sleep(5.0)
        assert len(rig.failures) == 1
        await rig.tasks.cancel_all()

    with caplog.at_level(logging.INFO, logger="sitectl.meters"):
        run_virtual(main())
    assert caplog.records == []


def test_a_meter_that_never_answered_is_reported_too(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        rig = Rig()
        rig.bus.failure = CUT
        rig.start()
        await asyncio.sleep(10.5)
        await rig.tasks.cancel_all()

    with caplog.at_level(logging.INFO, logger="sitectl.meters"):
        run_virtual(main())
    assert len(caplog.records) == 1
