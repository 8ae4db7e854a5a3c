"""GetConfiguration and ChangeConfiguration over a link, on virtual time."""

import asyncio

import pytest

from sitectl.model.commands import (
    Answered,
    Command,
    GetVariables,
    SetVariable,
)
from sitectl.model.uplink import Right
from sitectl.uplinks.virtual import feature_profiles
from tests.unit.uplinks.central import CP, Error
from tests.unit.uplinks.twins import World, on_virtual_time

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


def configuration(answer: dict) -> dict[str, str]:
    return {entry["key"]: entry["value"] for entry in answer["configurationKey"]}


@on_virtual_time
async def test_virtual_keys_are_kept_here_and_never_reach_the_station():
    async with World() as world:
        await world.settles()
        ask = world.central.ask
        for key, value in (("MeterValueSampleInterval", "900"), ("localpreauthorize", "true")):
            assert await ask("ChangeConfiguration", {"key": key, "value": value}) == ACCEPTED
        shown = configuration(await ask("GetConfiguration", {"key": ["MeterValueSampleInterval", "LocalPreAuthorize"]}))
        assert list(shown.values()) == ["900", "true"]
        assert world.door.commands == []


@on_virtual_time
async def test_shared_keys_are_kept_when_the_station_has_taken_them():
    async with World() as world:
        await world.settles()
        change = {"key": "MinimumStatusDuration", "value": "5"}
        assert await world.central.ask("ChangeConfiguration", change) == ACCEPTED
        assert world.door.of(SetVariable) == [SetVariable(CP, "MinimumStatusDuration", "5")]
        world.door.outcome = lambda command: Answered("Rejected", REJECTED)
        assert await world.central.ask("ChangeConfiguration", {**change, "value": "6"}) == REJECTED
        shown = await world.central.ask("GetConfiguration", {"key": ["MinimumStatusDuration"]})
        assert configuration(shown) == {"MinimumStatusDuration": "5"}
        world.leaves()
        assert await world.central.ask("ChangeConfiguration", change) == REJECTED


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("AuthorizationKey", "secret", "Rejected"),
        ("NumberOfConnectors", "9", "Rejected"),
        ("VendorKey", "1", "Rejected"),
        ("NoSuchKey", "1", "NotSupported"),
        ("BackendURL", "ws://evil", "NotSupported"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("HeartbeatInterval", "-1", "Rejected"),
        ("HeartbeatInterval", "9" * 20, "Rejected"),
        ("StopTransactionOnInvalidId", "perhaps", "Rejected"),
    ],
)
def test_what_may_not_be_written(key, value, status):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            assert await world.central.ask("ChangeConfiguration", {"key": key, "value": value}) == {"status": status}
            assert world.door.commands == []
            assert world.store.virtual.variables(world.settings.id, CP) == {}

    test()


@on_virtual_time
async def test_reading_asks_the_station_only_for_what_is_not_known_and_shows_no_secret():
    async with World() as world:
        await world.settles()
        world.facts.keys = {**world.facts.keys, "AuthorizationKey": ("secret", False)}

        def told(command: Command) -> Answered:
            keys = [
                {"key": "Rare", "readonly": False, "value": "r"},
                {"key": "AuthorizationKey", "readonly": False, "value": "secret"},
                {"key": "HeartbeatInterval", "readonly": False, "value": "30"},
            ]
            return Answered("", {"configurationKey": keys, "unknownKey": []})

        world.door.outcome = told
        known = await world.central.ask("GetConfiguration", {"key": ["HeartbeatInterval", "NumberOfConnectors"]})
        assert configuration(known) == {"HeartbeatInterval": "300", "NumberOfConnectors": "2"}
        assert world.door.commands == []
        asked = {"key": ["Rare", "AuthorizationKey", "Nowhere", "VENDORKEY"]}
        answer = await world.central.ask("GetConfiguration", asked)
        assert configuration(answer) == {"Rare": "r", "VendorKey": "7"}
        assert answer["unknownKey"] == ["AuthorizationKey", "Nowhere"]
        assert world.door.of(GetVariables) == [GetVariables(CP, ("Rare", "Nowhere"))]
        everything = configuration(await world.central.ask("GetConfiguration"))
        assert everything["Rare"] == "r"
        assert everything["HeartbeatInterval"] == "300"  # ours, whatever the station beats
        assert "AuthorizationKey" not in everything
        fixed = {e["key"]: e["readonly"] for e in (await world.central.ask("GetConfiguration"))["configurationKey"]}
        assert fixed["VendorKey"] is True
        assert fixed["HeartbeatInterval"] is False


@on_virtual_time
async def test_configuration_is_refused_while_the_disk_takes_nothing():
    async with World() as world:
        await world.settles()
        freed = world.fill_disk()
        change = {"key": "MeterValueSampleInterval", "value": "60"}
        assert await world.central.ask("ChangeConfiguration", change) == REJECTED
        freed()
        assert await world.central.ask("ChangeConfiguration", change) == ACCEPTED


# --- what the station has --------------------------------------------------------------------------------------------


@on_virtual_time
async def test_what_was_read_is_remembered_and_answered_while_the_station_is_away():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        told = {"configurationKey": [{"key": "Rare", "readonly": True, "value": "r"}], "unknownKey": ["Nowhere"]}
        world.door.outcome = lambda command: Answered("", told)
        asked = {"key": ["Rare", "Nowhere"]}
        assert configuration(await world.central.ask("GetConfiguration", asked)) == {"Rare": "r"}
        world.leaves()
        answer = await world.central.ask("GetConfiguration", asked)
        assert configuration(answer) == {"Rare": "r"}
        assert answer["unknownKey"] == ["Nowhere"]
        everything = configuration(await world.central.ask("GetConfiguration"))
        assert everything["Rare"] == "r"
        assert everything["MeterValueSampleInterval"] == "60"


@on_virtual_time
async def test_a_station_is_asked_for_few_keys_at_a_time():
    async with World() as world:
        await world.settles()
        world.facts.keys = {"GetConfigurationMaxKeys": ("3", True)}
        world.door.outcome = lambda command: Answered("", {"unknownKey": list(command.keys)})
        keys = [f"K{n}" for n in range(8)]
        answer = await world.central.ask("GetConfiguration", {"key": keys})
        assert answer == {"unknownKey": keys}
        assert [len(command.keys) for command in world.door.of(GetVariables)] == [3, 3, 2]


@on_virtual_time
async def test_no_more_keys_at_a_time_than_the_virtual_station_says():
    async with World() as world:
        await world.settles()
        said = configuration(await world.central.ask("GetConfiguration", {"key": ["GetConfigurationMaxKeys"]}))
        most = int(said["GetConfigurationMaxKeys"])
        world.facts.is_online = False
        keys = [f"K{n}" for n in range(most + 1)]
        assert await world.central.ask("GetConfiguration", {"key": keys}) == "OccurenceConstraintViolation"
        assert (await world.central.ask("GetConfiguration", {"key": keys[:most]}))["unknownKey"] == keys[:most]


@on_virtual_time
async def test_a_reboot_that_the_station_needs_is_told_and_the_value_kept():
    async with World() as world:
        await world.settles()
        world.door.outcome = lambda command: Answered("RebootRequired", {"status": "RebootRequired"})
        change = {"key": "LightIntensity", "value": "50"}
        assert await world.central.ask("ChangeConfiguration", change) == {"status": "RebootRequired"}
        shown = await world.central.ask("GetConfiguration", {"key": ["LightIntensity"]})
        assert configuration(shown) == {"LightIntensity": "50"}
        assert world.facts.keys["LightIntensity"] == ("50", False)


@pytest.mark.parametrize("status", ["NotSupported", "Rejected"])
def test_what_the_virtual_station_can_do_itself_needs_no_station_that_knows_the_key(status):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.door.outcome = lambda command: Answered(status, {"status": status})
            change = {"key": "MinimumStatusDuration", "value": "5"}
            expected = "Accepted" if status == "NotSupported" else "Rejected"
            assert await world.central.ask("ChangeConfiguration", change) == {"status": expected}
            change = {"key": "LightIntensity", "value": "5"}
            assert await world.central.ask("ChangeConfiguration", change) == {"status": status}

    test()


@pytest.mark.parametrize(
    ("rights", "features"),
    [
        (frozenset(), "Core"),
        (frozenset({Right.PROFILES}), "Core,SmartCharging"),
        (frozenset({Right.FIRMWARE}), "Core,FirmwareManagement"),
        (frozenset(Right), "Core,FirmwareManagement,LocalAuthListManagement,RemoteTrigger,Reservation,SmartCharging"),
    ],
)
def test_what_is_offered_follows_the_rights(rights, features):
    assert feature_profiles(rights) == features


# --- what keys steer -------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_heartbeats_come_at_the_interval_that_was_set():
    async with World() as world:
        await world.settles()
        change = {"key": "HeartbeatInterval", "value": "30"}
        assert await world.central.ask("ChangeConfiguration", change) == ACCEPTED
        world.central.forget()
        await asyncio.sleep(95)
        assert len(world.central.of("Heartbeat")) == 3


@on_virtual_time
async def test_pings_come_at_the_interval_that_was_set_and_on_the_next_connection_too():
    async with World() as world:
        await world.settles()
        change = {"key": "WebSocketPingInterval", "value": "90"}
        assert await world.central.ask("ChangeConfiguration", change) == ACCEPTED
        await world.central.ask("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "86400"})
        world.central.interval_s = 86400
        for dials in (1, 2):
            world.central.transports[CP].answers_pings = False
            await asyncio.sleep(100)
            assert len(world.central.dials) == dials  # 40 s of silence are not enough any more
            await asyncio.sleep(100)
            assert len(world.central.dials) == dials + 1


@on_virtual_time
async def test_a_message_is_tried_as_often_and_as_far_apart_as_was_set():
    async with World() as world:
        await world.settles()
        for key, value in (("TransactionMessageAttempts", "2"), ("TransactionMessageRetryInterval", "7")):
            assert await world.central.ask("ChangeConfiguration", {"key": key, "value": value}) == ACCEPTED
        world.central.answers["StartTransaction"] = Error("InternalError")
        await world.starts()
        await asyncio.sleep(60)
        heard = [heard.at for heard in world.central.heard if heard.action == "StartTransaction"]
        assert len(heard) == 2
        assert 7.0 <= heard[1] - heard[0] < 9.0


@on_virtual_time
async def test_a_status_is_told_when_it_has_lasted_as_long_as_was_set():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        change = {"key": "MinimumStatusDuration", "value": "10"}
        assert await world.central.ask("ChangeConfiguration", change) == ACCEPTED
        world.central.forget()
        world.reports(1, "Preparing")
        await asyncio.sleep(6)
        world.reports(1, "Available")
        await asyncio.sleep(30)
        assert world.central.of("StatusNotification") == []  # it did not last
        world.reports(1, "Preparing")
        await asyncio.sleep(6)
        world.reports(1, "Charging")
        await asyncio.sleep(9)
        assert world.central.of("StatusNotification") == []
        await asyncio.sleep(2)
        assert [p["status"] for p in world.central.of("StatusNotification")] == ["Charging"]
        world.reports(1, "Finishing")
        await world.central.ask("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1})
        await asyncio.sleep(1)
        assert [p["status"] for p in world.central.of("StatusNotification")] == ["Charging", "Finishing"]
