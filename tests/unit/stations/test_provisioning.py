import asyncio

from sitectl.model.events import StationBooted, StationConnected
from sitectl.model.station import KnownStation, StationIdentity
from tests.unit.stations.twins import BOOT, CP, Yard, in_yard, station_plan


@in_yard()
async def test_boot_is_accepted_at_once_with_our_time(yard: Yard) -> None:
    station = await yard.connect()
    answer = await station.call("BootNotification", BOOT)
    assert answer == {"status": "Accepted", "currentTime": "2026-01-01T12:00:00Z", "interval": 30}
    (booted,) = yard.inbox.of(StationBooted)
    assert booted.identity == StationIdentity("Acme", "One", "1.2", "")
    assert not booted.remembered
    assert ("online", CP, True) in yard.centrals.heard


@in_yard()
async def test_a_boot_is_remembered_once(yard: Yard) -> None:
    station = await yard.connect()
    for _ in range(3):
        await station.call("BootNotification", BOOT)
    await asyncio.sleep(0)
    assert yard.store.remembered[CP].boot == BOOT
    assert yard.store.writes == 1


@in_yard(known=[KnownStation(CP, StationIdentity("Acme", "One", "1.2"), BOOT, "password:x")])
async def test_a_known_station_is_what_it_was_before_it_says_anything(yard: Yard) -> None:
    (booted,) = yard.inbox.of(StationBooted)
    assert booted.remembered
    assert yard.stations.book.boot(CP) == BOOT
    assert not yard.stations.book.online(CP)


@in_yard()
async def test_the_heartbeat_says_the_time_in_whole_seconds(yard: Yard) -> None:
    station = await yard.connect()
    await asyncio.sleep(1.75)
    assert await station.call("Heartbeat", {}) == {"currentTime": "2026-01-01T12:00:01Z"}


@in_yard()
async def test_a_station_that_answers_pings_needs_few_heartbeats(yard: Yard) -> None:
    station = await yard.connect()
    await station.call("BootNotification", BOOT)
    await asyncio.sleep(30)
    assert (await station.call("BootNotification", BOOT))["interval"] == 300


@in_yard()
async def test_in_quarantine_a_boot_is_pending_and_no_central_hears(yard: Yard) -> None:
    stranger = await yard.connect("STRANGE", quarantined=True)
    assert (await stranger.call("BootNotification", BOOT))["status"] == "Pending"
    (connected,) = yard.inbox.of(StationConnected)
    assert connected.quarantined
    (booted,) = yard.inbox.of(StationBooted)
    assert booted.identity.vendor == "Acme", "so that people see who knocks"
    assert not yard.centrals.heard
    assert list(yard.store.remembered) == ["STRANGE"], "so that a restart counts it"
    await asyncio.sleep(100)
    assert not stranger.calls, "nothing is asked of it"


@in_yard(station_plan())
async def test_an_unknown_action_is_not_implemented_and_nobody_minds(yard: Yard) -> None:
    station = await yard.connect()
    frame = await station.frame(station.send("MakeCoffee", {}))
    assert frame[:1] + frame[2:3] == [4, "NotImplemented"]
    assert "currentTime" in await station.call("Heartbeat", {})
