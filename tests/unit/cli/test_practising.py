"""What of a site's configuration is played in a practice, and what is said of the rest."""

from pathlib import Path

import pytest

from sitectl.cli.practising import CARD, Cast, NotPlayable, cast_of, introduce
from sitectl.config.load import Loaded, load
from sitectl.simulator.practice import Place

SITE = """\
site: {name: depot, data_dir: data}
ocpp: {listen: "0.0.0.0:8887"}
circuits: {grid: {rated_a: 160, base_load_worst_a: 40, meter: main}, garage: {parent: grid, rated_a: 63}}
meters: {main: {sheet: eastron-sdm630, connection: "tcp://127.0.0.1:5020", unit: 7}}
stations:
  CP01: {circuit: garage, max_a: 32, phases: L2L3L1}
  CP02: {circuit: grid, max_a: 16, phases: unknown}
  DC01: {circuit: grid, kind: dc, max_a: 32, max_w: 22000, min_w: 5000}
uplinks: {central: {url: "ws://127.0.0.1:9000/ocpp"}}
routing: {default: central}
"""


def cast(folder: Path, text: str = SITE, strangers: int = 1, at: tuple[str, ...] = ()) -> Cast:
    (folder / "site.yaml").write_text(text)
    loaded = load(folder / "site.yaml")
    assert isinstance(loaded, Loaded), loaded
    return cast_of(loaded, strangers, at)


def test_all_that_can_be_played_is_and_the_rest_is_named(tmp_path: Path) -> None:
    played = cast(tmp_path)
    stations = {placed.spec.id: placed for placed in played.play.layout.stations}
    assert set(stations) == {"CP01", "CP02", "NEW1"}
    assert stations["CP01"].spec.connectors[0].wiring == "L2L3L1"
    assert played.play.station_url == "ws://127.0.0.1:8887"
    assert (played.play.meter, played.play.meter_unit) == (Place("127.0.0.1", 5020), 7)
    assert played.play.central == Place("127.0.0.1", 9000)
    assert played.play.base_load_a == 20
    assert played.play.cars_at == {"CP01", "CP02", "NEW1"}
    assert played.left == ["DC01: it is a DC station, and only AC can be played"]


def test_what_stands_elsewhere_is_left_alone(tmp_path: Path) -> None:
    elsewhere = SITE.replace("tcp://127.0.0.1:5020", "tcp://10.0.0.5:502").replace(
        "ws://127.0.0.1:9000", "wss://far.example"
    )
    played = cast(tmp_path, elsewhere, strangers=0)
    assert (played.play.meter, played.play.central) == (None, None)
    assert len(played.left) == 3
    assert any("10.0.0.5" in text for text in played.left)


def test_cars_come_only_where_they_were_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    played = cast(tmp_path, at=("CP02",))
    assert played.play.cars_at == {"CP02"}
    introduce(played, tmp_path / "site.yaml")
    assert f"one at each connector of CP02; its driver shows the card {CARD}" in capsys.readouterr().out
    with pytest.raises(NotPlayable, match=r"DC01 is not played here.*CP01 CP02 NEW1"):
        cast(tmp_path, at=("DC01",))


def test_a_site_that_cannot_be_played_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotPlayable, match=r"ocpp\.listen names no port"):
        cast(tmp_path, SITE.replace("8887", "0"))
