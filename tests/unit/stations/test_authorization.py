from datetime import UTC, datetime

import pytest

from sitectl.config.settings import AuthorizationMode, AuthorizationSettings, ListedToken, OfflineUnknown
from sitectl.model.events import StartExpected
from sitectl.model.ids import EvseId
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.stations.handlers.authorization import local_verdict
from tests.unit.stations.twins import CP, Cache, Yard, in_yard

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)
BLOCKED = IdTokenInfo(AuthorizationStatus.BLOCKED)
TOKENS = {
    "KNOWN": ListedToken("KNOWN", parent="FLEET"),
    "OLD": ListedToken("OLD", valid_until="2025-12-31"),
    "TODAY": ListedToken("TODAY", valid_until="2026-01-01"),
    "UNTIL": ListedToken("UNTIL", valid_until="2026-01-01T11:59:59Z"),
}


def verdict(token: str, mode: AuthorizationMode, cache: Cache | None = None, **more: OfflineUnknown) -> str:
    settings = AuthorizationSettings(mode, tokens=TOKENS, **more)  # type: ignore[arg-type]
    return local_verdict(settings, cache or Cache(), token, NOW).status.value


@pytest.mark.parametrize(
    ("token", "expected"),
    [("KNOWN", "Accepted"), ("OLD", "Expired"), ("TODAY", "Accepted"), ("UNTIL", "Expired"), ("known", "Invalid")],
)
def test_the_tokens_file_is_exact(token: str, expected: str) -> None:
    assert verdict(token, AuthorizationMode.LIST) == expected


def test_free_is_free_and_a_list_knows_no_cache() -> None:
    assert verdict("", AuthorizationMode.FREE) == "Accepted"
    assert verdict("X", AuthorizationMode.LIST, Cache(X=ACCEPTED), offline_unknown=OfflineUnknown.ACCEPT) == "Invalid"


def test_without_its_central_the_file_then_the_cache_then_the_rule() -> None:
    away = AuthorizationMode.UPLINK
    assert verdict("KNOWN", away, Cache(KNOWN=BLOCKED)) == "Accepted"
    assert verdict("SEEN", away, Cache(SEEN=BLOCKED), offline_unknown=OfflineUnknown.ACCEPT) == "Blocked"
    lapsed = IdTokenInfo(AuthorizationStatus.ACCEPTED, expires=NOW)
    assert verdict("SEEN", away, Cache(SEEN=lapsed)) == "Expired"
    assert verdict("NEVER", away) == "Invalid"
    assert verdict("NEVER", away, offline_unknown=OfflineUnknown.ACCEPT) == "Accepted"
    assert verdict("", away, offline_unknown=OfflineUnknown.ACCEPT) == "Invalid"


def test_the_parent_of_the_file_is_told() -> None:
    settings = AuthorizationSettings(AuthorizationMode.LIST, tokens=TOKENS)
    assert local_verdict(settings, Cache(), "KNOWN", NOW).parent == "FLEET"


@in_yard()
async def test_the_central_decides_and_is_remembered(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info = IdTokenInfo(AuthorizationStatus.BLOCKED, parent="P")
    assert await station.call("Authorize", {"idTag": "TAG1"}) == {
        "idTagInfo": {"status": "Blocked", "parentIdTag": "P"}
    }
    assert yard.cache == {"TAG1": yard.centrals.info}
    assert not yard.inbox.of(StartExpected)
    yard.centrals.info = None
    assert (await station.call("Authorize", {"idTag": "TAG1"}))["idTagInfo"]["status"] == "Blocked"


@in_yard()
async def test_a_yes_reserves_for_a_start_on_any_evse(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info = ACCEPTED
    await station.call("Authorize", {"idTag": "TAG1"})
    (expected,) = yard.inbox.of(StartExpected)
    assert expected.evse == EvseId(CP, 0)
    assert expected.until == expected.at + 120


@in_yard()
async def test_placeholders_and_moments_are_not_remembered(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info = ACCEPTED
    await station.call("Authorize", {"idTag": "1"})
    yard.centrals.info = IdTokenInfo(AuthorizationStatus.CONCURRENT_TX)
    await station.call("Authorize", {"idTag": "TAG1"})
    assert not yard.cache


@in_yard()
async def test_a_slow_central_does_not_hold_the_stations_other_calls(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info, yard.centrals.delay_s = ACCEPTED, 60.0
    asked = station.send("Authorize", {"idTag": "TAG1"})
    await station.call("Heartbeat", {})
    frame = await station.frame(asked, within_s=10.5)
    assert frame[2]["idTagInfo"]["status"] == "Invalid"


@in_yard()
async def test_in_quarantine_every_token_is_invalid(yard: Yard) -> None:
    stranger = await yard.connect("STRANGE", quarantined=True)
    yard.centrals.info = ACCEPTED
    assert (await stranger.call("Authorize", {"idTag": "TAG1"}))["idTagInfo"]["status"] == "Invalid"
