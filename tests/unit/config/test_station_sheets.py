from pathlib import Path

import pytest

from sitectl.config.station_sheets import load_sheet, shelf
from sitectl.quirks.sheet import StationSheet
from tests.unit.config.sites import GRID, broken, loaded, warnings, without_directory, write

SHIPPED = shelf(Path("/nonexistent"))
OWN = """
id: acme
title: Acme One
match:
  - {vendor: Acme, model: "One*", firmware: ">=2 <3"}
transport: {pongs: false}
limit: {unit: W}
"""
SITE = (
    GRID
    + """
stations:
  CP01: {circuit: grid, max_a: 16, phases: L1L2L3}
"""
)


def faults(folder: Path, text: str) -> list[str]:
    read = load_sheet(write(folder, text, "acme.yaml"))
    assert isinstance(read, list), read
    return without_directory(tuple(read), folder)


@pytest.mark.parametrize("name", SHIPPED.names())
def test_every_shipped_sheet_is_sound(name: str) -> None:
    path = SHIPPED.find(name)
    assert path is not None
    assert isinstance(load_sheet(path), StationSheet)


def test_a_sheet_of_the_operator_is_read_with_those_that_are_shipped(tmp_path: Path) -> None:
    write(tmp_path, OWN, "stations.d/acme.yaml")
    found = {sheet.id: sheet for sheet in loaded(tmp_path, SITE).settings.station_sheets}
    assert set(found) == {*SHIPPED.names(), "acme"}
    assert found["acme"].flags == {"transport.pongs": False, "limit.unit": "W"}
    (pattern,) = found["acme"].patterns
    assert (pattern.vendor, pattern.model) == ("acme", "one*")


def test_it_takes_the_place_of_a_shipped_one_of_the_same_name(tmp_path: Path) -> None:
    write(tmp_path, OWN.replace("id: acme", "id: wallbox"), "stations.d/wallbox.yaml")
    found = {sheet.id: sheet.title for sheet in loaded(tmp_path, SITE).settings.station_sheets}
    assert found["wallbox"] == "Acme One"


def test_an_unknown_flag_is_refused_with_its_place_and_what_was_meant(tmp_path: Path) -> None:
    write(tmp_path, OWN.replace("pongs", "pong"), "stations.d/acme.yaml")
    assert broken(tmp_path, SITE) == ['stations.d/acme.yaml:6:13: transport.pong: no such key; did you mean "pongs"?']
    assert faults(tmp_path, OWN.replace("unit: W", "units: W")) == [
        'acme.yaml:7:9: limit.units: no such key; did you mean "unit"?'
    ]
    assert faults(tmp_path, OWN.replace("limit:", "limits:")) == [
        'acme.yaml:7:1: limits: no such key; did you mean "limit"?'
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("unit: W", "unit: kW", 'acme.yaml:7:15: limit.unit: "kW" is not possible here; did you mean "W"?'),
        (">=2 <3", "2", 'match[0].firmware: "2" is not a range of versions; write ">=6 <7" or "<=1.8.21"'),
        ("vendor: Acme, model", 'vendor: "", x', "match[0].x: no such key"),
        ("id: acme", "id: acne", 'acme.yaml:2:5: id: "acne" is not the name of the file; write id: acme'),
        ("pongs: false", "call_timeout_s: 900", "transport.call_timeout_s: 900 is not at most 90"),
        ("transport: {pongs: false}\nlimit: {unit: W}", "notes: [odd]", "id: states nothing"),
    ],
)
def test_what_is_no_sheet_is_told_at_its_place(tmp_path: Path, before: str, after: str, said: str) -> None:
    told = faults(tmp_path, OWN.replace(before, after))
    assert any(said in one for one in told), told


def test_a_vendor_that_is_not_named_needs_a_model(tmp_path: Path) -> None:
    (told,) = faults(tmp_path, OWN.replace('Acme, model: "One*"', '""'))
    cure = "name its model too, for others name no vendor either"
    assert told == f"acme.yaml:5:14: match[0].vendor: empty, and no model is named; {cure}"


def test_a_tie_is_refused_at_the_sheet_that_can_be_changed(tmp_path: Path) -> None:
    write(tmp_path, OWN, "stations.d/acme.yaml")
    write(tmp_path, OWN.replace("id: acme", "id: other").replace("unit: W", "unit: A"), "stations.d/other.yaml")
    (told,) = broken(tmp_path, SITE)
    assert told.startswith(
        "stations.d/other.yaml:4:1: match: acme fits some of the same stations, is as specific, and "
    )
    assert "states another limit.unit; match more narrowly" in told
    wide = OWN.replace("id: acme", "id: other").replace("unit: W", "unit: A").replace(', firmware: ">=2 <3"', "")
    write(tmp_path, wide, "stations.d/other.yaml")
    assert loaded(tmp_path, SITE)


def test_a_station_names_a_sheet_that_exists(tmp_path: Path) -> None:
    site = SITE.replace("phases: L1L2L3", "phases: L1L2L3, sheet: walbox")
    assert broken(tmp_path, site) == ['site.yaml:6:59: stations.CP01.sheet: no sheet "walbox"; did you mean "wallbox"?']
    plan = next(iter(loaded(tmp_path, site.replace("walbox", "wallbox")).settings.topology.stations.values()))
    assert plan.sheet == "wallbox"


def test_an_address_stands_where_the_sheet_goes_by_it_and_for_one_station(tmp_path: Path) -> None:
    site = SITE.replace("phases: L1L2L3", "phases: L1L2L3, sheet: grizzl-e")
    assert broken(tmp_path, site) == [
        "site.yaml:6:9: stations.CP01: absent: its sheet says that it names itself nowhere; "
        "write the address that it connects from: address: 10.20.0.7"
    ]
    there = site.replace("sheet: grizzl-e", "sheet: grizzl-e, address: 10.20.0.7")
    plan = next(iter(loaded(tmp_path, there).settings.topology.stations.values()))
    assert plan.address == "10.20.0.7"
    twice = there + there.splitlines()[-1].replace("CP01", "CP02") + "\n"
    assert any("stations.CP01 connects from there too; give each its own" in one for one in broken(tmp_path, twice))
    assert any("is not a network address" in one for one in broken(tmp_path, there.replace("10.20.0.7", "gateway")))
    idle = warnings(tmp_path, there.replace("sheet: grizzl-e, ", ""))
    assert any("nothing goes by it; name its sheet" in one for one in idle)


def test_where_no_fallback_binds_a_station_it_is_said(tmp_path: Path) -> None:
    site = SITE.replace("phases: L1L2L3", "phases: L1L2L3, sheet: openwb")
    assert any("no fallback binds it; write control: none" in one for one in warnings(tmp_path, site))
    assert not any("no fallback" in one for one in warnings(tmp_path, site.replace("openwb", "openwb, control: none")))
    assert any("gone with its connection" in one for one in warnings(tmp_path, site.replace("openwb", "go-e-charger")))
