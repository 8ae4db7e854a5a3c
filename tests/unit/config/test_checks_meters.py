from pathlib import Path

import pytest

from tests.unit.config.sites import broken, loaded, warnings

SITE = """
circuits:
  grid: {rated_a: 100, base_load_worst_a: 10, meter: main}
"""


def meter(sheet: str, more: str = "") -> str:
    return SITE + f'meters:\n  main: {{sheet: {sheet}, connection: "tcp://10.0.0.5"{more}}}\n'


@pytest.mark.parametrize(
    ("sheet", "cure"),
    [
        ("eastron-sdm72d-m", "take an SDM72D-M-V2 or an SDM630"),
        ("eastron-sdm120", "take a three-phase model"),
        ("victron-vm-3p75ct", "read it through its GX device, sheet victron-gx-grid"),
    ],
)
def test_a_device_without_currents_of_every_phase_is_refused_with_what_to_take(
    tmp_path: Path, sheet: str, cure: str
) -> None:
    (error,) = broken(tmp_path, meter(sheet))
    assert error.startswith("site.yaml:5:17: meters.main.sheet: ")
    assert "cannot guard a fuse" in error
    assert cure in error


def test_what_one_source_says_is_usable_only_with_an_explicit_sign(tmp_path: Path) -> None:
    (error,) = broken(tmp_path, meter("finder-7m38"))
    assert error.startswith(
        "site.yaml:5:17: meters.main.sheet: what is known of Finder 7M.38 comes from one source only"
    )
    assert "positive: import or positive: export" in error
    usable = meter("finder-7m38", ", positive: export")
    assert next(iter(loaded(tmp_path, usable).settings.meters.values())).sheet.power_sign == -1
    assert any("one source only" in warning for warning in warnings(tmp_path, usable))


def test_a_direction_that_depends_on_the_setting_must_be_said(tmp_path: Path) -> None:
    (error,) = broken(tmp_path, meter("huawei-smartlogger"))
    assert "the direction depends on how the meter was set up; write positive: import" in error
    loaded(tmp_path, meter("huawei-smartlogger", ", positive: import"))


def test_the_direction_of_a_known_sheet_can_be_turned(tmp_path: Path) -> None:
    site = loaded(tmp_path, meter("huawei-sun2000", ", positive: import"))
    assert next(iter(site.settings.meters.values())).sheet.power_sign == 1


TWO = """
circuits:
  grid: {rated_a: 100, base_load_worst_a: 10, meter: main, generation_a: 30}
  garage: {parent: grid, rated_a: 63, meter: below}
stations:
  CP01: {circuit: garage, max_a: 16, phases: L1L2L3}
meters:
"""
DEVICE = '{sheet: eastron-sdm630, connection: "tcp://10.0.0.%d"%s}'


def device(number: int, more: str = "") -> str:
    return DEVICE % (number, more)


def meters(**bodies: str) -> str:
    return TWO + "".join(f"  {name}: {body}\n" for name, body in bodies.items())


def test_substitutes_virtual_meters_and_stations_as_a_source(tmp_path: Path) -> None:
    text = meters(
        main="{sum: [grid-meter], minus: [pv], interval_s: 1}",
        **{
            "grid-meter": device(5, ", substitute: spare, max_a: 120"),
            "pv": device(6),
            "spare": device(7, ", interval_s: 2"),
        },
        below="{sheet: stations}",
    )
    settings = loaded(tmp_path, text).settings
    roles = settings.meter_roles
    assert set(settings.meters) == {"grid-meter", "pv", "spare"}
    assert (roles.virtual["main"].sum, roles.virtual["main"].minus) == (("grid-meter",), ("pv",))
    assert roles.stations == {"below": "garage"}
    assert roles.substitutes == {"grid-meter": "spare"}
    assert settings.meters["grid-meter"].max_a == 120
    assert settings.topology.circuits["grid"].generation_a == 30
    assert warnings(tmp_path, text) == [
        "site.yaml:1:1: authorization: nobody can charge here: no uplink, no tokens, offline_unknown is reject; "
        "add an uplink, list tokens in a tokens_file, or write authorization.mode: free"
    ]


def test_a_meter_knows_the_smallest_circuit_it_measures_and_the_voltage(tmp_path: Path) -> None:
    plain = loaded(tmp_path, meters(main=device(5, ", substitute: spare"), spare=device(7), below=device(8))).settings
    assert {id: meter.rated_a for id, meter in plain.meters.items()} == {"main": 100, "spare": 100, "below": 63}
    assert plain.meters["main"].voltage_v == pytest.approx((150, 270))
    low = loaded(tmp_path, "site: {nominal_voltage_v: 120}\n" + meters(main=device(5), below=device(8))).settings
    assert low.meters["main"].voltage_v == pytest.approx((78.3, 140.9), abs=0.1)


@pytest.mark.parametrize(
    ("bodies", "error"),
    [
        ({"main": "{sum: [mian]}"}, 'site.yaml:9:16: meters.main.sum[0]: no meter "mian"; choose one of below'),
        ({"main": "{sum: [below], unit: 3}"}, "site.yaml:9:30: meters.main.unit: a virtual meter has no unit"),
        ({"main": "{minus: [below]}"}, "meters.main.sum: a virtual meter adds up at least one other"),
        ({"main": "{sum: []}"}, "meters.main.sum: a virtual meter adds up at least one other"),
        ({"main": "{}"}, "meters.main.sheet: required, but absent"),
        ({"main": "{sheet: eastron-sdm630}"}, "meters.main.connection: required, but absent"),
        ({"main": "{sum: [main]}"}, "site.yaml:9:15: meters.main.sum: leads back to itself: main → main"),
        (
            {"main": "{sum: [house]}", "house": "{sum: [below], minus: [main]}"},
            "meters.main.sum: leads back to itself: main → house → main",
        ),
        ({"main": device(5, ", substitute: spar"), "spare": device(6)}, 'meters.main.substitute: no meter "spar"'),
        ({"main": device(5, ", substitute: main")}, "meters.main.substitute: leads back to itself: main → main"),
        (
            {"main": device(5, ", substitute: spare"), "spare": device(6, ", substitute: main")},
            "meters.main.substitute: leads back to itself: main → spare → main",
        ),
        ({"main": "{sheet: stations, unit: 1}"}, "meters.main.unit: what stations say has no unit"),
        (
            {"main": device(5), "lone": "{sheet: stations}"},
            "meters.lone: adds up the stations of one circuit, and none",
        ),
        ({"main": device(5, ", device: 2")}, "meters.main.device: only what a scan finds is told apart by device"),
        ({"main": device(5, ", max_a: 0")}, "meters.main.max_a: 0 is not above 0"),
    ],
)
def test_errors_of_meters_have_their_places_and_cures(tmp_path: Path, bodies: dict[str, str], error: str) -> None:
    assert error in broken(tmp_path, meters(below=device(9), **bodies))[0]


@pytest.mark.parametrize(
    ("bodies", "warning"),
    [
        (
            {"main": "{sum: [whole], minus: [below]}", "whole": device(5)},
            "meters.main.minus[0]: leaves out what flows into circuit garage, which hangs below circuit grid",
        ),
        (
            {"main": device(5, ", substitute: twin"), "twin": device(5)},
            "meters.main.substitute: twin is the same device, so it is lost together with this one",
        ),
        (
            {"main": device(5, ", substitute: house"), "house": "{sum: [main]}"},
            "meters.main.substitute: one of the two is reckoned from the other",
        ),
    ],
)
def test_warnings_of_meters(tmp_path: Path, bodies: dict[str, str], warning: str) -> None:
    assert any(warning in line for line in warnings(tmp_path, meters(below=device(9), **bodies)))


def test_generation_that_is_measured_and_not_declared_is_pointed_out(tmp_path: Path) -> None:
    text = meters(main=device(5), below=device(9), house="{sum: [main], minus: [pv]}", pv=device(6))
    told = warnings(tmp_path, text.replace(", generation_a: 30", ""))
    assert any("circuits.grid: meter house takes pv away, and circuit grid has no generation" in line for line in told)
    assert not any("has no generation" in line for line in warnings(tmp_path, text))


def test_a_scan_is_told_which_device_and_which_direction(tmp_path: Path) -> None:
    text = meters(
        main='{sheet: sunspec, connection: "tcp://10.0.0.5:1502", device: 2, positive: export}', below=device(9)
    )
    meter = loaded(tmp_path, text).settings.meters["main"]
    assert (meter.device, meter.direction, meter.sheet.protocol) == (2, -1, "sunspec")


@pytest.mark.parametrize("key", ["sheet", "connection"])
def test_a_key_with_nothing_behind_it_is_absent(tmp_path: Path, key: str) -> None:
    (error,) = broken(
        tmp_path, meter("eastron-sdm630").replace("eastron-sdm630" if key == "sheet" else '"tcp://10.0.0.5"', "null")
    )
    assert f"meters.main.{key}: required, but absent" in error
