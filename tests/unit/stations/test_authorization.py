from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from sitectl.config.settings import AuthorizationMode, AuthorizationSettings, ListedToken, OfflineUnknown
from sitectl.model.authorization import Remembered
from sitectl.model.events import StartExpected
from sitectl.model.ids import EvseId
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo, Payload
from sitectl.stations.handlers.authorization import listed
from tests.unit.stations.twins import CP, Wired, Yard, in_yard

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)
BLOCKED = IdTokenInfo(AuthorizationStatus.BLOCKED)
TOKENS = {
    "KNOWN": ListedToken("KNOWN", parent="FLEET"),
    "OLD": ListedToken("OLD", valid_until="2025-12-31"),
    "TODAY": ListedToken("TODAY", valid_until="2026-01-01"),
    "UNTIL": ListedToken("UNTIL", valid_until="2026-01-01T11:59:59Z"),
}
BY_LIST = AuthorizationSettings(AuthorizationMode.LIST, tokens=TOKENS, offline_unknown=OfflineUnknown.ACCEPT)
FREE = AuthorizationSettings(AuthorizationMode.FREE)
BY_CENTRAL = AuthorizationSettings(tokens=TOKENS)


@pytest.mark.parametrize(
    ("token", "expected"),
    [("KNOWN", "Accepted"), ("OLD", "Expired"), ("TODAY", "Accepted"), ("UNTIL", "Expired"), ("known", None)],
)
def test_the_tokens_file_is_exact(token: str, expected: str | None) -> None:
    found = listed(BY_LIST, token, NOW)
    assert (None if found is None else found.status.value) == expected


def test_the_parent_of_the_file_is_told() -> None:
    assert listed(BY_LIST, "KNOWN", NOW) == IdTokenInfo(AuthorizationStatus.ACCEPTED, parent="FLEET")


async def asked(station: Wired, token: str) -> Payload:
    answer: Payload = await station.call("Authorize", {"idTag": token})
    info: Payload = answer["idTagInfo"]
    return info


@in_yard(authorization=BY_LIST)
async def test_by_list_no_central_is_asked_and_nothing_remembered_counts(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info, yard.centrals.usage = ACCEPTED, Remembered(listed=ACCEPTED, cached=ACCEPTED)
    assert await asked(station, "KNOWN") == {"status": "Accepted", "parentIdTag": "FLEET"}
    assert await asked(station, "STRANGER") == {"status": "Invalid"}
    assert yard.centrals.asked == 0


@in_yard(authorization=FREE)
async def test_free_is_free(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info = BLOCKED
    assert await asked(station, "ANY") == {"status": "Accepted"}
    assert yard.centrals.asked == 0


@in_yard(authorization=BY_CENTRAL)
async def test_the_central_decides_even_on_what_the_file_knows(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info = IdTokenInfo(AuthorizationStatus.BLOCKED, parent="P")
    assert await asked(station, "KNOWN") == {"status": "Blocked", "parentIdTag": "P"}
    assert not yard.inbox.of(StartExpected)
    yard.centrals.info = None
    assert (await asked(station, "KNOWN"))["status"] == "Accepted"


@in_yard()
async def test_while_the_central_is_away_what_it_told_decides(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.known = {"LISTED": Remembered(listed=ACCEPTED), "CACHED": Remembered(cached=BLOCKED)}
    statuses = [(await asked(station, token))["status"] for token in ("LISTED", "CACHED", "NEVER")]
    assert statuses == ["Accepted", "Blocked", "Invalid"]
    assert yard.centrals.asked == 3


@in_yard(authorization=BY_CENTRAL)
async def test_a_pre_authorized_token_is_answered_at_once_and_asked_about_behind(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info, yard.centrals.delay_s = BLOCKED, 9.0
    yard.centrals.known["LISTED"] = Remembered(listed=ACCEPTED, pre_authorize=True)
    yard.centrals.usage = Remembered(pre_authorize=True)
    assert (await asked(station, "LISTED"))["status"] == "Accepted"
    assert yard.centrals.heard[-1] == ("verify", CP, "LISTED")
    assert (await asked(station, "KNOWN"))["status"] == "Accepted"  # of the file the central need not know
    assert yard.centrals.asked == 0
    assert (await asked(station, "OTHER"))["status"] == "Blocked"


def start(token: str) -> Mapping[str, object]:
    return {"connectorId": 1, "idTag": token, "timestamp": "2026-01-01T12:00:00Z", "meterStart": 0}


@in_yard()
async def test_a_pre_authorized_start_does_not_wait_and_the_central_hears_of_it(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info, yard.centrals.delay_s = BLOCKED, 9.0
    yard.centrals.known["LISTED"] = Remembered(listed=ACCEPTED, pre_authorize=True)
    answer = await station.call("StartTransaction", dict(start("LISTED")))
    assert answer["idTagInfo"]["status"] == "Accepted"
    assert yard.centrals.asked == 0
    assert ("outbox", CP) in yard.centrals.heard
    [(_, _, _, data)] = [entry for entry in yard.journal if entry[0] == "transaction.started"]
    assert (data["verdict"], data["by"]) == ("Accepted", "list")


@in_yard(authorization=BY_LIST)
async def test_where_the_file_decides_a_start_told_again_gets_its_word_not_a_centrals(yard: Yard) -> None:
    station = await yard.connect()
    answer = await station.call("StartTransaction", dict(start("KNOWN")))
    yard.ledger.verdicts = dict.fromkeys(yard.ledger.verdicts, BLOCKED)  # as a central said since
    again = await station.call("StartTransaction", dict(start("KNOWN")))
    assert again == answer
    assert again["idTagInfo"] == {"status": "Accepted", "parentIdTag": "FLEET"}


@in_yard()
async def test_a_yes_reserves_for_a_start_on_any_evse(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info = ACCEPTED
    await station.call("Authorize", {"idTag": "TAG1"})
    (expected,) = yard.inbox.of(StartExpected)
    assert expected.evse == EvseId(CP, 0)
    assert expected.until == expected.at + 120


@in_yard()
async def test_a_slow_central_does_not_hold_the_stations_other_calls(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info, yard.centrals.delay_s = ACCEPTED, 60.0
    waiting = station.send("Authorize", {"idTag": "TAG1"})
    await station.call("Heartbeat", {})
    frame = await station.frame(waiting, within_s=10.5)
    assert frame[2]["idTagInfo"]["status"] == "Invalid"


@in_yard()
async def test_in_quarantine_every_token_is_invalid(yard: Yard) -> None:
    stranger = await yard.connect("STRANGE", quarantined=True)
    yard.centrals.info = ACCEPTED
    assert (await stranger.call("Authorize", {"idTag": "TAG1"}))["idTagInfo"]["status"] == "Invalid"


@in_yard(authorization=BY_CENTRAL)
async def test_the_parent_of_the_token_that_stops_goes_to_the_ledger(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.known["CARD2"] = Remembered(
        listed=BLOCKED, cached=IdTokenInfo(AuthorizationStatus.ACCEPTED, None, "P")
    )
    for token in ("KNOWN", "CARD2", "NEVER", None):
        stop = {"transactionId": 7, "timestamp": "2026-01-01T12:00:00Z", "meterStop": 1}
        await station.call("StopTransaction", stop if token is None else {**stop, "idTag": token})
    assert [told.parent for told, _ in yard.ledger.stops] == ["FLEET", "P", None, None]


@in_yard()
async def test_where_somebody_else_has_reserved_nobody_charges(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info = ACCEPTED
    yard.centrals.reserved = {EvseId(CP, 0): "MINE", EvseId(CP, 1): "MINE"}
    assert (await asked(station, "OTHER"))["status"] == "Blocked"
    assert not yard.inbox.of(StartExpected)
    answer = await station.call("StartTransaction", dict(start("OTHER")))
    assert answer["idTagInfo"] == {"status": "Blocked"}
    assert await station.call("StartTransaction", dict(start("OTHER"))) == answer  # also when it is told again
    assert (await asked(station, "MINE"))["status"] == "Accepted"
    yard.centrals.info = IdTokenInfo(AuthorizationStatus.ACCEPTED, parent="MINE")
    assert (await asked(station, "FAMILY"))["status"] == "Accepted"  # the central knows whose child it is


@in_yard()
async def test_a_start_that_uses_a_reservation_carries_the_centrals_own_id_of_it(yard: Yard) -> None:
    station = await yard.connect()
    yard.centrals.info, yard.centrals.reserved = ACCEPTED, {EvseId(CP, 1): "MINE"}
    await station.call("StartTransaction", dict(start("MINE")))
    await station.call("StartTransaction", {**start("OTHER"), "reservationId": 5, "meterStart": 2})
    await station.call("StartTransaction", {**start("OTHER"), "reservationId": 6, "meterStart": 3})
    sent = [message.payload.get("reservationId") for _, _, _, message in yard.ledger.starts.values()]
    assert sent == [{"central": 77}, {"central": 77}, None]
