from datetime import UTC, datetime

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.config.settings import MeterSettings
from sitectl.fieldbus.bus import Fault, ReadFailed
from sitectl.fieldbus.memory import MemoryBus
from sitectl.meters.once import Look, Looker, unit_of
from sitectl.model.connection import TcpConnection
from sitectl.model.ids import MeterId
from tests.unit.meters.facts import SUNNY_NOON, image
from tests.unit.meters.sheet_files import sheet

CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
NAME = "janitza-umg604"
MAIN = MeterSettings(MeterId("main"), sheet(NAME), TcpConnection("10.0.0.5", 502), 1)


def seen(bus: MemoryBus) -> Look | str:
    async def main() -> Look | str:
        return await Looker(MAIN, bus, CLOCK).look()

    return run_virtual(main())


def test_every_value_comes_with_the_verdict() -> None:
    found = seen(MemoryBus({(1, 3): image(NAME)}, CLOCK))
    assert isinstance(found, Look)
    assert found.current_a == (41.25, -12.5, 0.75)
    assert found.values["import_energy"] == 123_456_000.0
    assert found.objection is None


def test_values_that_cannot_be_are_shown_with_the_objection() -> None:
    found = seen(MemoryBus({(1, 3): image(NAME, {**SUNNY_NOON, "frequency": 70.0})}, CLOCK))
    assert isinstance(found, Look)
    assert found.values["l1_voltage"] == 231.5
    assert found.objection is not None
    assert "frequency of 70 Hz" in found.objection


def test_where_nothing_comes_it_says_why() -> None:
    bus = MemoryBus({}, CLOCK)
    assert seen(bus) == "unit 1 did not answer"
    bus.failure = ReadFailed(Fault.SHEET, "exception 2")
    assert seen(bus) == "exception 2"


def test_units_follow_from_the_quantity() -> None:
    assert [unit_of(q) for q in ("l1_voltage", "total_power", "frequency", "import_energy", "telegram_time")] == [
        "V", "W", "Hz", "Wh", "",
    ]  # fmt: skip
