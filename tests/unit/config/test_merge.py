from pathlib import Path

from sitectl.config.load import Broken, Loaded, load
from tests.unit.config.sites import GRID, broken, write

PART = "conf.d/10-garage.yaml"


def test_parts_merge_deeply_in_name_order(tmp_path: Path) -> None:
    write(
        tmp_path, "circuits: {grid: {rated_a: 100, base_load_worst_a: 40}, garage: {parent: grid, rated_a: 63}}", PART
    )
    write(tmp_path, "stations:\n  CP02: {circuit: garage, max_a: 16, phases: L2}\n", "conf.d/30.yaml")
    write(tmp_path, "stations:\n  CP01: {circuit: garage, max_a: 16, phases: L1}\n", "conf.d/20.yaml")
    outcome = load(write(tmp_path, "site: {name: depot}\nstations:\n"))
    assert isinstance(outcome, Loaded)
    assert list(outcome.settings.topology.stations) == ["CP01", "CP02"]
    assert outcome.origins["stations.CP02.max_a"] == f"{tmp_path}/conf.d/30.yaml:2"


def test_the_same_leaf_twice_names_both_places(tmp_path: Path) -> None:
    write(tmp_path, "site:\n  name: other\n", PART)
    assert broken(tmp_path, "site:\n  name: depot\n" + GRID) == [
        "conf.d/10-garage.yaml:2:3: site.name: already set at site.yaml:2; remove one of them"
    ]


def test_a_mapping_over_a_leaf_is_the_same_leaf_twice(tmp_path: Path) -> None:
    write(tmp_path, "site:\n  name: {a: b}\n", PART)
    assert len(broken(tmp_path, "site:\n  name: depot\n" + GRID)) == 1


def test_lists_are_leaves(tmp_path: Path) -> None:
    write(tmp_path, "ocpp: {allow_from: [10.0.0.0/8]}\n", PART)
    (error,) = broken(tmp_path, "ocpp: {allow_from: [10.0.0.0/8]}\n" + GRID)
    assert "ocpp.allow_from: already set at site.yaml:1" in error


def test_faults_name_the_part_that_they_are_in(tmp_path: Path) -> None:
    write(tmp_path, "stations:\n  CP01: {circuit: gird, max_a: 16, phases: L1}\n", PART)
    (error,) = broken(tmp_path, GRID)
    assert error.startswith('conf.d/10-garage.yaml:2:19: stations.CP01.circuit: no circuit "gird"')


def test_files_of_a_part_are_relative_to_the_configuration(tmp_path: Path) -> None:
    write(tmp_path, "s3cret\n", "secrets/CP01")
    write(tmp_path, "stations:\n  CP01: {circuit: grid, max_a: 16, phases: L1, password_file: secrets/CP01}\n", PART)
    outcome = load(write(tmp_path, GRID))
    assert isinstance(outcome, Loaded)
    assert dict(outcome.settings.passwords) == {"CP01": b"s3cret"}


def test_other_files_in_the_directory_are_left_alone(tmp_path: Path) -> None:
    for name in (".10.yaml", "10.yaml~", "readme.txt"):
        write(tmp_path, "nonsense: [", f"conf.d/{name}")
    assert isinstance(load(write(tmp_path, GRID)), Loaded)


def test_a_broken_part_is_told_and_nothing_is_concluded_without_it(tmp_path: Path) -> None:
    write(tmp_path, "circuits: [", PART)
    assert [error.partition(": ")[0] for error in broken(tmp_path, "stations: {CP01: {circuit: garage}}")] == [
        "conf.d/10-garage.yaml:1:12"
    ]


def test_a_missing_file_has_no_line(tmp_path: Path) -> None:
    outcome = load(tmp_path / "site.yaml")
    assert isinstance(outcome, Broken)
    assert [str(error) for error in outcome.errors] == [
        f"{tmp_path}/site.yaml: no such file; create it or correct the name"
    ]
