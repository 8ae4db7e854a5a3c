"""RemoteStart, RemoteStop and UnlockConnector of a central, over a link on virtual time."""

import asyncio

import pytest

from sitectl.model.commands import Answered, RequestStart, RequestStop, UnlockConnector, Urgency
from sitectl.model.events import CeilingSet, StartExpected
from sitectl.model.ids import EvseId, StationId
from tests.unit.uplinks.central import CP, Nothing
from tests.unit.uplinks.twins import World, on_virtual_time

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
START = {"idTag": "TAG12345", "connectorId": 1}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]},
}


@on_virtual_time
async def test_a_start_without_a_connector_goes_where_somebody_has_plugged_in():
    async with World() as world:
        await world.settles()
        world.reports(1, "Available")
        world.reports(2, "Preparing")
        assert await world.central.ask("RemoteStartTransaction", {"idTag": "TAG12345"}) == ACCEPTED
        assert world.door.of(RequestStart) == [RequestStart(EvseId(CP, 2), "TAG12345")]
        [expected] = world.inbox.of(StartExpected)
        assert expected.evse == EvseId(CP, 2)


@on_virtual_time
async def test_no_start_where_one_runs_or_where_nothing_is():
    async with World() as world:
        await world.settles()
        await world.starts(1)
        ask = world.central.ask
        assert await ask("RemoteStartTransaction", {"idTag": "TAG12345", "connectorId": 1}) == REJECTED
        assert await ask("RemoteStartTransaction", {"idTag": "TAG12345", "connectorId": 7}) == REJECTED
        assert await ask("RemoteStartTransaction", {"idTag": "TAG12345"}) == ACCEPTED
        assert world.door.of(RequestStart) == [RequestStart(EvseId(CP, 2), "TAG12345")]
        await world.starts(2)
        assert await ask("RemoteStartTransaction", {"idTag": "TAG12345"}) == REJECTED


@on_virtual_time
async def test_a_profile_of_a_start_is_for_that_transaction():
    async with World() as world:
        await world.settles()
        wish = {**START, "chargingProfile": PROFILE}
        assert await world.central.ask("RemoteStartTransaction", wish) == ACCEPTED
        assert world.door.of(RequestStart) == [RequestStart(EvseId(CP, 1), "TAG12345")]  # without the profile
        await world.starts(1, "TAG12345")
        assert [c.ceiling.ceiling_a for c in world.inbox.of(CeilingSet)] == [10.0]


@pytest.mark.parametrize("why", ["another token", "too late", "refused", "another purpose"])
def test_a_profile_of_a_start_is_for_no_other_transaction(why):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            if why == "refused":
                world.door.outcome = lambda command: Answered("Rejected", REJECTED)
            profile = {**PROFILE, "chargingProfilePurpose": "TxDefaultProfile"} if why == "another purpose" else PROFILE
            wish = {**START, "chargingProfile": profile}
            answer = await world.central.ask("RemoteStartTransaction", wish)
            assert answer == (REJECTED if why in ("refused", "another purpose") else ACCEPTED)
            await asyncio.sleep(70 if why == "too late" else 1)
            await world.starts(1, "OTHER123" if why == "another token" else "TAG12345")
            assert world.inbox.of(CeilingSet) == []

    test()


@on_virtual_time
async def test_a_stop_is_by_the_id_of_this_central_and_of_this_station():
    async with World() as world:
        other = StationId("CP02")
        await world.settles()
        await world.settles(other)
        stored = await world.starts(1)
        await world.starts(1, station=other)
        ask = world.central.ask
        assert await ask("RemoteStopTransaction", {"transactionId": 4002}) == REJECTED  # the other station's
        assert await ask("RemoteStopTransaction", {"transactionId": stored.station_transaction_id}) == REJECTED
        assert world.door.commands == []
        assert await ask("RemoteStopTransaction", {"transactionId": 4001}) == ACCEPTED
        assert world.door.commands == [(RequestStop(CP, stored.station_transaction_id), Urgency.STOP)]
        await world.stops(stored)
        assert await ask("RemoteStopTransaction", {"transactionId": 4001}) == ACCEPTED  # it will learn of the stop
        assert len(world.door.commands) == 1


@on_virtual_time
async def test_a_stop_without_a_usable_id_means_the_only_transaction():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = {"transactionId": 0, "idTagInfo": {"status": "Accepted"}}
        stored = await world.starts(1)
        assert await world.central.ask("RemoteStopTransaction", {"transactionId": 0}) == ACCEPTED
        assert world.door.of(RequestStop) == [RequestStop(CP, stored.station_transaction_id)]
        await world.starts(2)
        assert await world.central.ask("RemoteStopTransaction", {"transactionId": 0}) == REJECTED


# --- what is in the way ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["Faulted", "Unavailable"])
def test_no_start_where_the_station_says_that_none_can_be(status):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.reports(1, status)
            assert await world.central.ask("RemoteStartTransaction", START) == REJECTED
            assert await world.central.ask("RemoteStartTransaction", {"idTag": "TAG12345"}) == ACCEPTED
            assert world.door.of(RequestStart) == [RequestStart(EvseId(CP, 2), "TAG12345")]

    test()


@on_virtual_time
async def test_a_start_is_expected_for_as_long_as_the_central_has_set_or_the_station_waits():
    async with World() as world:
        await world.settles()
        for wanted_s, station_s, expected_s in ((None, None, 60), (20, None, 20), (20, "90", 90), (300, "90", 300)):
            if wanted_s is not None:
                change = {"key": "ConnectionTimeOut", "value": str(wanted_s)}
                assert await world.central.ask("ChangeConfiguration", change) == ACCEPTED
            if station_s is not None:
                world.facts.keys["connectiontimeout"] = (station_s, False)
            world.inbox.clear()
            assert await world.central.ask("RemoteStartTransaction", START) == ACCEPTED
            [expected] = world.inbox.of(StartExpected)
            assert expected.until - expected.at == expected_s


@pytest.mark.parametrize(("verdict", "answer"), [("Accepted", ACCEPTED), ("Blocked", REJECTED), (None, REJECTED)])
def test_where_remote_starts_are_to_be_authorised_the_central_is_asked_first(verdict, answer):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            change = {"key": "AuthorizeRemoteTxRequests", "value": "true"}
            assert await world.central.ask("ChangeConfiguration", change) == ACCEPTED
            world.central.answers["Authorize"] = Nothing() if verdict is None else {"idTagInfo": {"status": verdict}}
            assert await world.central.ask("RemoteStartTransaction", START) == answer
            assert world.central.of("Authorize") == [{"idTag": "TAG12345"}]
            assert len(world.door.of(RequestStart)) == (answer == ACCEPTED)

    test()


@on_virtual_time
async def test_a_connector_that_is_not_there_has_no_lock():
    async with World() as world:
        await world.settles()
        for connector in (0, 7, -1):
            answer = await world.central.ask("UnlockConnector", {"connectorId": connector})
            assert answer == {"status": "NotSupported"}
        world.door.outcome = lambda command: Answered("Unlocked", {"status": "Unlocked"})
        assert await world.central.ask("UnlockConnector", {"connectorId": 1}) == {"status": "Unlocked"}
        assert world.door.commands == [(UnlockConnector(EvseId(CP, 1)), Urgency.STOP)]
