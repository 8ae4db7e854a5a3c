"""Configuration keys that are credentials, as a central writes and reads them."""

import asyncio
import logging

import pytest

from sitectl.model.security import SecurityEventType
from sitectl.model.uplink import Right
from sitectl.uplinks.legs import Leg
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.test_security_events import journal
from tests.unit.uplinks.twins import World, on_virtual_time

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}
KEY = "00112233445566778899aabbccddeeff"
KEYS = ("AuthorizationKey", "SecurityProfile", "CpoName", "AdditionalRootCertificateCheck")


async def change(world: World, key: str, value: str) -> object:
    return await world.central.ask("ChangeConfiguration", {"key": key, "value": value})


async def shown(world: World, *keys: str) -> dict[str, str]:
    answer = await world.central.ask("GetConfiguration", {"key": list(keys)} if keys else {})
    return {entry["key"]: entry["value"] for entry in answer.get("configurationKey", [])}


def leg(world: World) -> Leg:
    return world.pool._uplinks["central"].security.legs.current(CP)


@on_virtual_time
async def test_a_key_is_kept_for_our_leg_and_shown_to_nobody():
    async with World() as world:
        world.facts.keys = {**world.facts.keys, "AuthorizationKey": ("the station's own", False)}
        await world.settles()
        assert await change(world, "authorizationkey ", KEY) == ACCEPTED
        assert leg(world).key == KEY
        assert await shown(world, "AuthorizationKey") == {}
        assert not any(KEY in value or "own" in value for value in (await shown(world)).values())
        assert not [command for command, _ in world.door.commands if KEY in str(command)]
        assert KEY not in str(await world.rows("SELECT * FROM virtual_variables"))
        await world.store.journal.drain()
        assert KEY not in str(await world.store.queries.events())


@on_virtual_time
async def test_the_next_connection_comes_soon_where_the_key_is_in_use():
    async with World() as world:
        await world.settles()
        assert await change(world, "AuthorizationKey", KEY) == ACCEPTED
        await asyncio.sleep(20)
        assert len(world.central.dials) == 1, "on profile 0 no key is shown"
        assert await change(world, "SecurityProfile", "1") == ACCEPTED
        await asyncio.sleep(20)
        assert len(world.central.dials) == 2
        assert await change(world, "AuthorizationKey", KEY[::-1]) == ACCEPTED
        await asyncio.sleep(20)
        assert len(world.central.dials) == 3
        assert world.central.actions().count("BootNotification") == 3


@on_virtual_time
async def test_a_call_that_is_under_way_is_answered_before_the_connection_ends():
    async with World() as world:
        await world.settles()
        await change(world, "AuthorizationKey", KEY)
        stored = await world.starts(wait=False)
        assert await change(world, "SecurityProfile", "1") == ACCEPTED
        await world.samples(stored, 200)
        await world.stops(stored)
        await asyncio.sleep(20)
        for action in ("StartTransaction", "MeterValues", "StopTransaction"):
            assert len(world.central.of(action)) == 1, "nothing is said twice because of us"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("AuthorizationKey", "short"),
        ("AuthorizationKey", "x" * 65),
        ("AuthorizationKey", "sixteen chars\x00\x07.."),
        ("AuthorizationKey", "ümläüt is no ascii text"),
        ("SecurityProfile", "0"),
        ("SecurityProfile", "-1"),
        ("SecurityProfile", "4"),
        ("SecurityProfile", "two"),
        ("SecurityProfile", "1"),  # without a key
        ("SecurityProfile", "2"),
        ("SecurityProfile", "3"),  # without a certificate
        ("CpoName", ""),
        ("CpoName", "x" * 65),
        ("AdditionalRootCertificateCheck", "perhaps"),
    ],
)
def test_what_cannot_be_is_refused(key, value):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            assert await change(world, key, value) == REJECTED
            assert leg(world) == Leg(0)
            assert await shown(world, *KEYS) == {
                "SecurityProfile": "0",
                "CpoName": "",
                "AdditionalRootCertificateCheck": "false",
            }

    test()


@on_virtual_time
async def test_the_profile_only_rises_and_is_shown_as_it_is_on_our_leg():
    async with World() as world:
        world.facts.keys = {**world.facts.keys, "SecurityProfile": ("3", False), "CpoName": ("station's", False)}
        await world.settles()
        await change(world, "AuthorizationKey", KEY)
        assert await shown(world, "SecurityProfile", "CpoName") == {"SecurityProfile": "0", "CpoName": ""}
        assert await change(world, "SecurityProfile", "2") == ACCEPTED
        await asyncio.sleep(20)
        for lower in ("1", "2", "0"):
            assert await change(world, "SecurityProfile", lower) == REJECTED
        assert await shown(world, "SecurityProfile") == {"SecurityProfile": "2"}
        assert not world.door.commands


@on_virtual_time
async def test_the_other_two_are_kept_for_this_central():
    async with World() as world:
        await world.settles()
        assert await change(world, "CpoName", "Acme") == ACCEPTED
        assert await change(world, "AdditionalRootCertificateCheck", "TRUE") == ACCEPTED
        held = {"CpoName": "Acme", "AdditionalRootCertificateCheck": "true"}
        assert await shown(world, *held) == held
        assert not world.door.commands


@on_virtual_time
async def test_a_change_is_a_security_event_that_names_the_key_and_not_its_value():
    async with World() as world:
        await world.settles()
        await change(world, "AuthorizationKey", KEY)
        await asyncio.sleep(2)
        [event] = world.central.of("SecurityEventNotification")
        assert event["type"] == SecurityEventType.RECONFIGURATION.value
        assert event["techInfo"] == "AuthorizationKey was set"
        assert await journal(world, "uplink.reconfigured") == [{"uplink": "central", "key": "AuthorizationKey"}]


@on_virtual_time
async def test_what_cannot_be_stored_is_not_accepted():
    async with World() as world:
        await world.settles()
        world.vault.full = True
        assert await change(world, "AuthorizationKey", KEY) == REJECTED
        assert leg(world).key is None


@on_virtual_time
async def test_it_takes_the_right_to_configure():
    async with World(rights=frozenset(Right) - {Right.CONFIGURATION}) as world:
        await world.settles()
        assert await change(world, "AuthorizationKey", KEY) == REJECTED
        assert leg(world).key is None


def test_nothing_of_it_is_logged(caplog: pytest.LogCaptureFixture):
    """Not even the traffic, which is logged whole where somebody asks for it: see `sitectl.base.logging`."""
    from sitectl.base.logging import scrub

    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            await change(world, "AuthorizationKey", KEY)
            await change(world, "SecurityProfile", "1")
            await asyncio.sleep(20)

    with caplog.at_level(logging.DEBUG):
        test()
    lines = [scrub(record.getMessage()) for record in caplog.records]
    assert any("AuthorizationKey" in line and "***" in line for line in lines)
    assert not any(KEY in line for line in lines)
