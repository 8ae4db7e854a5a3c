"""Signals, I/O boxes and schedules that are sound; the errors are in the corpus."""

from pathlib import Path

from sitectl.config.load import load
from sitectl.config.settings import IoBoxSettings
from sitectl.model.connection import SerialConnection
from sitectl.model.ids import CircuitId
from sitectl.model.signals import Bias, Bound, GpioInput, Hours, ModbusInput, Signal
from tests.unit.config.sites import loaded, warnings

GRID = CircuitId("grid")
SITE = """
circuits:
  grid: {rated_a: 100, base_load_worst_a: 40}
io_boxes:
  relay-box: {connection: "rtu:///dev/ttyUSB0?baud=19200", unit: 3, inputs: coils}
signals:
  dso: {input: "modbus:relay-box:0", when_open: {circuit: grid, ceiling_a: 18}, lost: dim}
  fire: {input: "gpio:gpiochip0:17", bias: pull-down, when_closed: {circuit: grid, ceiling_a: 0}, debounce_s: 0.1}
schedules:
  - {circuit: grid, from: "17:00", to: "20:00", ceiling_a: 60}
  - {circuit: grid, from: "22:30", to: "06:00", ceiling_a: 80, days: [mon, sun]}
"""


def test_what_is_written_is_what_holds(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SITE).settings
    line = SerialConnection("/dev/ttyUSB0", 19200)
    assert settings.io_boxes == {"relay-box": IoBoxSettings("relay-box", line, 3, function=1)}
    assert settings.signals == {
        "dso": Signal("dso", ModbusInput("relay-box", 0), when_open=Bound(GRID, 18.0)),
        "fire": Signal(
            "fire", GpioInput("gpiochip0", 17, Bias.PULL_DOWN), when_closed=Bound(GRID, 0.0), debounce_s=0.1
        ),
    }
    assert settings.schedules == (
        Hours(Bound(GRID, 60.0), 17 * 60, 20 * 60),
        Hours(Bound(GRID, 80.0), 22 * 60 + 30, 6 * 60, frozenset({0, 6})),
    )


def test_absent_they_are_off(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "circuits:\n  grid: {rated_a: 100, base_load_worst_a: 40}\n").settings
    assert (settings.io_boxes, settings.signals, settings.schedules) == ({}, {}, ())


def test_the_effective_configuration_shows_them_under_their_own_names(tmp_path: Path) -> None:
    effective = loaded(tmp_path, SITE).effective
    assert effective["schedules"] == [
        {"circuit": "grid", "from": "17:00", "to": "20:00", "ceiling_a": 60.0},
        {"circuit": "grid", "from": "22:30", "to": "06:00", "ceiling_a": 80.0, "days": ["mon", "sun"]},
    ]


def test_what_binds_nothing_and_boxes_that_nobody_uses_are_warned_of(tmp_path: Path) -> None:
    site = (
        "circuits:\n  grid: {rated_a: 100, base_load_worst_a: 40}\n"
        "io_boxes:\n  spare: {connection: 'tcp://10.0.0.9'}\n"
        "schedules:\n  - {circuit: grid, from: '17:00', to: '20:00', ceiling_a: 100}\n"
    )
    told = " ".join(warnings(tmp_path, site))
    assert "no signal and no power_relay uses this box" in told
    assert "100 A binds nothing: grid is rated 100 A" in told


def test_fallbacks_that_break_a_bound_while_nobody_is_heard_are_warned_of(tmp_path: Path) -> None:
    site = (
        "circuits:\n  grid: {rated_a: 100, base_load_worst_a: 40}\n"
        "stations:\n"
        + "".join(f"  CP{n}: {{circuit: grid, max_a: 16, phases: L1L2L3}}\n" for n in range(4))
        + "schedules:\n"
        "  - {circuit: grid, from: '17:00', to: '20:00', ceiling_a: 24}\n"
        "  - {circuit: grid, from: '20:00', to: '21:00', ceiling_a: 23}\n"
    )
    told = [line for line in warnings(tmp_path, site) if "cut off" in line]
    assert [("schedules[1].ceiling_a" in line, "fall back to 24 A on grid" in line) for line in told] == [(True, True)]


def test_an_unknown_key_of_a_schedule_is_told_with_the_keys_as_they_are_written(tmp_path: Path) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(
        "circuits:\n  grid: {rated_a: 100, base_load_worst_a: 40}\n"
        "schedules:\n  - {circuit: grid, form: '17:00', from: '17:00', to: '20:00', ceiling_a: 60}\n"
    )
    assert 'did you mean "from"?' in str(load(path).errors[0])  # type: ignore[union-attr]
