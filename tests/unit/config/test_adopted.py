"""Stations that stand in no file are judged as those that do, and can never keep a site from starting."""

from pathlib import Path

import pytest

from sitectl.config.adopted import load_with, refused
from sitectl.config.load import Broken, Loaded

SITE = """\
site: {name: depot, data_dir: data}
ocpp: {listen: "127.0.0.1:0"}
circuits:
  grid: {rated_a: 63, base_load_worst_a: 40}
  garage: {parent: grid, rated_a: 32}
stations:
  CP01: {circuit: grid, max_a: 32, phases: L1L2L3}
authorization: {mode: free}
"""
FITS = {"circuit": "garage", "max_a": 16, "phases": "L2"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


def stations(outcome: Loaded | Broken) -> set[str]:
    assert isinstance(outcome, Loaded), outcome
    return set(outcome.settings.topology.stations)


def test_an_adopted_station_is_one_of_the_site_and_its_origin_is_told(site: Path) -> None:
    outcome = load_with(site, {"CP09": FITS})
    assert stations(outcome) == {"CP01", "CP09"}
    assert isinstance(outcome, Loaded)
    assert outcome.origins["stations.CP09.max_a"].startswith("adopted:")
    assert outcome.origins["stations.CP01.max_a"].endswith("site.yaml:7")


def test_parts_beside_the_file_count_too(site: Path) -> None:
    (site.parent / "conf.d").mkdir()
    (site.parent / "conf.d" / "a.yaml").write_text("stations: {CP02: {circuit: grid, max_a: 16, phases: L3}}\n")
    assert stations(load_with(site, {"CP09": FITS})) == {"CP01", "CP02", "CP09"}


def test_a_file_that_lists_it_meanwhile_goes_first(site: Path) -> None:
    outcome = load_with(site, {"CP01": FITS | {"max_a": 10}})
    assert isinstance(outcome, Loaded)
    assert outcome.settings.topology.stations["CP01"].evses[0].max_a == 32


def test_what_fits_no_longer_is_left_out_and_the_site_starts(site: Path) -> None:
    outcome = load_with(site, {"CP08": FITS | {"circuit": "cellar"}, "CP09": FITS})
    assert stations(outcome) == {"CP01", "CP09"}
    assert isinstance(outcome, Loaded)
    assert [warning for warning in outcome.warnings if "CP08" in warning.path and "cellar" in warning.message]


def test_a_broken_file_is_told_as_ever(site: Path) -> None:
    site.write_text(SITE.replace("circuit: grid, max", "circuit: gird, max"))
    outcome = load_with(site, {"CP09": FITS})
    assert isinstance(outcome, Broken)
    assert [error.place for error in outcome.errors] == [f"{site}:7:19"]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"circuit": "cellar", "max_a": 16}, "cellar"),
        ({"circuit": "grid"}, "max_a"),
        ({"circuit": "grid", "max_a": float("nan")}, "max_a"),
        ({"circuit": "grid", "max_a": 32, "fallback_a": 32, "phases": "L1L2L3"}, "fallback"),
        ({"circuit": "grid", "max_a": 32, "colour": "red"}, "colour"),
        ({"circuit": "grid", "max_a": {"a": [1]}}, "max_a"),
    ],
)
def test_what_cannot_be_is_refused(site: Path, section: dict[str, object], said: str) -> None:
    faults = refused(site, {}, "CP09", section)
    assert any(said in str(fault) for fault in faults), faults
    assert refused(site, {}, "CP09", FITS) == ()


def test_no_name_that_is_none(site: Path) -> None:
    assert refused(site, {}, "../etc", FITS)
    assert refused(site, {}, "", FITS)
