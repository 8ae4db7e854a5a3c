"""A scan over a bus in memory."""

from dataclasses import replace
from datetime import UTC, datetime

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.fieldbus.bus import Answer, Fault, ReadFailed
from sitectl.fieldbus.memory import MemoryBus
from sitectl.meters.finding import Found, find_units, fits, models
from tests.unit.meters.facts import SUNNY_NOON, image
from tests.unit.meters.sheet_files import sheet
from tests.unit.meters.sunspec_devices import common, inverter
from tests.unit.meters.test_sunspec import WYE, bus_of

CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
JANITZA, EASTRON = sheet("janitza-umg604"), sheet("eastron-sdm630")
SHEETS = [EASTRON, JANITZA]


def bus() -> MemoryBus:
    """A Janitza at unit 1, an Eastron at unit 5."""
    return MemoryBus({(1, 3): image("janitza-umg604"), (5, 4): image("eastron-sdm630")}, CLOCK)


def test_every_unit_that_answers_is_found_by_either_function() -> None:
    async def main() -> None:
        assert [found async for found in find_units(bus(), range(1, 9))] == [Found(1), Found(5)]

    run_virtual(main())


def test_what_fits_is_told_with_its_currents_and_nothing_else() -> None:
    async def main() -> None:
        line = bus()
        (fit,) = await fits(line, 1, SHEETS)
        assert (fit.sheet.id, fit.current_a) == ("janitza-umg604", (41.25, -12.5, 0.75))
        (fit,) = await fits(line, 5, SHEETS)
        assert (fit.sheet.id, fit.known) == ("eastron-sdm630", len(EASTRON.registers))

    run_virtual(main())


def test_a_device_that_names_its_model_is_told_before_all_that_fit_as_well() -> None:
    async def main() -> None:
        name = "carlo-gavazzi-em24-e1"
        twin = replace(sheet(name), id="a-twin", probe=None)
        words = image(name)
        line = MemoryBus({(1, 4): words, (1, 3): {11: 1650}}, CLOCK)
        assert [(fit.sheet.id, fit.named) for fit in await fits(line, 1, [twin, sheet(name)])] == [
            (name, True),
            ("a-twin", False),
        ]
        other = MemoryBus({(1, 4): words, (1, 3): {11: 71}}, CLOCK)
        assert [fit.named for fit in await fits(other, 1, [twin, sheet(name)])] == [False, False]

    run_virtual(main())


def test_values_that_no_grid_has_fit_nothing() -> None:
    async def main() -> None:
        line = MemoryBus({(1, 3): image("janitza-umg604", {**SUNNY_NOON, "l1_voltage": 4000.0})}, CLOCK)
        assert await fits(line, 1, SHEETS) == []

    run_virtual(main())


def test_a_line_that_cannot_be_reached_ends_the_scan_with_the_reason() -> None:
    async def main() -> None:
        line = bus()
        line.failure = ReadFailed(Fault.UNREACHABLE, "there is no /dev/ttyUSB7")
        assert [found async for found in find_units(line, range(1, 9))] == ["there is no /dev/ttyUSB7"]

    run_virtual(main())


def test_noise_is_told_as_such() -> None:
    async def main() -> None:
        line = bus()
        line.failure = ReadFailed(Fault.CHECKSUM, "7 bytes came that are no sound answer")
        found = [each async for each in find_units(line, [3])]
        assert found == [Found(3, "7 bytes came that are no sound answer")]

    run_virtual(main())


def test_a_device_that_does_not_answer_to_blocks_is_not_asked_for_ever() -> None:
    class Mute(MemoryBus):
        async def read(self, unit: int, function: int, address: int, count: int) -> Answer:
            self.requests.append((unit, function, address, count))
            return ReadFailed(Fault.SILENT, "no answer")

    async def main() -> None:
        line = Mute({}, CLOCK)
        assert await fits(line, 1, SHEETS * 5) == []
        assert len(line.requests) <= 4

    run_virtual(main())


def test_devices_that_name_themselves_are_told_by_name_in_the_order_of_the_configuration() -> None:
    async def main() -> None:
        line = bus_of(common("SolarEdge", "SE10K"), inverter(103, a=(1, 1, 1), w=700), common("WattNode", "WND"), WYE)
        assert await models(line, 1) == [
            "WattNode WND 1: meter, model 203",
            "SolarEdge SE10K 1: inverter, model 103",
        ]
        assert await models(bus(), 1) == []

    run_virtual(main())
