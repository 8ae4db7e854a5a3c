import pytest

from sitectl.ocpp.v16 import setup

HOLDS = {
    "MeterValueSampleInterval": "10",
    "MeterValuesSampledData": "Energy.Active.Import.Register, Current.Import ,Voltage",
}


def test_nothing_is_written_whose_value_holds() -> None:
    assert setup.sampling(HOLDS) == []
    assert setup.sampling({key.upper(): value for key, value in HOLDS.items()}) == [], "keys in any case"
    assert setup.heartbeat({"HeartbeatInterval": "30"}, 30) == ()


def test_what_does_not_hold_or_was_not_read_is_written() -> None:
    assert [setting.key for setting in setup.sampling({})] == ["MeterValueSampleInterval", "MeterValuesSampledData"]
    slow = setup.sampling(HOLDS | {"MeterValueSampleInterval": "60"})
    assert slow == [setup.Setting("MeterValueSampleInterval", ("10", "15", "30", "60"))]
    off = setup.sampling(HOLDS | {"MeterValueSampleInterval": "0"})
    assert [setting.key for setting in off] == ["MeterValueSampleInterval"], "0 means never"
    poor = setup.sampling(HOLDS | {"MeterValuesSampledData": '"Energy.Active.Import.Register"'})
    assert [setting.key for setting in poor] == ["MeterValuesSampledData"]
    assert setup.heartbeat({"heartbeatinterval": "86400"}, 30) == (setup.Setting("HeartbeatInterval", ("30",)),)


def test_the_wish_for_measurands_gets_shorter() -> None:
    (data,) = setup.sampling({"MeterValueSampleInterval": "5"})
    assert all("Current.Import" in value for value in data.values[:3])
    assert [len(value) for value in data.values[:3]] == sorted((len(v) for v in data.values[:3]), reverse=True)


def test_calls_are_short() -> None:
    assert all(len(",".join(keys)) < 200 for keys in setup.READ)


@pytest.mark.parametrize(
    ("unit", "watts"), [("Current,Power", False), ("Current", False), ("Power", True), ("W", True), ("", False)]
)
def test_power_only_stations_get_watts(unit: str, watts: bool) -> None:
    assert setup.profile_style({"ChargingScheduleAllowedChargingRateUnit": unit}).watts is watts


def test_the_stack_of_the_dynamic_profile() -> None:
    assert setup.profile_style({"ChargeProfileMaxStackLevel": "3"}).max_stack == 3
    assert setup.profile_style({"ChargeProfileMaxStackLevel": "many"}).max_stack == setup.ProfileStyle().max_stack
    assert setup.connectors({"numberOfConnectors": "2"}) == 2
    assert setup.connectors({}) is None
