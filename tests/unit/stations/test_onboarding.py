import asyncio
from typing import Any

from sitectl.config.settings import AuthorizationMode, AuthorizationSettings
from sitectl.model.events import StartControlLearned
from sitectl.model.ids import EvseId
from sitectl.ocpp.v16.configuration import START_KEYS
from tests.unit.stations.twins import (
    BOOT,
    CP,
    Wired,
    Yard,
    in_yard,
    meter_payload,
    start_payload,
    station_plan,
    stop_payload,
)

FREE = AuthorizationSettings(AuthorizationMode.FREE)
GOOD = {
    **dict.fromkeys(START_KEYS, "false"),
    "NumberOfConnectors": "1",
    "MeterValueSampleInterval": "10",
    "MeterValuesSampledData": "Current.Import,Energy.Active.Import.Register",
    "HeartbeatInterval": "30",
}


def configured(station: Wired, held: dict[str, str], refuses: tuple[str, ...] = ()) -> None:
    """Let a station answer GetConfiguration and ChangeConfiguration from what it holds."""

    def answer(action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if action == "GetConfiguration":
            known = [key for key in payload["key"] if key in held]
            return {
                "configurationKey": [{"key": key, "readonly": False, "value": held[key]} for key in known],
                "unknownKey": [key for key in payload["key"] if key not in held],
            }
        if action == "ChangeConfiguration":
            if payload["value"] in refuses:
                return {"status": "Rejected"}
            held[payload["key"]] = payload["value"]
        return {"status": "Accepted"}

    station.answers = answer


def statuses_after(station: Wired) -> list[dict[str, Any]]:
    return [p for p in station.called("TriggerMessage") if p["requestedMessage"] == "StatusNotification"]


@in_yard()
async def test_nothing_is_asked_before_the_station_has_settled(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, dict(GOOD))
    await asyncio.sleep(3)
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(60)
    assert min(at for at, _, _ in station.calls) >= 8.0


@in_yard()
async def test_a_station_that_is_as_it_should_be_is_only_read(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, dict(GOOD))
    await station.call("BootNotification", BOOT)
    await station.call("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    await asyncio.sleep(100)
    assert {action for _, action, _ in station.calls} == {"GetConfiguration"}
    assert [event.starts_pass_us for event in yard.inbox.of(StartControlLearned)] == [True]
    assert yard.stations.book.configuration(CP)["HeartbeatInterval"] == ("30", False)
    assert yard.store.remembered[CP].configuration == GOOD


@in_yard()
async def test_a_station_that_may_start_by_itself_is_known_to(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, {**GOOD, "LocalPreAuthorize": "true"})
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(10)
    assert [event.starts_pass_us for event in yard.inbox.of(StartControlLearned)] == [False]


@in_yard()
async def test_a_station_that_tells_nothing_counts_as_the_worst(yard: Yard) -> None:
    station = await yard.connect()
    station.answers = lambda action, payload: {}
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(100)
    assert [event.starts_pass_us for event in yard.inbox.of(StartControlLearned)] == [False]


@in_yard()
async def test_the_sampling_plan_is_written_once_and_shortened_when_refused(yard: Yard) -> None:
    station = await yard.connect()
    held = {**GOOD, "MeterValueSampleInterval": "900", "MeterValuesSampledData": "Voltage"}
    long = "Current.Import,Current.Offered,Energy.Active.Import.Register,Power.Active.Import"
    configured(station, held, refuses=(long,))
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(100)
    assert held["MeterValueSampleInterval"] == "10"
    assert held["MeterValuesSampledData"] == "Current.Import,Energy.Active.Import.Register"
    written = station.called("ChangeConfiguration")
    assert len(written) == 3
    station = await yard.connect()
    configured(station, held)
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(100)
    assert not station.called("ChangeConfiguration"), "what holds is not written again"


@in_yard(station_plan(evses=2))
async def test_statuses_that_did_not_come_are_asked_for(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, dict(GOOD))
    await station.call("StatusNotification", {"connectorId": 2, "errorCode": "NoError", "status": "Available"})
    await asyncio.sleep(100)
    assert statuses_after(station) == [{"requestedMessage": "StatusNotification", "connectorId": 1}]


@in_yard()
async def test_a_station_that_never_said_who_it_is_is_asked_after_a_minute(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, dict(GOOD))
    await asyncio.sleep(70)
    asked = [p for p in station.called("TriggerMessage") if p["requestedMessage"] == "BootNotification"]
    assert asked == [{"requestedMessage": "BootNotification"}]
    assert min(at for at, _, _ in station.calls) >= 60.0


@in_yard(authorization=FREE)
async def test_readings_that_never_come_are_a_problem_until_they_do(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, dict(GOOD))
    await station.call("BootNotification", BOOT)
    await station.call("StartTransaction", start_payload())
    await asyncio.sleep(200)
    (problem,) = yard.stations.problems()
    assert problem.where == CP
    assert yard.journal.types().count("station.no_readings") == 1
    for _ in range(5):
        now = int(asyncio.get_running_loop().time())
        stamp = f"2026-01-01T12:{now // 60:02}:{now % 60:02}Z"
        await station.call("MeterValues", meter_payload(1000, stamp))
        await asyncio.sleep(10)
    assert not yard.stations.problems()
    assert yard.stations.book.running(EvseId(CP, 1))


@in_yard()
async def test_without_pongs_heartbeats_must_come_often(yard: Yard) -> None:
    station = await yard.connect()
    station.far.answers_pings = False
    held = {**GOOD, "HeartbeatInterval": "86400"}
    configured(station, held)
    await station.call("BootNotification", BOOT)
    for _ in range(4):
        await asyncio.sleep(10)
        await station.call("Heartbeat", {})
    assert held["HeartbeatInterval"] == "30"


@in_yard(authorization=FREE)
async def test_charging_on_an_evse_that_nobody_listed_is_a_problem_until_it_ends(yard: Yard) -> None:
    station = await yard.connect()
    configured(station, dict(GOOD))
    await station.call("BootNotification", BOOT)
    answer = await station.call("StartTransaction", start_payload() | {"connectorId": 7})
    await asyncio.sleep(100)
    assert [problem.where for problem in yard.stations.problems() if "EVSE 7" in problem.what] == [CP]
    assert yard.journal.types().count("station.unlisted_evse") == 1
    await station.call("StopTransaction", stop_payload(answer["transactionId"]))
    await asyncio.sleep(40)
    assert not yard.stations.problems()
