"""A station without its wire: starting, charging, sampling, stopping, and what it queues."""

from datetime import UTC, datetime, timedelta

import pytest

from sitectl.simulator.charge_point import (
    QUEUED_SAMPLES,
    ChargePoint,
    Connector,
    ConnectorSpec,
    StationSpec,
)
from sitectl.simulator.misbehaviour import Misbehaviour
from sitectl.simulator.profiles import Profile
from sitectl.simulator.vehicle import VehicleSpec

NOW = datetime(2026, 11, 20, 12, 0, 0, 700_000, tzinfo=UTC)
CAR = VehicleSpec(phases=3, max_a=32, reaction_s=1, ramp_up_a_per_s=5)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def profile(limit: float, purpose: str = "TxDefaultProfile") -> Profile:
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    return Profile.read(
        {
            "chargingProfileId": 1 if purpose == "TxDefaultProfile" else 2,
            "stackLevel": 0,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": "Relative",
            "chargingSchedule": schedule,
        }
    )


def charging(wiring: str = "L1L2L3") -> tuple[ChargePoint, Connector]:
    point = ChargePoint(StationSpec("CP01", (ConnectorSpec(32, wiring), ConnectorSpec())), register_wh=1000.4)
    point.plug(1, CAR, "TAG")
    point.start(point.connectors[1], NOW)
    return point, point.connectors[1]


def pass_time(point: ChargePoint, begin: int, end: int) -> None:
    for second in range(begin, end):
        point.step(1.0, later(second + 1))


def test_a_start_is_queued_with_whole_seconds_and_whole_watt_hours() -> None:
    point, _ = charging()
    (message,) = point.queue
    assert message.action == "StartTransaction"
    assert message.render() == {
        "connectorId": 1,
        "idTag": "TAG",
        "meterStart": 1000,
        "timestamp": "2026-11-20T12:00:00Z",
    }
    assert point.ledger[0].started == NOW.replace(microsecond=0)


def test_registers_and_ledger_count_what_the_car_draws() -> None:
    point, connector = charging()
    pass_time(point, 0, 120)
    assert connector.drawn == (31.5, 31.5, 31.5)
    transaction = point.ledger[0]
    point.unplug(1, later(120))
    assert transaction.meter_stop_wh == pytest.approx(1000 + transaction.energy_wh, abs=1)
    assert transaction.energy_wh > 600
    assert point.queue[-1].payload["reason"] == "Local"
    assert connector.drawn == (0, 0, 0)
    assert connector.status() == "Available"


def test_limits_of_the_profiles_are_obeyed_unless_it_misbehaves() -> None:
    point, connector = charging()
    point.profiles.install(0, profile(6), NOW)
    point.profiles.install(1, profile(16, "TxProfile"), NOW)
    pass_time(point, 0, 20)
    assert (connector.offered_a, connector.drawn) == (16, (15.5, 15.5, 15.5))
    point.misbehaviour = Misbehaviour(ignore_limits=True)
    pass_time(point, 20, 40)
    assert connector.drawn == (31.5, 31.5, 31.5)


def test_below_six_amperes_the_station_suspends() -> None:
    point, connector = charging()
    pass_time(point, 0, 20)
    assert connector.status() == "Charging"
    point.profiles.install(1, profile(0, "TxProfile"), NOW)
    pass_time(point, 20, 40)
    assert (connector.drawn, connector.status()) == ((0, 0, 0), "SuspendedEVSE")


def test_a_car_that_draws_nothing_has_suspended_itself() -> None:
    point = ChargePoint(StationSpec("CP01"))
    point.plug(1, VehicleSpec(phases=1, max_a=16, wish_wh=0), "TAG")
    assert point.connectors[1].status() == "Preparing"
    point.start(point.connectors[1], NOW)
    pass_time(point, 0, 20)
    assert point.connectors[1].status() == "SuspendedEV"


def test_samples_follow_the_configured_interval_and_measurands() -> None:
    point, _ = charging("L2")
    point.configuration.change("MeterValueSampleInterval", "10")
    point.configuration.change("MeterValuesSampledData", "Current.Import,Energy.Active.Import.Register,Current.Offered")
    pass_time(point, 0, 35)
    samples = [message for message in point.queue if message.action == "MeterValues"]
    assert [s.payload["meterValue"][0]["timestamp"][-4:] for s in samples] == [
        ":10Z",
        ":20Z",
        ":30Z",
    ]
    values = samples[-1].payload["meterValue"][0]["sampledValue"]
    assert [(v["measurand"], v.get("phase"), v["unit"]) for v in values] == [
        ("Current.Import", "L1", "A"),
        ("Energy.Active.Import.Register", None, "Wh"),
        ("Current.Offered", None, "A"),
    ]
    assert values[0]["value"] == "31.50"


def test_aligned_samples_come_at_the_clocks_round_moments() -> None:
    point, _ = charging()
    point.configuration.change("MeterValueSampleInterval", "0")
    point.configuration.change("ClockAlignedDataInterval", "30")
    pass_time(point, 0, 65)
    contexts = [
        m.payload["meterValue"][0]["sampledValue"][0]["context"] for m in point.queue if m.action == "MeterValues"
    ]
    assert contexts == ["Sample.Clock", "Sample.Clock"]


def test_the_queue_drops_old_samples_but_no_start_or_stop() -> None:
    point, connector = charging()
    for n in range(QUEUED_SAMPLES + 5):
        point.queue_sample(connector, point.ledger[0], {"n": n})
    point.unplug(1, later(9))
    actions = [message.action for message in point.queue]
    assert (actions[0], actions[-1], len(actions)) == ("StartTransaction", "StopTransaction", QUEUED_SAMPLES + 2)
    assert point.queue[1].payload["meterValue"] == [{"n": 5}]


def test_the_id_is_bound_late_and_then_frozen() -> None:
    point, _ = charging()
    point.unplug(1, later(10))
    start, stop = point.queue
    point.started(start.transaction, {"transactionId": 42, "idTagInfo": {"status": "Accepted"}}, later(11))
    assert stop.render()["transactionId"] == 42
    start.transaction.id = 43
    assert stop.render()["transactionId"] == 42


def test_a_start_that_was_never_answered_leaves_minus_one() -> None:
    point, _ = charging()
    point.unplug(1, later(10))
    assert point.queue[1].render()["transactionId"] == -1


@pytest.mark.parametrize(("stops", "reason"), [("true", "DeAuthorized"), ("false", None)])
def test_a_refused_token_ends_the_transaction_or_only_the_energy(stops: str, reason: str | None) -> None:
    point, connector = charging()
    point.configuration.change("StopTransactionOnInvalidId", stops)
    pass_time(point, 0, 10)
    point.started(point.ledger[0], {"transactionId": 1, "idTagInfo": {"status": "Blocked"}}, later(10))
    pass_time(point, 10, 30)
    assert point.ledger[0].reason == reason
    assert connector.drawn == (0, 0, 0)
    assert not point.locally_authorized("TAG", online=False)


def test_local_authorization_follows_the_keys() -> None:
    point = ChargePoint(StationSpec("CP01"))
    assert not point.locally_authorized("TAG", online=False)
    point.remember("TAG", {"status": "Accepted"})
    assert point.locally_authorized("TAG", online=False)
    assert not point.locally_authorized("TAG", online=True)
    point.configuration.change("LocalPreAuthorize", "true")
    assert point.locally_authorized("TAG", online=True)
    for key in ("AuthorizationCacheEnabled", "LocalAuthListEnabled"):
        point.configuration.change(key, "false")
    assert not point.locally_authorized("TAG", online=False)
    point.configuration.change("AllowOfflineTxForUnknownId", "true")
    assert point.locally_authorized("ANY", online=False)
    assert not point.locally_authorized("ANY", online=True)


def test_transaction_data_accompanies_the_stop_when_configured() -> None:
    point, _ = charging()
    point.configuration.change("StopTxnSampledData", "Energy.Active.Import.Register")
    point.unplug(1, later(5))
    assert point.queue[-1].payload["transactionData"][0]["sampledValue"][0]["context"] == "Transaction.End"


def test_a_taken_connector_takes_no_second_car() -> None:
    point, _ = charging()
    with pytest.raises(ValueError, match="CP01/1 is taken"):
        point.plug(1, CAR, None)
    with pytest.raises(ValueError, match="nobody asked"):
        point.start(point.connectors[2], NOW)
