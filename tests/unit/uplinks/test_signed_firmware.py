"""SignedUpdateFirmware over a link on virtual time: who may sign it, and how it goes."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sitectl.base.virtual import run_virtual
from sitectl.model.commands import Answered, Refused, RelayCall
from sitectl.uplinks import pool
from sitectl.uplinks.connecting import DialFailed
from tests.unit.security.authority import Authority, new_key, text
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.numbered import (
    ACCEPTED,
    FIRMWARE,
    HOUR,
    MAKER,
    SIGNER,
    Station,
    says,
    told,
    update,
)
from tests.unit.uplinks.test_security_events import journal
from tests.unit.uplinks.twins import START, World, on_virtual_time


@pytest.fixture(autouse=True)
def _days_go_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "REFRESH_S", 600.0)


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
            await asyncio.sleep(26 * HOUR)
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


@on_virtual_time
async def test_a_gateway_that_does_not_know_the_time_calls_nobody_expired():
    async with World() as world:
        await world.settles()
        world.door.outcome = Station()
        world.time.known = False
        assert await world.central.ask("SignedUpdateFirmware", update(3, _expired())) == ACCEPTED
        assert await world.central.ask("SignedUpdateFirmware", update(3, "rubbish")) == {"status": "InvalidCertificate"}
