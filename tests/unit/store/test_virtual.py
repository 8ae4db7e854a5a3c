import asyncio

import pytest

from sitectl.model.ids import StationId, UplinkId
from sitectl.store.errors import StoreUnavailable
from sitectl.store.opening import Store
from tests.unit.store.builders import CENTRAL, CP1
from tests.unit.store.conftest import Reopen

PROFILE = {"connectorId": 1, "csChargingProfiles": {"chargingProfileId": 7}, "received": "2026-11-20T12:00:00Z"}


async def test_keys_and_profiles_survive_a_restart(store: Store, reopen: Reopen) -> None:
    await store.virtual.set_variable(CENTRAL, CP1, "HeartbeatInterval", "60")
    await store.virtual.set_variable(CENTRAL, CP1, "HeartbeatInterval", "90")
    await store.virtual.set_profiles(CENTRAL, CP1, [PROFILE])
    for one in (store, await reopen()):
        assert one.virtual.variables(CENTRAL, CP1) == {"HeartbeatInterval": "90"}
        assert one.virtual.profiles(CENTRAL, CP1) == [PROFILE]
        assert one.virtual.variables(UplinkId("other"), CP1) == {}
        assert one.virtual.profiles(CENTRAL, StationId("CP2")) == []


async def test_profiles_are_replaced_as_a_list(store: Store) -> None:
    await store.virtual.set_profiles(CENTRAL, CP1, [PROFILE])
    await store.virtual.set_profiles(CENTRAL, CP1, [])
    assert store.virtual.profiles(CENTRAL, CP1) == []


async def test_a_value_is_read_only_after_its_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = store.virtual.set_variable(CENTRAL, CP1, "A", "1")
    assert store.virtual.variables(CENTRAL, CP1) == {}
    await writing
    assert store.virtual.variables(CENTRAL, CP1) == {"A": "1"}

    def refuse(job: object) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(StoreUnavailable("full"))
        return future

    monkeypatch.setattr(store.database, "run", refuse)
    with pytest.raises(StoreUnavailable):
        await store.virtual.set_variable(CENTRAL, CP1, "A", "2")
    assert store.virtual.variables(CENTRAL, CP1) == {"A": "1"}


async def test_who_stops_waiting_does_not_stop_the_write(store: Store) -> None:
    writing = asyncio.ensure_future(store.virtual.set_variable(CENTRAL, CP1, "A", "1"))
    writing.cancel()
    await store.virtual.set_variable(CENTRAL, CP1, "B", "2")
    assert store.virtual.variables(CENTRAL, CP1) == {"A": "1", "B": "2"}
