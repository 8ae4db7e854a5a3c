"""GetDiagnostics and UpdateFirmware over a link on virtual time: the station's words, and those of its silence."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from sitectl.base.units import format_utc
from sitectl.base.virtual import run_virtual
from sitectl.model.commands import Answered, NotSent, Outcome, Refused, RelayCall, Unanswered
from sitectl.model.events import RebootExpected
from sitectl.model.ids import UplinkId
from sitectl.model.uplink import Right
from sitectl.ocpp.v16.central_files import diagnostics_ordered
from sitectl.uplinks import pool
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.connecting import DialFailed
from sitectl.uplinks.files import MOST_ORDERS, PER_S
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import START, World, on_virtual_time

LOG = "DiagnosticsStatusNotification"
FIRMWARE = "FirmwareStatusNotification"
OTHER = UplinkId("other")
WHERE = {"location": "ftp://host/dir"}
HOUR = 3600.0


@pytest.fixture(autouse=True)
def _days_go_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """Backlogs are looked at once in a while: days of virtual time are days of them."""
    monkeypatch.setattr(pool, "REFRESH_S", 600.0)


def update(after_s: float = 0.0) -> dict:
    return {"location": "https://host/f.bin", "retrieveDate": format_utc(START + timedelta(seconds=after_s))}


async def says(world: World, action: str, *words: str) -> None:
    for word in words:
        await world.pool.file_status(CP, action, {"status": word})


def told(world: World, action: str) -> list[str]:
    return [payload["status"] for payload in world.central.of(action)]


def named(outcome: Outcome | None = None):
    """A station that names its file."""
    return lambda command: outcome or Answered("", {"fileName": "diag.zip"})


# --- the way it goes -------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_an_upload_is_ordered_and_its_words_go_to_who_ordered_it():
    async with World() as world:
        await world.settles()
        world.door.outcome = named()
        ask = {**WHERE, "retries": 1, "retryInterval": 10, "junk": None}
        assert await world.central.ask("GetDiagnostics", ask) == {"fileName": "diag.zip"}
        assert world.door.of(RelayCall) == [
            RelayCall(CP, "GetDiagnostics", {**WHERE, "retries": 1, "retryInterval": 10})
        ]
        await says(world, LOG, "Uploading", "Uploading", "Idle", "Uploaded")
        await asyncio.sleep(5)
        assert told(world, LOG) == ["Uploading", "Uploaded"]
        await asyncio.sleep(3 * HOUR)
        assert told(world, LOG) == ["Uploading", "Uploaded"]


@on_virtual_time
async def test_an_update_keeps_its_order_over_the_reboot_of_the_station_and_an_outage_of_the_central():
    async with World() as world:
        await world.settles()
        world.door.outcome = lambda command: Answered("", {})
        assert await world.central.ask("UpdateFirmware", update()) == {}
        await says(world, FIRMWARE, "Downloading", "Downloaded")
        await asyncio.sleep(5)
        world.central.unreachable = DialFailed("away")
        world.central.transports[CP].abort()
        await says(world, FIRMWARE, "Installing")
        world.leaves()
        await asyncio.sleep(200)
        world.arrives()
        world.boots()
        await says(world, FIRMWARE, "Installed")
        world.central.unreachable = None
        await asyncio.sleep(60)
        assert told(world, FIRMWARE) == ["Downloading", "Downloaded", "Installing", "Installed"]
        assert world.inbox.of(RebootExpected) != []


def test_words_and_orders_survive_a_restart_of_ours(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await world.settles()
            world.door.outcome = lambda command: Answered("", {})
            await world.central.ask("UpdateFirmware", update())
            world.central.transports[CP].abort()
            world.central.unreachable = DialFailed("away")
            await says(world, FIRMWARE, "Downloading", "Downloaded")
            await world.restart()
            world.central.unreachable = None
            await world.settles()
            await says(world, FIRMWARE, "Installing", "Installed")
            await asyncio.sleep(60)
            assert told(world, FIRMWARE) == ["Downloading", "Downloaded", "Installing", "Installed"]
            await world.restart()
            await world.settles()
            world.central.forget()
            await world.central.ask("TriggerMessage", {"requestedMessage": FIRMWARE})
            await asyncio.sleep(1)
            assert told(world, FIRMWARE) == ["Installed"]

    run_virtual(test())


@on_virtual_time
async def test_words_that_nobody_ordered_go_nowhere():
    async with World() as world:
        await world.settles()
        await says(world, FIRMWARE, "Downloading", "Installed")
        await says(world, LOG, "Uploading")
        await asyncio.sleep(60)
        assert told(world, FIRMWARE) == told(world, LOG) == []


@on_virtual_time
async def test_a_trigger_tells_the_last_word_without_asking_the_station():
    async with World() as world:
        await world.settles()
        for words in (["Idle"], ["Uploading"], ["Uploading", "Uploaded"]):
            await world.central.ask("GetDiagnostics", WHERE)
            await says(world, LOG, *words)
            await asyncio.sleep(5)
            world.central.forget()
            world.door.commands.clear()
            answer = await world.central.ask("TriggerMessage", {"requestedMessage": LOG})
            assert answer == {"status": "Accepted"}
            await asyncio.sleep(1)
            assert told(world, LOG) == [words[-1]]
            assert world.door.commands == []


# --- no word, or a bad one -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [Refused("NotSupported"), NotSent("gone")])
@pytest.mark.parametrize(
    ("ask", "payload", "action", "failed"),
    [("GetDiagnostics", WHERE, LOG, "UploadFailed"), ("UpdateFirmware", update(), FIRMWARE, "DownloadFailed")],
)
def test_a_station_that_refuses_has_failed_at_once_but_after_the_answer(outcome, ask, payload, action, failed):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.door.outcome = named(outcome)
            assert await world.central.ask(ask, payload) == {}
            assert told(world, action) == []
            await asyncio.sleep(5)
            assert told(world, action) == [failed]
            await asyncio.sleep(50 * HOUR)
            assert told(world, action) == [failed]

    test()


@pytest.mark.parametrize("outcome", [Answered("", {"fileName": "a"}), Answered("", {}), Unanswered("too late")])
@pytest.mark.parametrize(
    ("words", "within_s"), [([], 310.0), (["Uploading"], HOUR + 10.0), (["Uploading", "Idle"], HOUR + 10.0)]
)
def test_an_upload_that_nothing_is_heard_of_has_failed_in_bounded_time(outcome, words, within_s):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.door.outcome = named(outcome)
            await world.central.ask("GetDiagnostics", WHERE)
            await says(world, LOG, *words)
            await asyncio.sleep(within_s)
            assert told(world, LOG) == [*words[:1], "UploadFailed"]
            await asyncio.sleep(50 * HOUR)
            assert len(told(world, LOG)) == len(words[:1]) + 1

    test()


@pytest.mark.parametrize(
    ("words", "failed", "within_s"),
    [
        ([], "DownloadFailed", 2 * HOUR + 910.0),
        (["Downloading"], "DownloadFailed", HOUR + 10.0),
        (["Downloading", "Downloaded"], "InstallationFailed", 24 * HOUR + 10.0),
        (["Downloaded", "Installing"], "InstallationFailed", HOUR + 10.0),
    ],
)
def test_an_update_that_nothing_is_heard_of_has_failed_in_bounded_time(words, failed, within_s):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            await world.central.ask("UpdateFirmware", update(2 * HOUR))
            await says(world, FIRMWARE, *words)
            await asyncio.sleep(within_s - 30.0)
            assert told(world, FIRMWARE) == words
            await asyncio.sleep(60.0)
            assert told(world, FIRMWARE) == [*words, failed]

    test()


@on_virtual_time
async def test_a_word_that_comes_after_all_is_told_after_all():
    async with World() as world:
        await world.settles()
        await world.central.ask("GetDiagnostics", WHERE)
        await asyncio.sleep(400)
        await says(world, LOG, "Uploading", "Uploaded")
        await asyncio.sleep(5)
        assert told(world, LOG) == ["UploadFailed", "Uploading", "Uploaded"]


@on_virtual_time
async def test_a_station_may_speak_before_it_answers():
    async with World() as world:
        await world.settles()
        world.door.delay_s = 20.0
        asking = asyncio.ensure_future(world.central.ask("GetDiagnostics", WHERE))
        await asyncio.sleep(5)
        await says(world, LOG, "Uploading")
        await asking
        await says(world, LOG, "Uploaded")
        await asyncio.sleep(5)
        assert told(world, LOG) == ["Uploading", "Uploaded"]


@pytest.mark.parametrize("location", ["file:///etc/shadow", "gopher://host/", "host"])
def test_locations_that_may_not_be_followed_never_reach_the_station(location):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            assert await world.central.ask("GetDiagnostics", {"location": location}) == {}
            assert await world.central.ask("UpdateFirmware", {**update(), "location": location}) == {}
            await asyncio.sleep(5)
            assert (told(world, LOG), told(world, FIRMWARE)) == (["UploadFailed"], ["DownloadFailed"])
            assert world.door.commands == []

    test()


@on_virtual_time
async def test_what_is_no_order_is_a_callerror():
    async with World() as world:
        await world.settles()
        assert await world.central.ask("GetDiagnostics", {}) == "FormationViolation"
        assert await world.central.ask("UpdateFirmware", WHERE) == "FormationViolation"
        await asyncio.sleep(5)
        assert told(world, LOG) == told(world, FIRMWARE) == []


# --- a station that is away ------------------------------------------------------------------------------------------


@on_virtual_time
async def test_an_upload_by_a_station_that_is_away_has_failed():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        world.leaves()
        assert await world.central.ask("GetDiagnostics", WHERE) == {}
        await asyncio.sleep(5)
        assert told(world, LOG) == ["UploadFailed"]
        world.arrives()
        await asyncio.sleep(60)
        assert world.door.commands == []


@on_virtual_time
async def test_an_update_waits_for_a_station_that_is_away():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        world.leaves()
        assert await world.central.ask("UpdateFirmware", update()) == {}
        await asyncio.sleep(5 * HOUR)
        world.arrives()
        world.door.outcome = lambda command: Unanswered("busy")
        await asyncio.sleep(20)
        assert [command.payload for command in world.door.of(RelayCall)] == [update()]
        await says(world, FIRMWARE, "Downloading", "Downloaded", "Installing", "Installed")
        await asyncio.sleep(30 * HOUR)
        assert told(world, FIRMWARE) == ["Downloading", "Downloaded", "Installing", "Installed"]


@pytest.mark.parametrize("restarts", [False, True])
def test_an_update_that_waited_too_long_has_failed(restarts, tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            world.reports(1, "Available")
            await world.settles()
            world.leaves()
            await world.central.ask("UpdateFirmware", update(HOUR))
            if restarts:
                await asyncio.sleep(HOUR)
                await world.restart()
            await asyncio.sleep(25 * HOUR + 60)
            world.arrives()
            await asyncio.sleep(60)
            assert told(world, FIRMWARE) == ["DownloadFailed"]
            assert world.door.of(RelayCall) == []

    run_virtual(test())


@on_virtual_time
async def test_an_update_that_could_not_leave_is_tried_again_and_one_that_is_refused_late_has_failed():
    async with World() as world:
        world.reports(1, "Available")
        await world.settles()
        world.leaves()
        await world.central.ask("UpdateFirmware", update())
        world.arrives()
        world.door.outcome = lambda command: NotSent("too many commands wait for this station")
        await asyncio.sleep(30)
        world.door.outcome = lambda command: Refused("InternalError")
        await asyncio.sleep(60)
        assert len(world.door.of(RelayCall)) == 2
        assert told(world, FIRMWARE) == ["DownloadFailed"]


# --- several ---------------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_one_order_of_a_kind_at_a_time_whoever_gives_it():
    async with World() as world:
        await world.settles()
        files = world.pool._stations.files
        other = Asker(OTHER, CP, frozenset(Right), world.link())
        log = diagnostics_ordered(WHERE)
        await world.central.ask("GetDiagnostics", WHERE)
        await files.order(other, log)
        await asyncio.sleep(5)
        assert len(world.door.of(RelayCall)) == 1
        await says(world, LOG, "Uploading", "Uploaded")
        await files.order(other, log)
        assert len(world.door.of(RelayCall)) == 2
        await says(world, LOG, "Uploading")
        await asyncio.sleep(5)
        assert told(world, LOG) == ["Uploading", "Uploaded"]  # the second upload is the other one's


@on_virtual_time
async def test_a_new_order_takes_the_place_of_an_older_one_and_a_bad_one_does_not():
    async with World() as world:
        await world.settles()
        await world.central.ask("GetDiagnostics", WHERE)
        await says(world, LOG, "Uploading")
        await world.central.ask("GetDiagnostics", {"location": "file:///x"})
        await asyncio.sleep(5)
        assert told(world, LOG) == ["Uploading", "UploadFailed"]
        await says(world, LOG, "Uploaded")
        await asyncio.sleep(5)
        assert told(world, LOG)[2:] == ["Uploaded"]
        await world.central.ask("GetDiagnostics", WHERE)
        await says(world, LOG, "Uploading")
        await asyncio.sleep(5)
        assert told(world, LOG)[3:] == ["Uploading"]
        assert len(world.door.of(RelayCall)) == 2


@on_virtual_time
async def test_a_storm_of_orders_is_refused():
    async with World() as world:
        await world.settles()
        for _ in range(MOST_ORDERS + 4):
            await world.central.ask("UpdateFirmware", update())
        await asyncio.sleep(5)
        assert len(world.door.of(RelayCall)) == MOST_ORDERS
        assert told(world, FIRMWARE) == ["DownloadFailed"] * 4
        await asyncio.sleep(PER_S)
        await world.central.ask("UpdateFirmware", update())
        assert len(world.door.of(RelayCall)) == MOST_ORDERS + 1


@on_virtual_time
async def test_while_the_disk_takes_nothing_an_order_has_failed_and_is_said_so():
    async with World() as world:
        await world.settles()
        freed = world.fill_disk()
        assert await world.central.ask("GetDiagnostics", WHERE) == {}
        await asyncio.sleep(5)
        assert told(world, LOG) == ["UploadFailed"]
        assert world.door.commands == []
        freed()
