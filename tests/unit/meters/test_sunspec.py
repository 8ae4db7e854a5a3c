"""Scan and reading of SunSpec devices, over a bus in memory on virtual time."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.fieldbus.bus import Fault, ReadFailed
from sitectl.fieldbus.memory import MemoryBus
from sitectl.meters.decode import signed_currents
from sitectl.meters.readers import Sample
from sitectl.meters.scan import SunSpecReader, scan
from sitectl.meters.sunspec import Device, Found
from tests.unit.meters.sheet_files import sheet
from tests.unit.meters.sunspec_devices import common, float_meter, inverter, meter, row

CLOCK = LoopClock(datetime(2026, 1, 1, tzinfo=UTC))
A, W = (4125, 1250, 75), (9400, -2800, 160)
WYE = meter(203, a=A, w=W)


def bus_of(*blocks: Sequence[int], base: int = 40000) -> MemoryBus:
    return MemoryBus({(1, 3): row(blocks, base)}, CLOCK)


def read(bus: MemoryBus, device: int | None = None, direction: int | None = None, times: int = 1) -> Sample | str:
    async def main() -> Sample | str:
        reader = SunSpecReader(bus, 1, sheet("sunspec"), device, direction)
        for _ in range(times):
            outcome = await reader.read()
        return outcome

    return run_virtual(main())


def found(bus: MemoryBus) -> list[Found] | str:
    return run_virtual(scan(bus, 1))


@pytest.mark.parametrize("base", [40000, 0, 50000])
def test_the_scan_tries_three_bases(base: int) -> None:
    (only,) = found(bus_of(common("Fronius"), WYE, base=base))
    assert isinstance(only, Found)
    assert (only.model, only.address) == (203, base + 2 + 68)
    assert only.device == Device("Fronius", "M", "1")


def test_what_is_no_sunspec_says_so() -> None:
    assert found(MemoryBus({(1, 3): dict.fromkeys(range(100), 0)}, CLOCK)) == (
        "unit 1 does not spell SunS at any of 40000, 0, 50000"
    )


def test_a_silent_device_is_not_asked_at_other_places() -> None:
    bus = bus_of(common("Fronius"), WYE)
    bus.failure = ReadFailed(Fault.SILENT, "no answer")
    assert found(bus) == "no answer"
    assert len(bus.requests) == 1


def test_a_row_that_never_ends_is_left_after_sixty_blocks() -> None:
    bus = bus_of(*[[64000, 2, 0, 0]] * 200)
    assert found(bus) == []
    assert len(bus.requests) == 61


def test_a_row_without_its_end_mark_ends_where_the_device_refuses() -> None:
    bus = bus_of(common("Fronius"), WYE)
    image = bus.images[1, 3]
    for address in list(image)[-2:]:
        del image[address]
    assert [each.model for each in found(bus)] == [203]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("block", "current"),
    [
        (WYE, (41.25, -12.5, 0.75)),
        (float_meter(213, a=(41.25, 12.5, 0.75), w=(9400.0, -2800.0, 160.0)), (41.25, -12.5, 0.75)),
        (meter(201, a=(4125, -0x8000, -0x8000), w=(9400, -0x8000, -0x8000)), (41.25, 0.0, 0.0)),
        (meter(202, a=(4125, 1250, -0x8000), w=(9400, -2800, -0x8000)), (41.25, -12.5, 0.0)),
        (meter(204, a=(4125, 1250, 75), w=(-0x8000,) * 3), (41.25, 12.5, 0.75)),
    ],
)
def test_currents_of_every_model_of_meters(block: list[int], current: tuple[float, ...]) -> None:
    sample = read(bus_of(common("Fronius"), block))
    assert isinstance(sample, Sample), sample
    assert signed_currents(sample.sheet, sample.values) == pytest.approx(current)


def test_a_phase_that_should_be_there_and_is_not_served_is_unknown() -> None:
    sample = read(bus_of(common("Fronius"), meter(203, a=(4125, 1250, -0x8000), w=W)))
    assert isinstance(sample, Sample)
    assert sample.values["l3_current"] is None


@pytest.mark.parametrize("kind", ["int", "float"])
def test_everything_else_that_a_meter_says(kind: str) -> None:
    floats = float_meter(213, a=(41.25, 12.5, 0.75), w=(9400.0, -2800.0, 160.0))
    sample = read(bus_of(common("Fronius"), WYE if kind == "int" else floats))
    assert isinstance(sample, Sample)
    assert sample.values["l2_voltage"] == pytest.approx(230.1)
    assert sample.values["frequency"] == pytest.approx(50.0, abs=0.02)
    assert sample.values["total_power"] == pytest.approx(6760)
    assert sample.values["import_energy"] == pytest.approx(12_000_000)
    assert sample.values["export_energy"] == pytest.approx(3000)


def test_a_scale_factor_that_changes_at_run_time_is_followed() -> None:
    async def main() -> None:
        bus = bus_of(common("Fronius"), WYE)
        reader = SunSpecReader(bus, 1, sheet("sunspec"), None, None)
        await reader.read()
        bus.images[1, 3].update(row([common("Fronius"), meter(203, a=(413, 125, 8), w=W, a_sf=-1)]))
        again = await reader.read()
        assert isinstance(again, Sample)
        assert again.values["l1_current"] == pytest.approx(41.3)

    run_virtual(main())


def test_the_scan_is_done_once_and_again_when_something_else_stands_there() -> None:
    async def main() -> None:
        bus = bus_of(common("Fronius"), WYE)
        reader = SunSpecReader(bus, 1, sheet("sunspec"), None, None)
        await reader.read()
        before = len(bus.requests)
        await reader.read()
        assert len(bus.requests) == before + 1
        bus.images[1, 3].update(row([common("Fronius"), inverter(103, a=(10, 10, 10), w=690), WYE]))
        moved = await reader.read()
        assert isinstance(moved, str)
        assert "looked for again" in moved
        found_again = await reader.read()
        assert isinstance(found_again, Sample)
        assert found_again.values["l1_current"] == pytest.approx(41.25)

    run_virtual(main())


def test_after_a_lost_connection_it_is_looked_for_again() -> None:
    async def main() -> None:
        bus = bus_of(common("Fronius"), WYE)
        reader = SunSpecReader(bus, 1, sheet("sunspec"), None, None)
        await reader.read()
        bus.failure = ReadFailed(Fault.UNREACHABLE, "no connection")
        assert await reader.read() == "no connection"
        bus.failure = None
        bus.requests.clear()
        assert isinstance(await reader.read(), Sample)
        assert bus.requests[0] == (1, 3, 40000, 2)

    run_virtual(main())


def test_export_is_positive_where_the_maker_of_the_inverter_counts_so() -> None:
    """The meter behind the inverter has a maker of its own; the first device at the unit decides."""
    bus = bus_of(common("SolarEdge", "SE10K"), inverter(103, a=(10, 10, 10), w=690), common("WattNode"), WYE)
    sample = read(bus)
    assert isinstance(sample, Sample)
    assert signed_currents(sample.sheet, sample.values) == pytest.approx((-41.25, 12.5, -0.75))


def test_an_unknown_maker_wants_the_direction_said() -> None:
    bus = bus_of(common("Unheard-of"), WYE)
    assert read(bus) == (
        "it is not known which direction Unheard-of M 1 counts as positive; write positive: import or export"
    )
    sample = read(bus, direction=-1)
    assert isinstance(sample, Sample)
    assert sample.sheet.power_sign == -1


def test_several_meters_want_to_be_told_apart() -> None:
    bus = bus_of(common("Fronius", "A"), WYE, common("Fronius", "B"), meter(203, a=(100, 100, 100), w=(230, 230, 230)))
    assert read(bus) == (
        "the scan found several devices; write which one: device: 1, of "
        "1: model 203 of Fronius A 1, 2: model 203 of Fronius B 1"
    )
    second = read(bus, device=2)
    assert isinstance(second, Sample)
    assert second.values["l1_current"] == 1.0
    assert read(bus, device=3) == (
        "there is no device 3; the scan found 1: model 203 of Fronius A 1, 2: model 203 of Fronius B 1"
    )


def test_an_inverter_feeds_in() -> None:
    sample = read(bus_of(common("Unheard-of"), inverter(103, a=(10, 11, 12), w=759)))
    assert isinstance(sample, Sample)
    assert signed_currents(sample.sheet, sample.values) == pytest.approx((-1.0, -1.1, -1.2))


def test_nothing_to_read_is_said() -> None:
    outcome = read(bus_of(common("Fronius"), [160, 2, 0, 0]))
    assert isinstance(outcome, str)
    assert outcome.startswith("the scan found neither a meter")
