"""What stations show of how well they are, in memory: by messages of a station, and by what it leaves unsaid."""

import asyncio

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.healing.view import NO_FACTS
from sitectl.model.commands import NotSent, ResetKind, ResetStation, TriggerMessage, Urgency
from sitectl.model.ids import EvseId, StationId
from sitectl.model.station import ConnectorStatus, EvseStatus
from sitectl.stations.record import EventBudget
from sitectl.stations.vitals import ASKED_FOR_S, MOST_MOMENTS, Vitals
from tests.unit.stations.twins import CP, START, Yard, in_yard, meter_payload, start_payload

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One"}


def status(error: str, vendor: str = "", word: str = "Faulted", connector: int = 1) -> dict[str, object]:
    return {"connectorId": connector, "status": word, "errorCode": error, "vendorErrorCode": vendor}


@in_yard()
async def test_an_error_stands_until_the_station_takes_it_back(yard: Yard) -> None:
    changes: list[tuple[StationId, bool]] = []
    yard.stations.vitals.changed = lambda station, urgent: changes.append((station, urgent))
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    changes.clear()
    await station.call("StatusNotification", status("GroundFailure", "E17"))
    fault = yard.stations.vitals.of(CP).faults[1]
    assert (fault.code, fault.vendor_code, fault.evse) == ("GroundFailure", "E17", 1)
    assert changes == [(CP, True)], "a fault is urgent"
    await asyncio.sleep(60)
    for n in range(50):
        await station.call("StatusNotification", status("GroundFailure", "E17") | {"info": f"{n}"})
    assert yard.stations.vitals.of(CP).faults[1] is fault, "the same error again is no news, and began when it began"
    await station.call("StatusNotification", status("NoError", word="Available"))
    assert not yard.stations.vitals.of(CP).faults
    assert len(changes) == 2


@in_yard()
async def test_faulted_without_an_error_is_one_and_each_connector_has_its_own(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    await station.call("StatusNotification", status("NoError"))
    await station.call("StatusNotification", status("HighTemperature", connector=0, word="Available"))
    faults = yard.stations.vitals.of(CP).faults
    assert {n: fault.code for n, fault in faults.items()} == {1: "OtherError", 0: "HighTemperature"}


@in_yard()
async def test_a_tamper_alarm_stands_until_a_person_has_looked(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    alarm = {"type": "TamperDetectionActivated", "timestamp": "2026-01-01T12:00:00Z", "techInfo": "lid"}
    await station.call("SecurityEventNotification", alarm)
    await station.call("StatusNotification", status("NoError", word="Available", connector=0))
    assert yard.stations.vitals.of(CP).faults[0].info == "lid"
    yard.stations.vitals.looked_at(CP)
    assert not yard.stations.vitals.of(CP).faults


@in_yard()
async def test_a_flood_of_other_security_events_hides_no_tamper_alarm(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    alarm = {"type": "TamperDetectionActivated", "timestamp": "2026-01-01T12:00:00Z", "techInfo": "lid"}
    for _ in range(EventBudget.MOST + 1):
        await station.call("SecurityEventNotification", {**alarm, "type": "InvalidMessages"})
    assert not yard.stations.vitals.of(CP).faults
    await station.call("SecurityEventNotification", alarm)
    assert yard.stations.vitals.of(CP).faults[0].info == "lid"


@in_yard()
async def test_the_same_error_whose_text_tells_of_a_danger_only_later_is_news(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    await station.call("StatusNotification", status("OtherError") | {"info": "Check 1"})
    began_at = yard.stations.vitals.of(CP).faults[1].at
    await asyncio.sleep(60)
    await station.call("StatusNotification", status("OtherError") | {"info": "RCD tripped"})
    fault = yard.stations.vitals.of(CP).faults[1]
    assert (fault.info, fault.at) == ("RCD tripped", began_at)


@in_yard()
async def test_another_error_does_not_take_a_tamper_alarm_away_and_stands_after_it(yard: Yard) -> None:
    station, vitals = await yard.connect(), yard.stations.vitals
    await station.call("BootNotification", BOOT)
    vitals.security_event(CP, "TamperDetectionActivated", "lid")
    await station.call("StatusNotification", status("InternalError", connector=0))
    assert vitals.of(CP).faults[0].info == "lid"
    vitals.looked_at(CP)
    assert vitals.of(CP).faults[0].code == "InternalError"
    vitals.security_event(CP, "TamperDetectionActivated", "lid")
    await station.call("StatusNotification", status("NoError", word="Available", connector=0))
    vitals.looked_at(CP)
    assert not vitals.of(CP).faults


@in_yard()
async def test_boots_and_connections_that_were_asked_for_are_no_sign(yard: Yard) -> None:
    vitals = yard.stations.vitals
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    assert (len(vitals.of(CP).connects), len(vitals.of(CP).boots)) == (1, 1)
    await yard.stations.execute(CP, ResetStation(CP, ResetKind.IMMEDIATE), Urgency.CONTROL)
    for _ in range(2):
        station = await yard.connect()
        await station.call("BootNotification", BOOT)
    assert (len(vitals.of(CP).connects), len(vitals.of(CP).boots)) == (2, 2), "one of the two was asked for"
    await yard.stations.hang_up(CP, "healing", "healing")
    await yard.connect()
    assert len(vitals.of(CP).connects) == 2


def test_what_was_asked_for_long_ago_is_a_sign_and_few_moments_are_kept():
    async def main() -> None:
        vitals = Vitals(LoopClock(START))
        vitals.restart_asked(CP)
        await asyncio.sleep(ASKED_FOR_S + 1)
        vitals.booted(CP)
        assert len(vitals.of(CP).boots) == 1
        for _ in range(100):
            vitals.connected(CP, None)
        assert len(vitals.of(CP).connects) == MOST_MOMENTS
        assert vitals.of(StationId("OTHER")) is NO_FACTS

    run_virtual(main())


@in_yard()
async def test_calls_without_an_answer_are_counted_while_the_station_talks(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(120)
    station.answers = lambda action, payload: None
    for _ in range(2):
        ordered = asyncio.create_task(
            yard.stations.execute(CP, TriggerMessage(EvseId(CP, 0), "Heartbeat"), Urgency.CONTROL)
        )
        await asyncio.sleep(5)
        await station.call("Heartbeat", {})
        await ordered
    facts = yard.stations.vitals.of(CP)
    assert facts.unanswered == 2
    assert facts.unanswered_since is not None
    station = await yard.connect()
    await yard.stations.execute(CP, TriggerMessage(EvseId(CP, 0), "Heartbeat"), Urgency.STOP)
    assert yard.stations.vitals.of(CP).unanswered == 0


@in_yard()
async def test_a_transaction_that_nobody_knows_is_noticed_until_one_covers_it(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    await station.call("MeterValues", meter_payload(4711, "2026-01-01T12:00:00Z"))
    assert list(yard.stations.vitals.of(CP).foreign_transactions) == [1]
    await station.call("StartTransaction", start_payload())
    assert not yard.stations.vitals.of(CP).foreign_transactions


@in_yard()
async def test_a_guard_is_asked_just_before_an_order_leaves(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(120)
    reset = ResetStation(CP, ResetKind.ON_IDLE)
    why = "a car has begun to charge"
    assert await yard.stations.execute(CP, reset, Urgency.CONTROL, guard=lambda: why) == NotSent(why)
    assert not station.called("Reset")
    refused = await yard.stations.execute(CP, reset, Urgency.CONTROL, guard=lambda: str(1 / 0))
    assert isinstance(refused, NotSent)
    await yard.stations.execute(CP, reset, Urgency.CONTROL, guard=lambda: "")
    assert len(station.called("Reset")) == 1, "and the door is still open"


def test_firmware_configuration_clock_and_certificates():
    async def main() -> None:
        vitals = Vitals(LoopClock(START))
        vitals.firmware(CP, "Installing")
        await asyncio.sleep(10)
        vitals.firmware(CP, "Installing")
        vitals.configuration(CP, ["B", "A"])
        vitals.clock(CP, 3.0)
        assert vitals.of(CP).clock_wrong_since is None
        vitals.clock(CP, 400.0)
        vitals.connected(CP, START)
        facts = vitals.of(CP)
        assert facts.firmware_since is not None
        assert (facts.firmware, facts.drifted, facts.clock_error_s) == ("Installing", ("A", "B"), 400.0)
        assert facts.drifted_since == facts.clock_wrong_since == facts.firmware_since + 10.0
        assert facts.certificate_ends == START
        vitals.configuration(CP, [])
        assert (vitals.of(CP).drifted, vitals.of(CP).drifted_since) == ((), None)

    run_virtual(main())


@in_yard()
async def test_the_temperature_is_noted_with_a_sample_that_is_stored(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    answer = await station.call("StartTransaction", start_payload())
    values = meter_payload(answer["transactionId"], "2026-01-01T12:00:00Z")
    values["meterValue"][0]["sampledValue"].append({"value": "55", "measurand": "Temperature"})
    await station.call("MeterValues", values)
    assert yard.stations.vitals.of(CP).temperature_c == 55.0
    yard.stations.vitals.temperature(CP, 56.0)
    assert yard.stations.vitals.of(CP).temperature_c == 55.0, "a degree more is no change"
    yard.stations.vitals.temperature(CP, 58.0)
    assert yard.stations.vitals.of(CP).temperature_c == 58.0


def test_a_status_of_the_standard_is_no_fault():
    async def main() -> None:
        vitals = Vitals(LoopClock(START))
        vitals.status(CP, 1, EvseStatus(ConnectorStatus.AVAILABLE))
        assert vitals.of(CP) is NO_FACTS

    run_virtual(main())
