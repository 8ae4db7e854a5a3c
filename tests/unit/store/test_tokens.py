from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from sitectl.model.ids import UplinkId
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.store import tokens as module
from sitectl.store.executor import InlineExecutor
from sitectl.store.migrate import migrate, shipped
from sitectl.store.opening import Store, open_store
from tests.unit.store.builders import CENTRAL, NOON, HandClock, compose_stop
from tests.unit.store.conftest import Reopen
from tests.unit.store.test_migrate import connect

ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED, NOON, "FLEET")
BLOCKED = IdTokenInfo(AuthorizationStatus.BLOCKED)
OTHER = UplinkId("other")
DAYS = timedelta(days=14)


def said(store: Store, token: str, uplink: UplinkId = CENTRAL) -> IdTokenInfo | None:
    return store.tokens.get(uplink, token, DAYS)


async def test_the_newest_verdict_is_known_at_once_and_after_a_restart(store: Store, reopen: Reopen) -> None:
    store.tokens.put(CENTRAL, "TAG", BLOCKED)
    store.tokens.put(CENTRAL, "tag", ACCEPTED)
    store.tokens.put(OTHER, "TAG", BLOCKED)
    for one in (store, await reopen()):
        assert said(one, "Tag") == ACCEPTED
        assert said(one, "TAG", OTHER) == BLOCKED
        assert said(one, "OTHER") is None


async def test_a_verdict_ages(store: Store, clock: HandClock, reopen: Reopen) -> None:
    store.tokens.put(CENTRAL, "TAG", ACCEPTED)
    clock.pass_s(DAYS.total_seconds())
    assert said(store, "TAG") == ACCEPTED
    clock.pass_s(1)
    assert said(store, "TAG") is None
    assert said(await reopen(), "TAG") is None


async def test_a_central_clears_its_own_part(store: Store, reopen: Reopen) -> None:
    for uplink in (CENTRAL, OTHER):
        store.tokens.put(uplink, "TAG", ACCEPTED)
    await store.tokens.clear(CENTRAL)
    for one in (store, await reopen()):
        assert said(one, "TAG") is None
        assert said(one, "TAG", OTHER) == ACCEPTED


async def test_the_longest_unheard_makes_room(
    store: Store, clock: HandClock, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TOKENS", 2)
    for token in ("A", "B", "A", "C"):
        clock.pass_s(1)
        store.tokens.put(CENTRAL, token, ACCEPTED)
    for one in (store, await reopen()):
        assert [said(one, token) is not None for token in "ABC"] == [True, False, True]


@pytest.mark.parametrize(("uplinks", "kept"), [((), None), (("central",), BLOCKED), (("central", "other"), None)])
async def test_verdicts_of_an_older_file_are_its_only_uplinks(
    path: Path, clock: HandClock, uplinks: tuple[str, ...], kept: IdTokenInfo | None
) -> None:
    connection = connect(path)
    migrate(connection, path, [step for step in shipped() if step.number < 3])
    connection.execute("PRAGMA foreign_keys = OFF")
    for uplink in uplinks:
        row = (f"t-{uplink}", uplink, "CP1")
        connection.execute(
            "INSERT INTO transaction_uplinks (transaction_id, uplink, rank, station) VALUES (?, ?, 0, ?)", row
        )
    for token, status, received in (("TAG", "Accepted", 1), ("tag", "Blocked", 1_795_000_000_000_000)):
        connection.execute("INSERT INTO token_cache VALUES (?, ?, NULL, NULL, ?)", (token, status, received))
    connection.close()
    store = await open_store(path, clock, Random(1), compose_stop, executor=lambda name: InlineExecutor())
    assert said(store, "TAG") == kept
    await store.close()
