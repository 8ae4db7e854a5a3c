"""The commands that order something of a station, opposite canned answers."""

import json
from pathlib import Path

from tests.unit.cli.canned import Canned
from tests.unit.cli.test_main import sitectl


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


def test_the_configuration_of_a_station_is_shown_and_written(daemon: Canned, config: Path) -> None:
    status, out, _ = sitectl("station", "config", "CP01", "--config", config)
    assert status == 0
    assert "HeartbeatInterval  300" in out
    assert "as it was read before" in out
    assert "does not know: Nonsense" in out
    status, out, _ = sitectl("station", "config", "CP01", "HeartbeatInterval", "60", "--config", config)
    assert (status, out) == (0, "CP01: HeartbeatInterval=60 rebootrequired; it holds after a reset\n")
    assert daemon.asked[-1] == "PUT /v1/stations/CP01/configuration/HeartbeatInterval"
