"""What is remembered of tokens, and how the central's keys and the site's rules steer its use."""

import asyncio
from datetime import UTC, datetime

import pytest

from sitectl.config.settings import AuthorizationSettings, OfflineUnknown
from sitectl.model.authorization import Remembered
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.uplinks import pool
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import World, on_virtual_time

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}
DAY_S = 86_400.0
LENIENT = AuthorizationSettings(offline_unknown=OfflineUnknown.ACCEPT)


def verdict(status: str, **more: str) -> dict:
    return {"idTagInfo": {"status": status, **more}}


async def listing(world: World, *tokens: str, status: str = "Accepted") -> None:
    entries = [{"idTag": token, "idTagInfo": {"status": status}} for token in tokens]
    payload = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": entries}
    assert await world.central.ask("SendLocalList", payload) == ACCEPTED


async def change(world: World, key: str, value: str) -> dict:
    answer: dict = await world.central.ask("ChangeConfiguration", {"key": key, "value": value})
    return answer


async def read(world: World, key: str) -> str:
    answer = await world.central.ask("GetConfiguration", {"key": [key]})
    value: str = answer["configurationKey"][0]["value"]
    return value


def test_what_a_central_says_is_kept_with_expiry_and_parent_as_long_as_the_site_keeps_it(
    monkeypatch: pytest.MonkeyPatch,
):
    @on_virtual_time
    async def test():
        monkeypatch.setattr(pool, "REFRESH_S", 3600.0)
        async with World(authorization=AuthorizationSettings(cache_days=2)) as world:
            await world.settles()
            said = verdict("Accepted", expiryDate="2026-12-24T00:00:00Z", parentIdTag="FLEET")
            world.central.answers["Authorize"] = said
            info = await world.pool.authorize(CP, "SEEN1234", 5.0)
            assert info == IdTokenInfo(AuthorizationStatus.ACCEPTED, datetime(2026, 12, 24, tzinfo=UTC), "FLEET")
            assert world.pool.remembered(CP, "seen1234").cached == info
            assert world.pool.remembered(CP, "seen1234").parent == "FLEET"
            world.leaves()
            await asyncio.sleep(2 * DAY_S + 1)
            assert world.pool.remembered(CP, "SEEN1234").cached is None

    test()


@on_virtual_time
async def test_neither_placeholders_nor_moments_nor_what_nobody_said_is_kept():
    async with World() as world:
        await world.settles()
        await world.pool.authorize(CP, "123", 5.0)
        world.central.answers["Authorize"] = verdict("ConcurrentTx")
        await world.pool.authorize(CP, "SEEN1234", 5.0)
        world.central.answers["Authorize"] = {}
        await world.pool.authorize(CP, "SEEN1234", 5.0)
        world.leaves()
        await world.starts(1, "OFFLINE1")
        assert await world.rows("SELECT id_token FROM authorization_cache WHERE id_token <> 'offline1'") == []


@on_virtual_time
async def test_a_listed_token_is_not_cached_and_a_contradiction_is_noted():
    async with World() as world:
        await world.settles()
        await listing(world, "LISTED12")
        await world.pool.authorize(CP, "LISTED12", 5.0)
        world.central.answers["Authorize"] = verdict("Blocked")
        await world.pool.authorize(CP, "listed12", 5.0)
        assert world.cached("LISTED12") is None
        await world.store.journal.drain()
        [(data,)] = await world.rows("SELECT data FROM events WHERE type = 'authorization.list_conflict'")
        assert '"verdict":"Blocked"' in data


@on_virtual_time
async def test_verdicts_on_starts_and_stops_are_kept_too():
    async with World() as world:
        await world.settles()
        world.central.answers["StartTransaction"] = {"transactionId": 1, **verdict("Accepted", parentIdTag="P")}
        world.central.answers["StopTransaction"] = verdict("Expired")
        stored = await world.starts(1, "STARTED1")
        assert world.cached("STARTED1") == IdTokenInfo(AuthorizationStatus.ACCEPTED, None, "P")
        await world.stops(stored)
        await asyncio.sleep(2)
        assert world.cached("STARTED1") == IdTokenInfo(AuthorizationStatus.ACCEPTED, None, "P")  # the stop named none


@on_virtual_time
async def test_without_a_word_of_the_central_the_standards_and_the_sites_rules_hold():
    async with World() as world:
        await world.settles()
        assert world.pool.remembered(CP, "ANY") == Remembered(unknown=False)
        keys = ("LocalPreAuthorize", "LocalAuthorizeOffline", "LocalAuthListEnabled", "AuthorizationCacheEnabled")
        assert [await read(world, key) for key in keys] == ["false", "true", "true", "true"]
    async with World(authorization=LENIENT) as world:
        await world.settles()
        assert world.pool.remembered(CP, "ANY") == Remembered(unknown=True)


@on_virtual_time
async def test_keys_steer_what_is_used():
    async with World(authorization=LENIENT) as world:
        await world.settles()
        await world.pool.authorize(CP, "SEEN1234", 5.0)
        await listing(world, "LISTED12")
        for key, value in (
            ("LocalPreAuthorize", "true"),
            ("LocalAuthorizeOffline", "false"),
            ("AllowOfflineTxForUnknownId", "false"),
            ("LocalAuthListEnabled", "false"),
            ("AuthorizationCacheEnabled", "false"),
        ):
            assert await change(world, key, value) == ACCEPTED
        expected = Remembered(pre_authorize=True, offline=False, unknown=False)
        assert world.pool.remembered(CP, "SEEN1234") == world.pool.remembered(CP, "LISTED12") == expected


@pytest.mark.parametrize("rules", [AuthorizationSettings(), LENIENT])
def test_a_central_may_be_stricter_than_the_site_never_laxer_and_reads_what_holds(rules):
    @on_virtual_time
    async def test():
        lenient = rules is LENIENT
        async with World(authorization=rules) as world:
            await world.settles()
            key = "AllowOfflineTxForUnknownId"
            assert await read(world, key) == ("true" if lenient else "false")
            assert await change(world, key, "true") == (ACCEPTED if lenient else REJECTED)
            assert await change(world, key, "false") == ACCEPTED
            assert (await read(world, key), world.pool.remembered(CP, "ANY").unknown) == ("false", False)
            assert await change(world, key, "TRUE") == (ACCEPTED if lenient else REJECTED)
            world.authorization = AuthorizationSettings()  # the site became stricter since
            assert (await read(world, key), world.pool.remembered(CP, "ANY").unknown) == ("false", False)

    test()


@on_virtual_time
async def test_a_token_that_was_let_in_at_once_is_asked_about_behind():
    async with World() as world:
        await world.settles()
        world.central.answers["Authorize"] = verdict("Blocked")
        for _ in range(5):
            world.pool.verify(CP, "SEEN1234")  # once at a time, however often the card is shown
        await asyncio.sleep(1)
        assert world.cached("SEEN1234") == IdTokenInfo(AuthorizationStatus.BLOCKED)
        assert world.central.of("Authorize") == [{"idTag": "SEEN1234"}]
