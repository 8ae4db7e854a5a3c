import asyncio

from sitectl.model.events import ClockSkewLearned, EvseStatusChanged
from sitectl.model.ids import EvseId
from sitectl.model.station import ConnectorStatus
from tests.unit.stations.twins import CP, Yard, in_yard

AVAILABLE = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


@in_yard()
async def test_a_status_goes_to_the_site_and_to_the_central(yard: Yard) -> None:
    station = await yard.connect()
    assert await station.call("StatusNotification", AVAILABLE) == {}
    (event,) = yard.inbox.of(EvseStatusChanged)
    assert event.evse == EvseId(CP, 1)
    assert event.status.connector_status is ConnectorStatus.AVAILABLE
    assert ("status", CP, 1) in yard.centrals.heard
    assert yard.stations.book.statuses(CP) == {1: AVAILABLE}


@in_yard()
async def test_only_changes_are_noted_for_people(yard: Yard) -> None:
    station = await yard.connect()
    for _ in range(3):
        await station.call("StatusNotification", AVAILABLE)
    await station.call("StatusNotification", {**AVAILABLE, "status": "Charging"})
    assert yard.journal.types().count("evse.status") == 2


@in_yard()
async def test_an_unheard_of_connector_fills_no_memory(yard: Yard) -> None:
    station = await yard.connect()
    for connector in (10_000, -3):
        assert await station.call("StatusNotification", {**AVAILABLE, "connectorId": connector}) == {}
    assert yard.stations.book.statuses(CP) == {}


@in_yard()
async def test_a_clock_that_runs_ahead_is_learned_from_two_stamps(yard: Yard) -> None:
    station = await yard.connect()
    for second in ("10", "11", "12"):
        await station.call("StatusNotification", {**AVAILABLE, "timestamp": f"2026-01-01T12:00:{second}Z"})
        await asyncio.sleep(1)
    (learned,) = yard.inbox.of(ClockSkewLearned)
    assert learned.skew_s == 10.0


@in_yard()
async def test_a_deviation_is_noted_once_and_the_call_is_served(yard: Yard) -> None:
    station = await yard.connect()
    for _ in range(3):
        assert await station.call("StatusNotification", {**AVAILABLE, "errorCode": "Error", "extra": 1}) == {}
    noted = [entry[3] for entry in yard.journal if entry[0] == "station.deviation"]
    assert len(noted) == len({str(entry) for entry in noted}) >= 1
