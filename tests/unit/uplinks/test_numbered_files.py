"""GetLog and SignedUpdateFirmware over a link on virtual time: numbers, answers, and who may sign firmware."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sitectl.base.units import format_utc
from sitectl.base.virtual import run_virtual
from sitectl.model.commands import Answered, Command, NotSent, Outcome, Refused, RelayCall, Unanswered
from sitectl.model.uplink import Right
from sitectl.ocpp.v16.security import hash_payload
from sitectl.security.certificates import hash_data
from sitectl.uplinks import pool
from sitectl.uplinks.connecting import DialFailed
from sitectl.uplinks.files import FIRST_NUMBER
from tests.unit.security.authority import Authority, new_key, text
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.test_security_events import journal
from tests.unit.uplinks.twins import START, World, on_virtual_time

LOG, FIRMWARE = "LogStatusNotification", "SignedFirmwareStatusNotification"
ACCEPTED, REJECTED = {"status": "Accepted"}, {"status": "Rejected"}
MAKER = Authority("maker", now=START)
SIGNER = text(MAKER.issue("release", new_key(2048)))
HOUR = 3600.0


@pytest.fixture(autouse=True)
def _days_go_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "REFRESH_S", 600.0)


def get_log(request_id: int, kind: str = "DiagnosticsLog", location: str = "https://host/in", **more: Any) -> dict:
    return {"requestId": request_id, "logType": kind, "log": {"remoteLocation": location}, **more}


def update(request_id: int, signer: str = SIGNER, after_s: float = 0.0) -> dict:
    firmware = {
        "location": "https://host/f.bin",
        "retrieveDateTime": format_utc(START + timedelta(seconds=after_s)),
        "signingCertificate": signer,
        "signature": "c2ln",
    }
    return {"requestId": request_id, "firmware": firmware}


class Station:
    """A station with the extension; `roots` is what it lists of makers, `says` what it answers to orders."""

    def __init__(self, *roots: Authority) -> None:
        self.roots = [hash_payload(hash_data(one.certificate, one.certificate)) for one in roots]
        self.says: list[Outcome] = []
        self.orders: list[RelayCall] = []

    def __call__(self, command: Command) -> Outcome:
        assert isinstance(command, RelayCall)
        if command.action == "GetInstalledCertificateIds":
            if not self.roots:
                return Answered("NotFound", {"status": "NotFound"})
            return Answered("Accepted", {"status": "Accepted", "certificateHashData": self.roots})
        if command.action == "InstallCertificate":
            return Answered("Accepted", ACCEPTED)
        self.orders.append(command)
        return self.says.pop(0) if self.says else Answered("Accepted", {"status": "Accepted"})

    def number(self, order: int = -1) -> int:
        return int(self.orders[order].payload["requestId"])


async def says(world: World, action: str, number: int | None, *words: str) -> None:
    for word in words:
        payload = {"status": word} if number is None else {"status": word, "requestId": number}
        await world.pool.file_status(CP, action, payload)


def told(world: World, action: str) -> list[tuple[str, int | None]]:
    return [(payload["status"], payload.get("requestId")) for payload in world.central.of(action)]


# --- logs ------------------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_a_log_is_ordered_under_our_number_and_told_under_the_centrals():
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        station.says = [Answered("Accepted", {"status": "Accepted", "filename": "log.gz"})]
        ask = get_log(7, retries=1, retryInterval=10, junk=1)
        ask["log"]["oldestTimestamp"] = "2026-11-20T11:00:00.5+01:00"
        assert await world.central.ask("GetLog", ask) == {"status": "Accepted", "filename": "log.gz"}
        [order] = station.orders
        number = order.payload["requestId"]
        assert number >= FIRST_NUMBER
        assert order.payload == {
            "requestId": number,
            "logType": "DiagnosticsLog",
            "retries": 1,
            "retryInterval": 10,
            "log": {"remoteLocation": "https://host/in", "oldestTimestamp": "2026-11-20T10:00:00Z"},
        }
        await says(world, LOG, number, "Uploading", "Uploading")
        await says(world, LOG, None, "Idle")
        await says(world, LOG, 7, "PermissionDenied")  # nobody's number
        await says(world, LOG, number, "Uploaded")
        await asyncio.sleep(5)
        assert told(world, LOG) == [("Uploading", 7), ("Uploaded", 7)]
        await asyncio.sleep(3 * HOUR)
        assert len(told(world, LOG)) == 2


@on_virtual_time
async def test_a_word_without_a_number_is_of_the_order_that_runs():
    async with World() as world:
        await world.settles()
        world.door.outcome = Station()
        await world.central.ask("GetLog", get_log(7))
        await says(world, LOG, None, "Uploading", "Uploaded")
        await asyncio.sleep(5)
        assert told(world, LOG) == [("Uploading", 7), ("Uploaded", 7)]


@on_virtual_time
async def test_a_log_of_which_nothing_is_heard_has_failed():
    async with World() as world:
        await world.settles()
        world.door.outcome = Station()
        await world.central.ask("GetLog", get_log(7))
        await asyncio.sleep(HOUR)
        assert told(world, LOG) == [("UploadFailure", 7)]


@on_virtual_time
async def test_another_order_cancels_the_one_before_as_the_station_says():
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        await world.central.ask("GetLog", get_log(7))
        station.says = [Answered("AcceptedCanceled", {"status": "AcceptedCanceled"})]
        await says(world, LOG, station.number(0), "Uploading")
        assert await world.central.ask("GetLog", get_log(8)) == {"status": "AcceptedCanceled"}
        assert station.number(1) > station.number(0)
        await says(world, LOG, station.number(0), "UploadFailure")
        await says(world, LOG, station.number(1), "Uploading", "Uploaded")
        await asyncio.sleep(5)
        assert told(world, LOG) == [("Uploading", 7), ("UploadFailure", 7), ("Uploading", 8), ("Uploaded", 8)]


@on_virtual_time
async def test_an_order_that_is_rejected_leaves_the_one_before_alone():
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        await world.central.ask("GetLog", get_log(7))
        station.says = [Answered("Rejected", REJECTED)]
        assert await world.central.ask("GetLog", get_log(8)) == REJECTED
        await says(world, LOG, station.number(0), "Uploading", "Uploaded")
        await asyncio.sleep(3 * HOUR)
        assert told(world, LOG) == [("Uploading", 7), ("Uploaded", 7)]


@on_virtual_time
async def test_the_first_order_that_is_rejected_leaves_nothing():
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        station.says = [Answered("Rejected", REJECTED)]
        assert await world.central.ask("GetLog", get_log(8)) == REJECTED
        await asyncio.sleep(3 * HOUR)
        assert told(world, LOG) == []
        assert world.store.documents.of("log") == {}


@pytest.mark.parametrize(
    ("outcome", "kind", "answer", "words"),
    [
        (Refused("NotImplemented"), "DiagnosticsLog", "NotSupported", []),
        (Refused("NotImplemented"), "SecurityLog", ACCEPTED, [("NotSupportedOperation", 7)]),
        (Refused("InternalError"), "SecurityLog", REJECTED, []),
        (NotSent("the station is offline"), "SecurityLog", REJECTED, []),
        (Unanswered("late"), "DiagnosticsLog", ACCEPTED, [("UploadFailure", 7)]),
    ],
)
def test_what_the_station_cannot_or_does_not_answer(outcome, kind, answer, words):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            station = world.door.outcome = Station()
            station.says = [outcome]
            assert await world.central.ask("GetLog", get_log(7, kind)) == answer
            await asyncio.sleep(HOUR)
            assert told(world, LOG) == words

    test()


@pytest.mark.parametrize("location", ["file:///etc/passwd", "javascript:x", "https://", "ftp://host/" + "x" * 2000])
def test_a_place_that_nobody_should_follow_is_rejected_without_a_word_to_the_station(location: str):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.door.outcome = Station()
            assert await world.central.ask("GetLog", get_log(7, location=location)) == REJECTED
            assert not world.door.commands

    test()


@on_virtual_time
async def test_a_station_that_is_away_takes_no_orders():
    async with World() as world:
        await world.settles()
        world.leaves()
        assert await world.central.ask("GetLog", get_log(7)) == REJECTED
        assert await world.central.ask("SignedUpdateFirmware", update(7)) == REJECTED
        assert not world.door.commands


@on_virtual_time
async def test_how_an_order_stands_is_told_when_asked():
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        trigger = {"requestedMessage": LOG}
        assert await world.central.ask("ExtendedTriggerMessage", trigger) == ACCEPTED
        await asyncio.sleep(1)
        await world.central.ask("GetLog", get_log(7))
        await says(world, LOG, station.number(), "Uploading")
        await asyncio.sleep(1)
        assert await world.central.ask("ExtendedTriggerMessage", trigger) == ACCEPTED
        assert await world.central.ask("ExtendedTriggerMessage", {"requestedMessage": "FirmwareStatusNotification"})
        await asyncio.sleep(1)
        assert told(world, LOG) == [("Idle", None), ("Uploading", 7), ("Uploading", 7)]
        assert told(world, FIRMWARE) == [("Idle", None)]


# --- firmware --------------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_an_update_is_passed_on_with_its_signature_untouched():
    async with World() as world:
        await world.settles()
        station = world.door.outcome = Station()
        ask = update(3, after_s=60)
        ask["firmware"]["installDateTime"] = "2026-11-21T02:00:00Z"
        assert await world.central.ask("SignedUpdateFirmware", ask) == ACCEPTED
        [order] = station.orders
        assert order.action == "SignedUpdateFirmware"
        assert order.payload["firmware"] == ask["firmware"]


def test_the_words_of_an_update_keep_their_order_and_number_over_reboots_of_both(tmp_path: Path):
    async def test() -> None:
        async with World(tmp_path / "ledger.db") as world:
            await world.settles()
            station = world.door.outcome = Station()
            await world.central.ask("SignedUpdateFirmware", update(3))
            number = station.number()
            await says(world, FIRMWARE, number, "Downloading", "Downloaded", "SignatureVerified", "Installing")
            await asyncio.sleep(5)
            world.central.unreachable = DialFailed("no route")
            world.central.transports[CP].abort()
            await says(world, FIRMWARE, number, "InstallRebooting")
            world.leaves()
            await world.restart()
            world.central.unreachable = None
            await world.settles()
            await says(world, FIRMWARE, number, "Installed")
            await asyncio.sleep(60)
            words = ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", "Installed"]
            assert told(world, FIRMWARE) == [(word, 3) for word in words]
            assert await world.central.ask("SignedUpdateFirmware", update(4)) == ACCEPTED
            assert station.number() > number

    run_virtual(test())


@pytest.mark.parametrize(
    ("heard", "failed"),
    [
        ([], "DownloadFailed"),
        (["Downloading"], "DownloadFailed"),
        (["Downloading", "Downloaded", "SignatureVerified", "Installing"], "InstallationFailed"),
    ],
)
def test_an_update_that_falls_silent_has_failed_where_it_was(heard: list[str], failed: str):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            station = world.door.outcome = Station()
            await world.central.ask("SignedUpdateFirmware", update(3))
            await says(world, FIRMWARE, station.number(), *heard)
            await asyncio.sleep(26 * HOUR)
            assert told(world, FIRMWARE) == [*((word, 3) for word in heard), (failed, 3)]

    test()


@pytest.mark.parametrize("word", ["InvalidSignature", "InstallVerificationFailed", "DownloadFailed"])
def test_an_end_is_an_end(word: str):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            station = world.door.outcome = Station()
            await world.central.ask("SignedUpdateFirmware", update(3))
            await says(world, FIRMWARE, station.number(), "Downloading", word)
            await asyncio.sleep(50 * HOUR)
            assert told(world, FIRMWARE) == [("Downloading", 3), (word, 3)]

    test()


@pytest.mark.parametrize("word", ["RevokedCertificate", "InvalidCertificate", "Rejected", "AcceptedCanceled"])
def test_what_the_station_thinks_of_the_signer_is_the_answer(word: str):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            station = world.door.outcome = Station()
            station.says = [Answered(word, {"status": word})]
            assert await world.central.ask("SignedUpdateFirmware", update(3)) == {"status": word}

    test()


@on_virtual_time
async def test_a_station_without_the_extension_never_gets_the_firmware_without_the_signature():
    async with World() as world:
        await world.settles()
        world.door.outcome = lambda command: Refused("NotImplemented")
        assert await world.central.ask("SignedUpdateFirmware", update(3)) == "NotSupported"
        actions = [command.action for command in world.door.of(RelayCall)]
        assert actions == ["GetInstalledCertificateIds", "SignedUpdateFirmware"]
        await asyncio.sleep(HOUR)
        assert told(world, FIRMWARE) == []


def _expired() -> str:
    return text(MAKER.issue("old", new_key(2048), begins=timedelta(days=-99), lives=timedelta(days=9)))


@pytest.mark.parametrize("signer", [lambda: "rubbish", _expired, lambda: text(MAKER.issue("weak", new_key(1024)))])
def test_a_signer_that_cannot_be_is_refused_before_the_station_is_asked(signer: Callable[[], str]):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.door.outcome = Station()
            answer = await world.central.ask("SignedUpdateFirmware", update(3, signer()))
            assert answer == {"status": "InvalidCertificate"}
            assert not world.door.commands
            await asyncio.sleep(2)
            [event] = world.central.of("SecurityEventNotification")
            assert event["type"] == "InvalidFirmwareSigningCertificate"
            assert len(await journal(world, "uplink.firmware_refused")) == 1

    test()


@pytest.mark.parametrize(
    ("listed", "signer", "answer"),
    [
        ((MAKER,), SIGNER, ACCEPTED),
        ((MAKER,), text(Authority("other", now=START).issue("x", new_key())), {"status": "InvalidCertificate"}),
        # It has roots of which there is no copy, or lists none: then it is for it to say.
        ((MAKER, Authority("built in", now=START)), text(Authority("o", now=START).issue("x", new_key())), ACCEPTED),
        ((), text(Authority("other", now=START).issue("x", new_key())), ACCEPTED),
    ],
)
def test_the_roots_of_a_station_speak_when_all_of_them_are_known(listed, signer, answer):
    @on_virtual_time
    async def test():
        async with World() as world:
            await world.settles()
            world.door.outcome = Station(*listed)
            root = {"certificateType": "ManufacturerRootCertificate", "certificate": MAKER.pem}
            assert await world.central.ask("InstallCertificate", root) == ACCEPTED
            assert await world.central.ask("SignedUpdateFirmware", update(3, signer)) == answer

    test()


# --- rights ----------------------------------------------------------------------------------------------------------


@on_virtual_time
async def test_logs_take_the_right_to_read_and_firmware_its_own():
    async with World(rights=frozenset({Right.READ})) as world:
        await world.settles()
        world.door.outcome = Station()
        assert await world.central.ask("GetLog", get_log(7)) == ACCEPTED
        assert await world.central.ask("SignedUpdateFirmware", update(3)) == REJECTED
    async with World(rights=frozenset({Right.FIRMWARE})) as world:
        await world.settles()
        world.door.outcome = Station()
        assert await world.central.ask("GetLog", get_log(7)) == REJECTED
        assert await world.central.ask("SignedUpdateFirmware", update(3)) == ACCEPTED
