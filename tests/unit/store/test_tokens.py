import pytest

from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.store import tokens as module
from sitectl.store.opening import Store
from tests.unit.store.builders import NOON, HandClock
from tests.unit.store.conftest import Reopen

ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED, NOON, "FLEET")
BLOCKED = IdTokenInfo(AuthorizationStatus.BLOCKED)
DAY_S = 86_400.0


async def test_the_newest_verdict_is_known_at_once_and_after_a_restart(store: Store, reopen: Reopen) -> None:
    store.tokens.put("TAG", BLOCKED)
    store.tokens.put("TAG", ACCEPTED)
    assert store.tokens.get("TAG") == ACCEPTED
    assert store.tokens.get("OTHER") is None
    assert (await reopen()).tokens.get("TAG") == ACCEPTED


async def test_a_verdict_ages(store: Store, clock: HandClock, reopen: Reopen) -> None:
    store.tokens.put("TAG", ACCEPTED)
    clock.pass_s(14 * DAY_S)
    assert store.tokens.get("TAG") == ACCEPTED
    clock.pass_s(1)
    assert store.tokens.get("TAG") is None
    assert (await reopen()).tokens.get("TAG") is None


async def test_the_longest_unheard_makes_room(
    store: Store, clock: HandClock, reopen: Reopen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_TOKENS", 2)
    for token in ("A", "B", "A", "C"):
        clock.pass_s(1)
        store.tokens.put(token, ACCEPTED)
    for cache in (store.tokens, (await reopen()).tokens):
        assert [cache.get(token) is not None for token in "ABC"] == [True, False, True]
