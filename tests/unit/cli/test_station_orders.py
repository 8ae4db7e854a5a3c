"""The commands that order something of a station, opposite canned answers."""

import json
from pathlib import Path

from sitectl.cli import station_orders
from tests.unit.cli.canned import Canned
from tests.unit.cli.test_main import sitectl
from tests.unit.cli.test_tables import shown


def test_a_station_is_reset_and_its_plug_is_released(daemon: Canned, config: Path) -> None:
    status, out, err = sitectl("station", "reset", "CP01", "--hard", "--force", "--config", config)
    assert (status, err, out) == (0, "", "CP01: hard reset, accepted\n")
    status, out, err = sitectl("station", "unlock", "CP01", "--evse", "2", "--config", config)
    assert (status, err, out) == (0, "", "CP01:2: unlocked\n")
    assert daemon.asked == [
        "POST /v1/stations/CP01/reset?hard=true&force=true",
        "POST /v1/stations/CP01/evses/2/unlock?force=false",
    ]
    assert json.loads(sitectl("station", "reset", "CP01", "--json", "--config", config)[1])["schema"] == 1
    assert sitectl("station", "reset", "CP02", "--config", config)[0] == 1


def test_a_key_is_whole_on_a_narrow_terminal() -> None:
    """Who reads it writes it next."""
    key = "ChargingScheduleAllowedChargingRateUnit"
    keys = {key: {"value": "Current.Import," * 8, "readonly": True}, "A": {"value": "1", "readonly": False}}
    text = shown(station_orders._keys, {"keys": keys, "live": True, "unknown": []}, 80, color_system=None)
    assert key in text
    assert "read-only" in text
    assert max(map(len, text.splitlines())) <= 80
    place = text.splitlines()[1].index("Curr")
    values = "".join(line[place:].replace("read-only", "").strip() for line in text.splitlines()[1:])
    assert values.startswith("Current.Import," * 8)


def test_the_configuration_of_a_station_is_shown_and_written(daemon: Canned, config: Path) -> None:
    status, out, _ = sitectl("station", "config", "CP01", "--config", config)
    assert status == 0
    assert ["HeartbeatInterval", "300"] in [line.split()[:2] for line in out.splitlines()]
    assert "as it was read before" in out
    assert "does not know: Nonsense" in out
    status, out, _ = sitectl("station", "config", "CP01", "HeartbeatInterval", "60", "--config", config)
    assert (status, out) == (0, "CP01: HeartbeatInterval=60 rebootrequired; it holds after a reset\n")
    assert daemon.asked[-1] == "PUT /v1/stations/CP01/configuration/HeartbeatInterval"
