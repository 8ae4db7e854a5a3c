"""Local lists and the cache, as a central manages them on virtual time: statuses, versions, bounds, restarts."""

import asyncio
from pathlib import Path

import pytest

from sitectl.base.virtual import run_virtual
from sitectl.config.settings import AuthorizationSettings
from sitectl.model.commands import RelayCall
from sitectl.model.ids import StationId
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.model.uplink import Right
from sitectl.uplinks import lists
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import CENTRAL, World, on_virtual_time

ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}
FAILED, MISMATCH, UNSUPPORTED = {"status": "Failed"}, {"status": "VersionMismatch"}, {"status": "NotSupported"}
CP02 = StationId("CP02")


def entries(*tokens: str, status: str | None = "Accepted") -> list:
    return [{"idTag": t} if status is None else {"idTag": t, "idTagInfo": {"status": status}} for t in tokens]


async def send(world: World, version: int, *tokens: str, full: bool = True, station: str = CP, **more) -> dict:
    payload = {"listVersion": version, "updateType": "Full" if full else "Differential"}
    payload["localAuthorizationList"] = entries(*tokens, **more)
    answer: dict = await world.central.ask("SendLocalList", payload, station)
    return answer


async def version(world: World, station: str = CP) -> int:
    answer = await world.central.ask("GetLocalListVersion", station=station)
    found: int = answer["listVersion"]
    return found


def known(world: World, station: StationId = CP) -> list[str]:
    return sorted(world.store.lists.of(CENTRAL, station).tokens)


def test_a_list_grows_and_shrinks_and_is_each_stations_own_over_a_restart(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await world.settles()
            await world.settles(CP02)
            assert await version(world) == 0
            assert await send(world, 5, "A", "B") == ACCEPTED
            assert await send(world, 6, "C", full=False) == ACCEPTED
            assert await send(world, 8, "a", full=False, status=None) == ACCEPTED
            assert (await version(world), await version(world, CP02)) == (8, 0)
            await world.restart()
            await world.settles()
            assert (await version(world), known(world), known(world, CP02)) == (8, ["b", "c"], [])
            assert await send(world, 2, "Z") == ACCEPTED  # a full list may have any version
            assert (await version(world), known(world)) == (2, ["z"])
            assert world.door.commands == []  # the station hears nothing of it

    run_virtual(test())


@on_virtual_time
async def test_versions_of_differential_updates_only_grow():
    async with World() as world:
        await world.settles()
        assert await send(world, 5, "A") == ACCEPTED
        for stale in (5, 4, 1):
            assert await send(world, stale, "B", full=False) == MISMATCH
        assert (await version(world), known(world)) == (5, ["a"])
        assert await send(world, 6, full=False) == ACCEPTED  # without entries it has no effect
        assert await version(world) == 5


@on_virtual_time
async def test_updates_that_come_at_once_are_applied_one_after_the_other():
    async with World() as world:
        await world.settles()
        sent = [send(world, number, f"T{number}", full=False) for number in (1, 2, 2, 3)]
        answers = await asyncio.gather(*sent)
        assert answers == [ACCEPTED, ACCEPTED, MISMATCH, ACCEPTED]
        assert (await version(world), known(world)) == (3, ["t1", "t2", "t3"])


@on_virtual_time
async def test_an_empty_list_has_version_zero():
    async with World() as world:
        await world.settles()
        await send(world, 5, "A")
        assert await send(world, 6) == ACCEPTED
        assert (await version(world), known(world)) == (0, [])
        assert await send(world, 1, "B", full=False) == ACCEPTED
        assert await send(world, 2, "B", full=False, status=None) == ACCEPTED
        assert await version(world) == 0


@on_virtual_time
async def test_what_cannot_be_taken_whole_is_not_taken_at_all():
    async with World() as world:
        await world.settles()
        await send(world, 5, "A")
        assert await send(world, 6, "B", "B") == FAILED
        assert await send(world, 6, "B", status="Perhaps") == FAILED
        assert await send(world, 0, "B") == FAILED
        assert await world.central.ask("SendLocalList", {"listVersion": 6}) == "FormationViolation"
        freed = world.fill_disk()
        assert await send(world, 6, "B", full=False) == FAILED
        freed()
        assert (await version(world), known(world)) == (5, ["a"])
        assert await send(world, 6, "B", full=False) == ACCEPTED


def test_the_bounds_are_those_that_the_keys_tell(monkeypatch: pytest.MonkeyPatch):
    @on_virtual_time
    async def test() -> None:
        monkeypatch.setattr(lists, "LONGEST_LIST", 3)
        monkeypatch.setattr(lists, "LONGEST_LIST_SENT", 2)
        async with World() as world:
            await world.settles()
            assert await send(world, 1, "A", "B", "C") == FAILED
            assert await send(world, 1, "A", "B") == ACCEPTED
            assert await send(world, 2, "C", "D", full=False) == FAILED
            assert await send(world, 2, "b", "C", full=False) == ACCEPTED  # one is known already
            assert known(world) == ["a", "b", "c"]

    test()


@on_virtual_time
async def test_the_bounds_can_be_used_to_the_full_and_are_told():
    async with World() as world:
        await world.settles()
        read = await world.central.ask(
            "GetConfiguration", {"key": ["LocalAuthListMaxLength", "SendLocalListMaxLength"]}
        )
        most, at_once = (int(entry["value"]) for entry in read["configurationKey"])
        longest = [f"{number:020}" for number in range(most)]
        for begin in range(0, most, at_once):
            part = longest[begin : begin + at_once]
            assert await send(world, begin + 1, *part, full=begin == 0) == ACCEPTED
        assert await send(world, most + 1, "ONE MORE", full=False) == FAILED
        assert len(known(world)) == most


@on_virtual_time
async def test_a_disabled_list_is_no_list():
    async with World() as world:
        await world.settles()
        await send(world, 5, "A")
        change = {"key": "LocalAuthListEnabled", "value": "false"}
        assert await world.central.ask("ChangeConfiguration", change) == ACCEPTED
        assert await version(world) == -1
        assert await send(world, 6, "B") == UNSUPPORTED
        assert world.pool.remembered(CP, "A").listed is None
        await world.central.ask("ChangeConfiguration", {**change, "value": "true"})
        assert (await version(world), known(world)) == (5, ["a"])
        assert world.pool.remembered(CP, "A").listed == IdTokenInfo(AuthorizationStatus.ACCEPTED)


@pytest.mark.parametrize("rights", [frozenset(Right), frozenset(Right) - {Right.LISTS}])
def test_what_is_offered_is_what_is_allowed(rights):
    @on_virtual_time
    async def test():
        async with World(rights=rights) as world:
            await world.settles()
            read = await world.central.ask("GetConfiguration", {"key": ["SupportedFeatureProfiles"]})
            offered = "LocalAuthListManagement" in read["configurationKey"][0]["value"].split(",")
            assert offered is (Right.LISTS in rights)
            assert await send(world, 1, "A") == (ACCEPTED if offered else UNSUPPORTED)
            assert await world.central.ask("ClearCache") == (ACCEPTED if offered else REJECTED)

    test()


# --- the cache -------------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_a_cleared_cache_is_empty_on_every_station_and_the_list_stays():
    async with World() as world:
        await world.settles()
        await world.pool.authorize(CP, "SEEN1234", 5.0)
        await send(world, 1, "LISTED12")
        assert world.pool.remembered(CP02, "SEEN1234").cached is not None
        assert await world.central.ask("ClearCache") == ACCEPTED
        assert world.pool.remembered(CP02, "SEEN1234").cached is None
        assert world.pool.remembered(CP, "LISTED12").listed is not None
        assert world.door.commands == []


@on_virtual_time
async def test_the_stations_own_cache_is_cleared_where_it_uses_one():
    async with World() as world:
        await world.settles()
        world.facts.keys = {"authorizationcacheenabled": ("True", False)}
        assert await world.central.ask("ClearCache") == ACCEPTED
        await asyncio.sleep(1)
        assert world.door.of(RelayCall) == [RelayCall(CP, "ClearCache", {})]
        world.leaves()
        assert await world.central.ask("ClearCache") == ACCEPTED


@pytest.mark.parametrize("how", ["by the central", "by the site"])
def test_without_a_cache_there_is_nothing_to_clear_and_nothing_is_kept(how):
    @on_virtual_time
    async def test():
        days = 0 if how == "by the site" else 14
        async with World(authorization=AuthorizationSettings(cache_days=days)) as world:
            await world.settles()
            change = {"key": "AuthorizationCacheEnabled", "value": "false"}
            assert await world.central.ask("ChangeConfiguration", change) == ACCEPTED
            assert await world.central.ask("ClearCache") == REJECTED
            await world.pool.authorize(CP, "SEEN1234", 5.0)
            assert world.cached("SEEN1234") is None
            on = {**change, "value": "true"}
            assert await world.central.ask("ChangeConfiguration", on) == (ACCEPTED if days else REJECTED)

    test()


@on_virtual_time
async def test_a_cache_that_cannot_be_cleared_on_disk_is_not_called_cleared():
    async with World() as world:
        await world.settles()
        freed = world.fill_disk()
        assert await world.central.ask("ClearCache") == REJECTED
        freed()
        assert await world.central.ask("ClearCache") == ACCEPTED
