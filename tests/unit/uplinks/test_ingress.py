"""Calls of a central, through a link on virtual time: what reaches the station, and what is answered."""

import asyncio

import pytest

from sitectl.model.commands import (
    Answered,
    ChangeAvailability,
    Refused,
    RequestStart,
    ResetKind,
    ResetStation,
    TransferData,
    Unanswered,
    UnlockConnector,
    Urgency,
)
from sitectl.model.events import StartExpected
from sitectl.model.ids import EvseId
from sitectl.model.uplink import Right
from sitectl.ocpp.v16.actions import FROM_CENTRAL
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import World, on_virtual_time

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10}]},
}
CALLS = {
    "CancelReservation": {"reservationId": 1},
    "ChangeAvailability": {"connectorId": 1, "type": "Inoperative"},
    "ChangeConfiguration": {"key": "HeartbeatInterval", "value": "60"},
    "ClearCache": {},
    "ClearChargingProfile": {},
    "DataTransfer": {"vendorId": "v"},
    "GetCompositeSchedule": {"connectorId": 1, "duration": 60},
    "GetConfiguration": {},
    "GetDiagnostics": {"location": "ftp://a"},
    "GetLocalListVersion": {},
    "RemoteStartTransaction": {"idTag": "TAG12345", "connectorId": 1},
    "RemoteStopTransaction": {"transactionId": 4001},
    "ReserveNow": {"connectorId": 1, "expiryDate": "2027-01-01T00:00:00Z", "idTag": "T", "reservationId": 1},
    "Reset": {"type": "Soft"},
    "SendLocalList": {"listVersion": 1, "updateType": "Full"},
    "SetChargingProfile": {"connectorId": 1, "csChargingProfiles": PROFILE},
    "TriggerMessage": {"requestedMessage": "Heartbeat"},
    "UnlockConnector": {"connectorId": 1},
    "UpdateFirmware": {"location": "ftp://a", "retrieveDate": "2027-01-01T00:00:00Z"},
}


@pytest.mark.parametrize(
    ("action", "payload", "command", "urgency"),
    [
        ("Reset", {"type": "Hard"}, ResetStation(CP, ResetKind.IMMEDIATE), Urgency.CONTROL),
        (
            "ChangeAvailability",
            {"connectorId": 2, "type": "Inoperative"},
            ChangeAvailability(EvseId(CP, 2), False),
            Urgency.CONTROL,
        ),
        ("UnlockConnector", {"connectorId": 1}, UnlockConnector(EvseId(CP, 1)), Urgency.STOP),
        ("DataTransfer", {"vendorId": "v", "data": "x"}, TransferData(CP, "v", None, "x"), Urgency.CONTROL),
        (
            "RemoteStartTransaction",
            {"idTag": "TAG12345", "connectorId": 2},
            RequestStart(EvseId(CP, 2), "TAG12345"),
            Urgency.START,
        ),
    ],
)
def test_commands_go_through_the_one_door(action, payload, command, urgency):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            assert await world.central.ask(action, payload) == ACCEPTED
            assert world.door.commands == [(command, urgency)]

    test()


@on_virtual_time
async def test_the_answer_is_the_stations_own_else_the_actions_no():
    async with World() as world:
        await world.settles()
        world.door.outcome = lambda command: Answered("Scheduled", {"status": "Scheduled", "extra": None})
        assert await world.central.ask("ChangeAvailability", CALLS["ChangeAvailability"]) == {"status": "Scheduled"}
        world.door.outcome = lambda command: Refused("NotSupported")
        assert await world.central.ask("UnlockConnector", {"connectorId": 1}) == {"status": "NotSupported"}
        world.door.outcome = lambda command: Unanswered("too late")
        assert await world.central.ask("UnlockConnector", {"connectorId": 1}) == {"status": "UnlockFailed"}


@on_virtual_time
async def test_a_reset_leaves_the_connection_to_the_central_open():
    async with World() as world:
        await world.settles()
        assert await world.central.ask("Reset", {"type": "Hard"}) == ACCEPTED
        world.leaves()
        await asyncio.sleep(40)
        world.arrives()
        world.boots()
        await asyncio.sleep(5)
        assert len(world.central.dials) == 1
        assert len(world.central.of("BootNotification")) == 2


@on_virtual_time
async def test_commands_for_a_station_that_is_away_get_their_own_no():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        world.leaves()
        ask = world.central.ask
        assert await ask("RemoteStartTransaction", CALLS["RemoteStartTransaction"]) == REJECTED
        assert await ask("Reset", {"type": "Soft"}) == REJECTED
        assert await ask("ChangeAvailability", CALLS["ChangeAvailability"]) == {"status": "Scheduled"}
        assert await ask("UnlockConnector", {"connectorId": 1}) == {"status": "UnlockFailed"}
        assert await ask("DataTransfer", {"vendorId": "v"}) == REJECTED
        assert await ask("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}) == REJECTED
        assert world.inbox.of(StartExpected) == []  # nothing is reserved for a start that cannot be
        assert (await ask("GetConfiguration"))["configurationKey"]


@on_virtual_time
async def test_a_central_waits_half_a_minute_for_a_station_at_most():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        world.door.delay_s = 70.0
        began = world.clock.monotonic()
        assert await world.central.ask("UnlockConnector", {"connectorId": 1}) == {"status": "UnlockFailed"}
        assert await world.central.ask("Reset", {"type": "Hard"}) == REJECTED
        assert world.clock.monotonic() - began == pytest.approx(60.0, abs=0.5)


# --- rights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("right", [None, *Right])
def test_each_class_of_right_opens_its_own_calls(right):
    opens = {
        Right.START_STOP: {"RemoteStartTransaction", "ReserveNow", "UnlockConnector", "RemoteStopTransaction"},
        Right.RESET: {"Reset", "ChangeAvailability"},
        Right.CONFIGURATION: {"ChangeConfiguration", "DataTransfer"},
        Right.PROFILES: {"SetChargingProfile"},
        Right.READ: {"GetCompositeSchedule", "GetConfiguration", "GetLocalListVersion", "TriggerMessage"},
        Right.LISTS: {"SendLocalList", "ClearCache"},
    }

    @on_virtual_time
    async def test():
        async with World(rights=frozenset() if right is None else frozenset({right})) as world:
            await world.settles()
            await world.starts()
            world.facts.transactions.clear()
            opened = set()
            for action in sorted(FROM_CENTRAL):
                answer = await world.central.ask(action, CALLS[action])
                if isinstance(answer, dict) and (
                    answer.get("status") == "Accepted" or "configurationKey" in answer or answer.get("listVersion") == 0
                ):
                    opened.add(action)
            assert opened == opens.get(right, set())

    test()


@on_virtual_time
async def test_what_is_not_allowed_is_noted_once():
    async with World(rights=frozenset()) as world:
        await world.settles()
        for _ in range(5):
            await world.central.ask("Reset", {"type": "Soft"})
        await world.store.journal.drain()
        noted = await world.rows("SELECT data FROM events WHERE type = 'uplink.not_allowed'")
        assert len(noted) == 1


@on_virtual_time
async def test_a_start_with_a_profile_needs_the_right_to_profiles_too():
    async with World(rights=frozenset({Right.START_STOP})) as world:
        await world.settles()
        wish = {**CALLS["RemoteStartTransaction"], "chargingProfile": PROFILE}
        assert await world.central.ask("RemoteStartTransaction", wish) == REJECTED
        assert world.door.commands == []


@on_virtual_time
async def test_what_is_not_offered_is_refused_in_words_and_the_unknown_by_callerror():
    async with World() as world:
        await world.settles()
        ask = world.central.ask
        assert await ask("MakeCoffee") == "NotImplemented"
        assert await ask("Reset", {"type": "Gently"}) == "FormationViolation"
        assert await ask("Reset", {}) == "FormationViolation"
        assert world.door.commands == []
