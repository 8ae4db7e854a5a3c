import asyncio

import pytest

from sitectl.model.ids import StationId, UplinkId
from sitectl.store.errors import StoreUnavailable
from sitectl.store.opening import Store
from tests.unit.store.builders import CENTRAL, CP1
from tests.unit.store.conftest import Reopen

SITE = UplinkId("")


async def test_documents_survive_a_restart_each_under_its_kind(store: Store, reopen: Reopen) -> None:
    await store.documents.keep("a", CENTRAL, CP1, {"n": 1})
    await store.documents.keep("a", CENTRAL, CP1, {"n": 2})
    await store.documents.keep("a", SITE, StationId("CP2"), {"n": 3})
    await store.documents.keep("b", CENTRAL, CP1, {"n": 4})
    for one in (store, await reopen()):
        assert one.documents.of("a") == {(CENTRAL, CP1): {"n": 2}, (SITE, StationId("CP2")): {"n": 3}}
        assert one.documents.of("b") == {(CENTRAL, CP1): {"n": 4}}
        assert one.documents.of("c") == {}


async def test_what_is_forgotten_stays_so(store: Store, reopen: Reopen) -> None:
    await store.documents.keep("a", CENTRAL, CP1, {"n": 1})
    await store.documents.keep("a", CENTRAL, CP1, None)
    await store.documents.keep("a", SITE, CP1, None)  # was never there
    for one in (store, await reopen()):
        assert one.documents.of("a") == {}


async def test_a_document_is_read_only_after_its_commit(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    writing = store.documents.keep("a", CENTRAL, CP1, {"n": 1})
    assert store.documents.of("a") == {}
    await writing

    def refuse(job: object) -> "asyncio.Future[None]":
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        future.set_exception(StoreUnavailable("full"))
        return future

    monkeypatch.setattr(store.database, "run", refuse)
    with pytest.raises(StoreUnavailable):
        await store.documents.keep("a", CENTRAL, CP1, {"n": 2})
    assert store.documents.of("a") == {(CENTRAL, CP1): {"n": 1}}
