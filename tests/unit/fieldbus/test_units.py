import pytest

from sitectl.fieldbus.bus import Fault, ReadFailed, Registers
from sitectl.fieldbus.units import Device, Units

SILENT = ReadFailed(Fault.SILENT, "")
GOOD = Registers((1,), 0.0)


def rests(units: Units, unit: int, silences: int) -> list[float]:
    found = []
    for _ in range(silences):
        units.note(unit, SILENT, 100.0)
        found.append(max(0.0, units[unit].rests_until - 100.0))
    return found


def test_a_silent_unit_rests_longer_and_longer() -> None:
    units = Units({1: Device(), 2: Device(vital=False)})
    assert rests(units, 2, 7) == [0.0, 5.0, 10.0, 20.0, 40.0, 60.0, 60.0]


def test_what_a_fuse_depends_on_never_rests_longer_than_five_seconds() -> None:
    units = Units({1: Device(vital=True), 2: Device(vital=False)})
    assert rests(units, 1, 20) == [0.0, *[5.0] * 19]


def test_an_answer_ends_the_silence() -> None:
    units = Units({1: Device(), 2: Device(vital=False)})
    rests(units, 2, 5)
    units.note(2, GOOD, 200.0)
    rests(units, 2, 1)
    assert rests(units, 2, 1) == [5.0]


def test_alone_on_its_bus_nobody_is_spared() -> None:
    units = Units({1: Device(vital=False)})
    units.note(1, SILENT, 100.0)
    assert units[1].rests_until == 0.0


def test_a_unit_of_which_every_tenth_answer_is_spoilt_is_told_until_it_is_better() -> None:
    units = Units({1: Device(), 2: Device()})
    for number in range(60):
        units.note(1, ReadFailed(Fault.CHECKSUM, "") if number % 10 == 0 else GOOD, 0.0)
        units.note(2, ReadFailed(Fault.CHECKSUM, "") if number % 30 == 0 else GOOD, 0.0)
    assert units.noisy() == {1: pytest.approx(0.1)}
    for _ in range(200):
        units.note(1, GOOD, 0.0)
    assert units.noisy() == {}


@pytest.mark.parametrize(
    ("fault", "count"),
    [
        (Fault.SILENT, "timeouts"),
        (Fault.CHECKSUM, "checksum_errors"),
        (Fault.MALFORMED, "malformed"),
        (Fault.SHEET, "exceptions"),
        (Fault.GATEWAY, "exceptions"),
        (Fault.UNREACHABLE, "unreachable"),
    ],
)
def test_each_failure_is_counted_as_what_it_is(fault: Fault, count: str) -> None:
    units = Units({})
    units.note(7, ReadFailed(fault, ""), 0.0)
    units.note(7, GOOD, 0.0)
    expected = {"asked": 2, "answered": 1, count: 1}
    assert {name: n for name, n in units.counts()[7].as_dict().items() if n} == expected
