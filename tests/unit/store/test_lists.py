import asyncio

import pytest

from sitectl.base.errors import EnvironmentFault
from sitectl.model.authorization import LocalList
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.store.errors import StoreUnavailable
from sitectl.store.opening import Store
from tests.unit.store.builders import CENTRAL, CP1, NOON
from tests.unit.store.conftest import Reopen

YES = IdTokenInfo(AuthorizationStatus.ACCEPTED, NOON, "FLEET")
NO = IdTokenInfo(AuthorizationStatus.BLOCKED)
CP2 = StationId("CP2")


async def test_a_list_is_one_stations_and_one_centrals_and_survives(store: Store, reopen: Reopen) -> None:
    await store.lists.replace(CENTRAL, CP1, 3, {"Tag": YES, "OUT": NO})
    for one in (store, await reopen()):
        assert one.lists.of(CENTRAL, CP1) == LocalList(3, {"tag": YES, "out": NO})
        assert one.lists.of(CENTRAL, CP1).get("TAG") == YES
        assert one.lists.of(CENTRAL, CP2) == one.lists.of(UplinkId("other"), CP1) == LocalList()


async def test_a_change_adds_replaces_and_takes_out(store: Store, reopen: Reopen) -> None:
    await store.lists.replace(CENTRAL, CP1, 3, {"A": YES, "B": NO})
    await store.lists.change(CENTRAL, CP1, 4, {"a": NO, "C": YES}, ["b", "NEVER"])
    for one in (store, await reopen()):
        assert one.lists.of(CENTRAL, CP1) == LocalList(4, {"a": NO, "c": YES})


async def test_an_empty_list_has_no_version(store: Store, reopen: Reopen) -> None:
    await store.lists.replace(CENTRAL, CP1, 3, {"A": YES})
    await store.lists.change(CENTRAL, CP1, 4, {}, ["A"])
    await store.lists.replace(CENTRAL, CP2, 7, {})
    for one in (store, await reopen()):
        assert one.lists.of(CENTRAL, CP1).version == one.lists.of(CENTRAL, CP2).version == 0


async def test_equal_lists_of_many_stations_are_held_once(store: Store, reopen: Reopen) -> None:
    for station in (CP1, CP2):
        await store.lists.replace(CENTRAL, station, 1, {"A": YES, "B": NO})
    one = store
    assert one.lists.of(CENTRAL, CP1).tokens is one.lists.of(CENTRAL, CP2).tokens
    one = await reopen()
    assert one.lists.of(CENTRAL, CP1).tokens is one.lists.of(CENTRAL, CP2).tokens
    await one.lists.change(CENTRAL, CP1, 2, {"C": YES}, [])
    assert one.lists.of(CENTRAL, CP2).get("C") is None


async def test_what_is_not_on_disk_does_not_hold(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    await store.lists.replace(CENTRAL, CP1, 1, {"A": YES})

    def refuse(job: object) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(StoreUnavailable("full"))
        return future

    monkeypatch.setattr(store.database, "run", refuse)
    with pytest.raises(EnvironmentFault):
        await store.lists.change(CENTRAL, CP1, 2, {"B": YES}, ["A"])
    assert store.lists.of(CENTRAL, CP1) == LocalList(1, {"a": YES})
