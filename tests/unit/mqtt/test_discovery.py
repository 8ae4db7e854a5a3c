"""What Home Assistant is told, against its own published rules."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from sitectl.mqtt.discovery import Discovery
from sitectl.mqtt.states import sources
from sitectl.mqtt.topics import Topics
from tests.unit.mqtt.home_assistant import faults
from tests.unit.mqtt.sites import seen, small_site

TOPICS = Topics("sitectl")


def devices(directory: Path, commands: bool = True, base: str = "sitectl") -> dict[str, Any]:
    discovery = Discovery(Topics(base), "homeassistant", commands, "1.0")
    found = discovery.sources(seen(small_site(directory)))
    return {topic: orjson.loads(orjson.dumps(make())) for topic, _, make in found}


@pytest.mark.parametrize("commands", [True, False])
def test_home_assistant_finds_no_fault(tmp_path: Path, commands: bool) -> None:
    found = devices(tmp_path, commands)
    assert len(found) == 4
    assert {topic: fault for topic, payload in found.items() if (fault := faults(topic, payload))} == {}
    every = [component["uniq_id"] for payload in found.values() for component in payload["cmps"].values()]
    assert len(set(every)) == len(every) > 40


def test_the_check_itself_finds_faults(tmp_path: Path) -> None:
    (topic, payload), *_ = devices(tmp_path).items()
    component = next(c for c in payload["cmps"].values() if c.get("dev_cla") == "current" and c["p"] == "sensor")
    for change in (
        {"unit_of_meas": "W"},
        {"stat_cla": "total"},
        {"stat_t": ""},
        {"ops": ["x"]},
        {"p": "sensors"},
        {"x": 1},
    ):
        broken = {**payload, "cmps": {"one": {**component, **change}}}
        assert faults(topic, broken), change
    assert faults("homeassistant/sensor/x/config", payload)
    for key in ("dev", "o", "cmps"):
        assert faults(topic, {**payload, key: {}})


def test_ids_are_the_same_each_time_and_others_below_another_topic(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    first, again, other = devices(tmp_path / "a"), devices(tmp_path / "b"), devices(tmp_path / "c", base="site2")
    assert list(first) == list(again)
    assert [list(p["cmps"]) for p in first.values()] == [list(p["cmps"]) for p in again.values()]
    assert not set(first) & set(other)


def test_every_template_reads_a_key_that_its_topic_has(tmp_path: Path) -> None:
    now = seen(small_site(tmp_path))
    states = {topic: orjson.loads(orjson.dumps(make())) for topic, _, make in sources(now, TOPICS)}
    checked = 0
    for payload in devices(tmp_path).values():
        for component in payload["cmps"].values():
            if "stat_t" not in component:
                continue
            state = states[component["stat_t"]]
            names = {part.split("[")[0].split(" ")[0] for part in component["val_tpl"].split("value_json.")[1:]}
            assert names <= set(state), (component, state)
            if component.get("dev_cla") == "enum" and (value := state[next(iter(names))]) is not None:
                assert value in component["ops"], component
            checked += 1
    assert checked > 40


def test_without_commands_nothing_can_be_ordered(tmp_path: Path) -> None:
    for payload in devices(tmp_path, commands=False).values():
        assert {component["p"] for component in payload["cmps"].values()} <= {"sensor", "binary_sensor"}


def test_a_station_is_a_device_behind_the_site(tmp_path: Path) -> None:
    site, *stations = devices(tmp_path).values()
    assert all(station["dev"]["via_device"] == site["dev"]["ids"][0] for station in stations)
    assert [station["dev"]["name"] for station in stations] == ["CP01", "CP02", "POST"]
    numbers = [c for c in stations[0]["cmps"].values() if c["p"] == "number"]
    assert [(c["cmd_t"], c["max"]) for c in numbers] == [("sitectl/stations/CP01/evses/1/set/limit_a", 32.0)]
