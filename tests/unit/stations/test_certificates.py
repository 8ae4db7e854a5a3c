"""Certificates of stations on virtual time: asked for, signed, handed over, renewed."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sitectl.base.clock import LoopClock
from sitectl.base.virtual import run_virtual
from sitectl.base.worker import InlineWorker
from sitectl.model.station import StationPlan
from sitectl.security.certificates import common_name, public_bytes, read_one
from sitectl.security.site_ca import SiteCa
from sitectl.security.tls import PeerCertificate
from sitectl.security.vault import Vault
from tests.unit.security.authority import new_key, request
from tests.unit.stations.twins import BOOT, START, Wired, Yard, station_plan

KEY = new_key()
CSR = request("CP01", KEY)


@pytest.fixture
def in_yard(tmp_path: Path) -> Callable[..., None]:
    """Run a test in a yard whose listener is encrypted and whose authority is real."""

    def run(test: Callable[[Yard], Coroutine[Any, Any, None]], *plans: StationPlan, encrypted: bool = True) -> None:
        async def main() -> None:
            vault = Vault(tmp_path, InlineWorker())
            await vault.open()
            yard = Yard(*plans, authority=SiteCa("yard", vault, LoopClock(START), InlineWorker()))
            yard.stations._desk.certificates.listens_encrypted = lambda: encrypted
            await yard.stations.load()
            try:
                await test(yard)
            finally:
                await yard.end()

        run_virtual(main())

    return run


def order(station: Wired) -> list[str]:
    """What the station got of certificates: answers to its requests, and our calls, in the order of arrival."""
    return [
        frame[2] if frame[0] == 2 else frame[2]["status"]
        for frame in station.received
        if (frame[0] == 2 and "Certificate" in str(frame[2:])) or (frame[0] == 3 and "status" in frame[2])
    ]


def issued(yard: Yard, lived: timedelta, lives: timedelta = timedelta(days=90)) -> PeerCertificate:
    """A certificate of this site's authority as it is shown after so much of its life."""
    name = yard.stations._desk.certificates._authority.name
    return PeerCertificate("ab", "CP01", name, START - lived, START - lived + lives)


def test_a_station_hears_accepted_and_then_gets_its_certificate(in_yard) -> None:
    async def test(yard: Yard) -> None:
        station = await yard.connect()
        await station.call("BootNotification", BOOT)
        assert await station.call("SignCertificate", {"csr": CSR}) == {"status": "Accepted"}
        await asyncio.sleep(10)
        assert order(station) == ["Accepted", "Accepted", "CertificateSigned"]
        [told] = station.called("CertificateSigned")
        leaf = read_one(told["certificateChain"])
        assert common_name(leaf.subject) == "CP01"
        assert public_bytes(leaf.public_key()) == public_bytes(KEY.public_key())
        assert "station.certificate_installed" in yard.journal.types()
        assert all(change["key"] != "SecurityProfile" for change in station.called("ChangeConfiguration"))

    in_yard(test)


def test_a_certificate_that_could_not_be_handed_over_comes_with_the_next_connection(in_yard) -> None:
    async def test(yard: Yard) -> None:
        station = await yard.connect()
        await station.call("BootNotification", BOOT)
        assert await station.call("SignCertificate", {"csr": CSR}) == {"status": "Accepted"}
        await station.far.close()
        await asyncio.sleep(30)
        again = await yard.connect()
        await again.call("BootNotification", BOOT)
        await asyncio.sleep(60)
        assert len(again.called("CertificateSigned")) == 1

    in_yard(test)


@pytest.mark.parametrize("csr", [request("CP02", KEY), request("CP01", new_key(1024)), "rubbish", ""])
def test_a_request_that_is_not_in_order_is_refused_with_the_cure(in_yard, csr: str) -> None:
    async def test(yard: Yard) -> None:
        station = await yard.connect()
        assert await station.call("SignCertificate", {"csr": csr}) == {"status": "Rejected"}
        [problem] = yard.stations.problems()
        assert problem.where == "CP01"
        assert "in the name CP01" in problem.do
        assert await station.call("SignCertificate", {"csr": CSR}) == {"status": "Accepted"}
        await asyncio.sleep(70)
        assert not yard.stations.problems()

    in_yard(test)


def test_nothing_is_signed_for_strangers_or_without_a_listener_to_show_it_to(in_yard) -> None:
    async def strange(yard: Yard) -> None:
        stranger = await yard.connect("STRANGE", quarantined=True)
        assert await stranger.call("SignCertificate", {"csr": request("STRANGE", KEY)}) == {"status": "Rejected"}

    async def plain(yard: Yard) -> None:
        station = await yard.connect()
        assert await station.call("SignCertificate", {"csr": CSR}) == {"status": "Rejected"}
        assert "station.certificate_refused" in yard.journal.types()
        assert not yard.stations.problems(), "nobody has to do anything about it"

    in_yard(strange)
    in_yard(plain, encrypted=False)


def test_what_the_station_does_not_take_is_a_problem(in_yard) -> None:
    async def test(yard: Yard) -> None:
        station = await yard.connect()
        station.answers = lambda action, payload: (
            {"status": "Rejected"} if action == "CertificateSigned" else {"status": "Accepted"}
        )
        await station.call("BootNotification", BOOT)
        await station.call("SignCertificate", {"csr": CSR})
        await asyncio.sleep(20)
        [problem] = yard.stations.problems()
        assert "did not take" in problem.what
        assert len(station.called("CertificateSigned")) == 1

    in_yard(test)


def test_one_that_must_have_a_certificate_and_comes_without_is_made_to_ask_and_to_use_it(in_yard) -> None:
    async def test(yard: Yard) -> None:
        station = await yard.connect()
        await station.call("BootNotification", BOOT)
        await asyncio.sleep(60)
        assert station.called("ExtendedTriggerMessage") == [{"requestedMessage": "SignChargePointCertificate"}]
        assert await station.call("SignCertificate", {"csr": CSR}) == {"status": "Accepted"}
        await asyncio.sleep(10)
        assert {"key": "SecurityProfile", "value": "3"} in station.called("ChangeConfiguration")
        await asyncio.sleep(3600)
        assert len(station.called("ExtendedTriggerMessage")) == 1, "asked once a day"

    in_yard(test, station_plan(profile=3))


def test_one_that_will_not_ask_is_a_problem(in_yard) -> None:
    async def test(yard: Yard) -> None:
        station = await yard.connect()
        station.answers = lambda action, payload: (
            {"status": "NotImplemented"} if action == "ExtendedTriggerMessage" else {"status": "Accepted"}
        )
        await station.call("BootNotification", BOOT)
        await asyncio.sleep(60)
        [problem] = yard.stations.problems()
        assert "will not ask" in problem.what

    in_yard(test, station_plan(profile=3))


@pytest.mark.parametrize(("lived", "asked"), [(10.0, 0), (58.5, 1), (80.0, 2)])
def test_a_certificate_of_ours_is_renewed_after_two_thirds_of_its_life(in_yard, lived: float, asked: int) -> None:
    """It lives for 90 days. The connection stays open for two more, and the station is asked once a day."""

    async def test(yard: Yard) -> None:
        await (await yard.connect()).call("SignCertificate", {"csr": CSR})  # so that there is an authority
        station = await yard.connect(certificate=issued(yard, timedelta(days=lived)))
        await station.call("BootNotification", BOOT)
        for _ in range(2 * 288 - 1):
            await asyncio.sleep(300)
            await station.call("Heartbeat", {})
        wanted = [{"requestedMessage": "SignChargePointCertificate"}]
        assert station.called("ExtendedTriggerMessage") == wanted * asked
        assert all(change["key"] != "SecurityProfile" for change in station.called("ChangeConfiguration"))

    in_yard(test, station_plan(profile=3))


def test_a_certificate_of_somebody_else_is_somebody_elses_to_renew(in_yard) -> None:
    async def test(yard: Yard) -> None:
        shown = PeerCertificate("ab", "CP01", "the operator's authority", START - timedelta(days=99), START)
        station = await yard.connect(certificate=shown)
        await station.call("BootNotification", BOOT)
        await asyncio.sleep(100)
        assert not station.called("ExtendedTriggerMessage")

    in_yard(test, station_plan(profile=3))
