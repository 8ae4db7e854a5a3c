"""Warnings; the errors of every check are in the corpus."""

from pathlib import Path

import pytest

from tests.unit.config.sites import GRID, broken, loaded, warnings, write

LIST = "authorization: {mode: free}\n"
METERED = "circuits:\n  grid: {rated_a: 100, base_load_worst_a: 40, meter: main}\n"
MAIN = "meters:\n  main: {sheet: eastron-sdm630, connection: 'tcp://10.0.0.5'}\n"


def test_a_good_site_has_none(tmp_path: Path) -> None:
    text = LIST + METERED + MAIN + "stations:\n  CP01: {circuit: grid, max_a: 16, phases: L1}\n"
    assert warnings(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no uplink, no tokens, offline_unknown is reject"),
        ("authorization: {mode: list}\n", "no tokens, and mode is list"),
        (
            "uplinks: {c: {url: 'ws://c'}}\nrouting: {default: none}\n",
            'routing.default is "none", no tokens, offline_unknown is reject',
        ),
    ],
)
def test_nobody_can_charge(tmp_path: Path, text: str, reason: str) -> None:
    (warning,) = warnings(tmp_path, GRID + text)
    assert f"nobody can charge here: {reason}" in warning


@pytest.mark.parametrize(
    "text",
    [
        "authorization: {mode: free}\n",
        "authorization: {offline_unknown: accept}\n",
        "authorization: {mode: list, tokens_file: t.csv}\n",
        "authorization: {tokens_file: t.csv}\n",
        "uplinks: {c: {url: 'ws://c'}}\n",
    ],
)
def test_somebody_can_charge(tmp_path: Path, text: str) -> None:
    write(tmp_path, "id_token,note\nABC,\n", "t.csv")
    assert warnings(tmp_path, GRID + text) == []


def test_no_station_and_none_let_in(tmp_path: Path) -> None:
    (warning,) = warnings(tmp_path, LIST + GRID + "ocpp: {unknown_stations: reject}\n")
    assert "nobody can charge here: no station is listed" in warning


def test_phases_not_said_but_not_when_said_to_be_unknown(tmp_path: Path) -> None:
    text = (
        LIST + GRID + "stations:\n  A: {circuit: grid, max_a: 16}\n  B: {circuit: grid, max_a: 16, phases: unknown}\n"
    )
    (warning,) = warnings(tmp_path, text)
    assert warning.startswith("site.yaml:6:3: stations.A: phases not said: counted on all three")


def test_phases_not_said_of_one_evse(tmp_path: Path) -> None:
    text = (
        LIST
        + GRID
        + "stations:\n  P:\n    circuit: grid\n    max_a: 32\n    evses:\n      1: {phases: L1}\n      2: {}\n"
    )
    (warning,) = warnings(tmp_path, text)
    assert warning.startswith("site.yaml:11:7: stations.P.evses.2: phases not said")


def test_a_station_larger_than_a_circuit_above_it(tmp_path: Path) -> None:
    text = """
    authorization: {mode: free}
    circuits:
      grid: {rated_a: 25, base_load_worst_a: 10}
      garage: {parent: grid, rated_a: 63}
    stations:
      A: {circuit: garage, max_a: 32, phases: L1}
    """
    (warning,) = warnings(tmp_path, text)
    assert "stations.A.max_a: 32 A is above the rating of circuit grid, 25 A" in warning


def test_a_minimum_that_no_vehicle_knows(tmp_path: Path) -> None:
    text = LIST + GRID + "stations:\n  A: {circuit: grid, max_a: 16, min_a: 4, phases: L1}\n"
    assert "stations.A.min_a: 4 A is less than a vehicle can be told" in warnings(tmp_path, text)[0]


def test_meters_that_nobody_or_two_circuits_use(tmp_path: Path) -> None:
    (unused,) = warnings(tmp_path, LIST + GRID + MAIN)
    assert unused.startswith("site.yaml:6:3: meters.main: no circuit uses this meter")
    (twice,) = warnings(tmp_path, LIST + METERED + "  garage: {parent: grid, rated_a: 63, meter: main}\n" + MAIN)
    assert 'circuits.garage.meter: meter "main" also measures circuit "grid"' in twice


@pytest.mark.parametrize(("interval_s", "word"), [("3", "late"), ("6", "stale")])
def test_a_meter_read_too_seldom(tmp_path: Path, interval_s: str, word: str) -> None:
    (warning,) = warnings(tmp_path, LIST + METERED + MAIN.replace("}", f", interval_s: {interval_s}}}"))
    assert f"counts as {word}" in warning


def test_base_loads_below_that_are_more_than_the_one_above(tmp_path: Path) -> None:
    text = LIST + GRID + "  a: {parent: grid, rated_a: 63, base_load_worst_a: 30}\n"
    text += "  b: {parent: grid, rated_a: 63, base_load_worst_a: 20}\n"
    (warning,) = warnings(tmp_path, text)
    assert "circuits.grid.base_load_worst_a: less than the 50 A" in warning


def test_secrets_that_everybody_may_read(tmp_path: Path) -> None:
    secret = write(tmp_path, "s3cret\n", "secret")
    text = LIST + GRID + "stations:\n  A: {circuit: grid, max_a: 16, phases: L1, password_file: secret}\n"
    secret.chmod(0o644)
    (warning,) = warnings(tmp_path, text)
    assert "stations.A.password_file: the file is open to others (mode 0644); chmod 640" in warning
    secret.chmod(0o640)
    assert warnings(tmp_path, text) == []


def test_secrets_of_stations_that_are_not_there(tmp_path: Path) -> None:
    write(tmp_path, "CP1:x\n", "p").chmod(0o600)
    text = GRID + "stations:\n  CP01: {circuit: grid, max_a: 16, phases: L1}\n"
    (warning,) = warnings(tmp_path, text + "uplinks: {c: {url: 'ws://c', passwords_file: p}}\n")
    assert warning == 'p:1:1: no station "CP1"; did you mean "CP01"?'


def test_what_sound_stations_exceed_is_told_beside_faults_of_others(tmp_path: Path) -> None:
    text = """
    circuits:
      grid: {rated_a: 50, base_load_worst_a: 40}
    stations:
      A: {circuit: grid, max_a: 16, phases: L1, fallback_a: 16}
      B: {circuit: gird, max_a: 16, phases: L1}
    """
    assert [error.partition(": ")[2].partition(":")[0] for error in broken(tmp_path, text)] == [
        "circuits.grid.rated_a",
        "stations.B.circuit",
    ]


def test_a_group_that_this_machine_has_not_but_only_where_it_was_written(tmp_path: Path) -> None:
    (warning,) = warnings(tmp_path, LIST + GRID + "api: {groups: {viewer: root, technician: no-such-group}}\n")
    assert 'api.groups.technician: no group "no-such-group" on this machine: it grants nothing' in warning


def test_a_speed_that_nobody_said_and_the_device_does_not_have_is_warned_of(tmp_path: Path) -> None:
    text = METERED + "meters:\n  main: {sheet: %s, connection: '%s'}\n"
    told = " ".join(warnings(tmp_path, text % ("tq-em300", "rtu:///dev/ttyUSB0")))
    assert "tq-em300 leaves the factory with 19200 8E1, and this line runs at 9600 8N1" in told
    assert "write rtu:///dev/ttyUSB0?baud=19200&parity=E&stop=1" in told
    assert "factory" not in " ".join(warnings(tmp_path, text % ("tq-em300", "rtu:///dev/ttyUSB0?baud=9600")))
    assert "factory" not in " ".join(warnings(tmp_path, text % ("eastron-sdm630", "rtu:///dev/ttyUSB0")))


def test_two_meters_with_one_number_on_one_line_are_warned_of(tmp_path: Path) -> None:
    meters = (
        "meters:\n"
        "  main: {sheet: eastron-sdm630, connection: 'rtu:///dev/ttyUSB0', unit: 1}\n"
        "  other: {sheet: eastron-sdm630, connection: 'rtu:///dev/ttyUSB0', unit: 1}\n"
    )
    assert "meters.main is unit 1 of /dev/ttyUSB0 too" in " ".join(warnings(tmp_path, GRID + meters))


def test_a_step_that_binds_all_outlets_alike_is_refused_where_there_are_several(tmp_path: Path) -> None:
    post = "stations:\n  A: {circuit: grid, max_a: 16, phases: L1, control: %s, evses: {1: {}, 2: {}}}\n"
    (error,) = broken(tmp_path, GRID + post % "charge_point_max")
    assert "stations.A.control: charge_point_max binds all EVSEs of a station alike, and this one has 2" in error
    assert "write auto, tx_profile or tx_default" in error
    assert warnings(tmp_path, LIST + GRID + post % "tx_default") == []


def test_who_obeys_no_profile_falls_back_to_all_it_can_draw(tmp_path: Path) -> None:
    station = "stations:\n  A: {circuit: grid, max_a: 32, phases: L1, control: %s}\n"
    (plan,) = loaded(tmp_path, GRID + station % "none").settings.topology.evses().values()
    assert plan.fallback_a == 32.0
    (warning,) = warnings(tmp_path, LIST + GRID + station.replace("}", ", fallback_a: 6}") % "start_stop")
    assert "no fallback binds it with control: start_stop; it is counted at 32 A" in warning
    twice = (
        GRID
        + "stations:\n"
        + "".join(f"  {name}: {{circuit: grid, max_a: 32, phases: L1, control: none}}\n" for name in "AB")
    )
    assert any("circuits.grid" in error for error in broken(tmp_path, twice)), "64 A beside 40 A do not fit 100 A"
