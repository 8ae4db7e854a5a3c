"""Configuration of a virtual station, as a central reads and writes it."""

import pytest

from sitectl.model.commands import (
    Answered,
    Command,
    GetVariables,
    SetVariable,
)
from tests.unit.uplinks.central import CP
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
