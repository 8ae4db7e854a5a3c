"""Configuration keys: what may be read, what may be changed, and to what."""

import pytest

from sitectl.simulator.keys import Configuration


def test_get_names_known_and_unknown_keys() -> None:
    answer = Configuration({"NumberOfConnectors": "2"}).get(["NumberOfConnectors", "HeartbeatInterval", "Strange"])
    assert answer == {
        "configurationKey": [
            {"key": "NumberOfConnectors", "readonly": True, "value": "2"},
            {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        ],
        "unknownKey": ["Strange"],
    }


def test_get_without_keys_gives_all() -> None:
    assert len(Configuration({}).get([])["configurationKey"]) > 30


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "10", "Accepted"),
        ("MeterValueSampleInterval", "-1", "Rejected"),
        ("MeterValueSampleInterval", "often", "Rejected"),
        ("LocalPreAuthorize", "False", "Accepted"),
        ("LocalPreAuthorize", "no", "Rejected"),
        ("MeterValuesSampledData", "Current.Import, Energy.Active.Import.Register", "Accepted"),
        ("MeterValuesSampledData", "Temperature", "Rejected"),
        ("StopTxnSampledData", "", "Accepted"),
        ("NumberOfConnectors", "3", "Rejected"),
        ("Strange", "1", "NotSupported"),
    ],
)
def test_change(key: str, value: str, status: str) -> None:
    assert Configuration({}).change(key, value) == status


def test_changes_take_effect_at_once() -> None:
    configuration = Configuration({})
    configuration.change("LocalPreAuthorize", "True")
    configuration.change("MeterValuesSampledData", "Current.Import, Voltage")
    configuration.change("HeartbeatInterval", "17")
    assert configuration.flag("LocalPreAuthorize")
    assert configuration.measurands("MeterValuesSampledData") == ["Current.Import", "Voltage"]
    assert configuration.measurands("StopTxnSampledData") == []
    assert configuration.number("HeartbeatInterval") == 17
