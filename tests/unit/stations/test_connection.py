import asyncio
import json

from sitectl.config.settings import AuthorizationMode, AuthorizationSettings
from sitectl.model.commands import NotSent, OfferLimit, RequestStop, Urgency
from sitectl.model.events import (
    LimitAcknowledged,
    LimitRefused,
    StationBooted,
    StationConnected,
    StationDisconnected,
)
from sitectl.model.ids import EvseId, StationId
from sitectl.model.limits import Offer, OfferKind
from sitectl.stations.handshake import QUARANTINE_PLACES, Shown
from tests.unit.stations.twins import BOOT, CP, START, Yard, in_yard, start_payload, station_plan

FREE = AuthorizationSettings(AuthorizationMode.FREE)


@in_yard()
async def test_coming_and_going_are_told_once(yard: Yard) -> None:
    station = await yard.connect()
    assert yard.stations.book.online(CP)
    station.far.abort()
    await station.served
    assert [type(event) for event in yard.inbox if isinstance(event, StationConnected | StationDisconnected)] == [
        StationConnected,
        StationDisconnected,
    ]
    assert [entry[0] for entry in yard.centrals.heard] == ["online", "offline"]
    assert not yard.stations.book.online(CP)


@in_yard()
async def test_the_newest_connection_serves_and_the_old_ones_end_is_no_loss(yard: Yard) -> None:
    old = await yard.connect()
    new = await yard.connect()
    assert (await old.served).code == 1000
    assert "currentTime" in await new.call("Heartbeat", {})
    assert yard.stations.book.online(CP)
    assert not yard.inbox.of(StationDisconnected)
    assert "offline" not in [entry[0] for entry in yard.centrals.heard]


@in_yard(station_plan(), station_plan("CP02"), authorization=FREE)
async def test_a_repeated_call_is_answered_from_memory_on_the_next_connection_too(yard: Yard) -> None:
    first = await yard.connect()
    answer = await first.call("StartTransaction", start_payload(), id="same")
    second = await yard.connect()
    assert await second.call("StartTransaction", start_payload(), id="same") == answer
    assert yard.ledger.writes.count("start") == 1
    other = await yard.connect("CP02")
    assert (await other.call("StartTransaction", start_payload(), id="same")) != answer, "of this station only"


@in_yard()
async def test_silence_ends_a_connection_after_40_s_and_pongs_keep_it(yard: Yard) -> None:
    alive = await yard.connect()
    await asyncio.sleep(300)
    assert yard.stations.book.online(CP)
    alive.near.cut()
    await asyncio.sleep(61)
    assert not yard.stations.book.online(CP)


@in_yard()
async def test_bad_frames_end_nothing(yard: Yard) -> None:
    station = await yard.connect()
    for frame in (b"\xff\xfe", b"", b"{}", b"[2]", b"[" * 100, b'[2,"x"', b'[9,"x","y",{}]', b"\x00" * 70_000):
        station.far.send_raw(frame)
    assert "currentTime" in await station.call("Heartbeat", {})


@in_yard()
async def test_offers_go_out_and_their_outcome_comes_back_as_events(yard: Yard) -> None:
    station = await yard.connect()
    station.answers = lambda action, payload: {"status": "Rejected" if payload["connectorId"] == 1 else "Accepted"}
    await station.call("BootNotification", BOOT)
    for evse in (1, 2):
        offer = Offer(EvseId(CP, evse), evse, 16.0, OfferKind.DYNAMIC, 0.0)
        yard.stations.limits.offer(OfferLimit(offer, 1000, START, 300, cut=True))
    await asyncio.sleep(1)
    (refused,) = yard.inbox.of(LimitRefused)
    (acknowledged,) = yard.inbox.of(LimitAcknowledged)
    assert (refused.evse.evse, refused.by_station, acknowledged.evse.evse) == (1, True, 2)


@in_yard()
async def test_nothing_is_sent_to_who_is_away_unknown_or_quarantined(yard: Yard) -> None:
    await yard.connect("STRANGE", quarantined=True)
    for station in ("CP01", "NOBODY", "STRANGE"):
        outcome = await yard.stations.execute(StationId(station), RequestStop(StationId(station), 1), Urgency.STOP)
        assert isinstance(outcome, NotSent)


@in_yard()
async def test_what_is_shown_at_first_contact_is_pinned_and_told(yard: Yard) -> None:
    await yard.connect(shown=Shown("address:10.0.0.7", pin="address:10.0.0.7"))
    await asyncio.sleep(0)
    assert yard.store.remembered[CP].credential == "address:10.0.0.7"
    assert yard.inbox.of(StationConnected)[0].pinned_now
    again = await yard.connect(shown=Shown("address:10.0.0.7", pin="address:10.0.0.7"))
    assert not yard.inbox.of(StationConnected)[1].pinned_now
    other = await yard.connect(shown=Shown("address:10.0.0.9", pin="address:10.0.0.9"))
    assert (await other.served).reason == "another credential was pinned meanwhile"
    assert "currentTime" in await again.call("Heartbeat", {})


@in_yard()
async def test_the_ninth_stranger_finds_no_place(yard: Yard) -> None:
    for n in range(QUARANTINE_PLACES):
        await yard.connect(f"X{n}", quarantined=True)
    ninth = await yard.connect("X9", quarantined=True)
    assert (await ninth.served).reason == "no place in quarantine"
    assert len(yard.inbox.of(StationConnected)) == QUARANTINE_PLACES


@in_yard()
async def test_a_stranger_is_still_counted_after_a_restart(yard: Yard) -> None:
    await yard.connect("STRANGE", quarantined=True)
    await asyncio.sleep(0)
    remembered = yard.store.remembered[StationId("STRANGE")]
    later = Yard(known=(remembered,))
    await later.stations.load()
    assert list(later.stations.book.quarantined) == ["STRANGE"]
    (told,) = later.inbox.of(StationBooted)
    assert (told.station, told.remembered) == ("STRANGE", True)


@in_yard(station_plan(), station_plan("CP02"))
async def test_a_station_that_floods_harms_no_other(yard: Yard) -> None:
    flood, other = await yard.connect(), await yard.connect("CP02")
    for n in range(5000):
        flood.far.send(json.dumps([2, str(n), "Heartbeat", {}]))
    before = asyncio.get_running_loop().time()
    await other.call("Heartbeat", {})
    assert asyncio.get_running_loop().time() - before < 0.1
