"""A station on another implementation of OCPP gets a certificate from the site's authority, over real TLS, and comes
back with it on security profile 3."""

import asyncio
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from ocpp.v16 import call
from websockets.exceptions import InvalidMessage

from sitectl.config.settings import Address, TlsSettings
from sitectl.model.station import StationPlan
from sitectl.security.tls import client_context
from sitectl.stations import onboarding, outbound
from tests.integration.secure_station import SecureCharger
from tests.integration.station_site import CP, Door, Site, basic, boots, connect, refused, site, until
from tests.unit.security.test_tls import Authority
from tests.unit.stations.twins import station_plan

SUBPROTOCOL: Any = ["ocpp1.6"]
PASSWORD = b"0123456789abcdef"
PEM = serialization.Encoding.PEM


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "SETTLE_S", 0.1)
    monkeypatch.setattr(onboarding, "STATUS_GRACE_S", 0.1)


async def secure_site(tmp_path: Path, *plans: StationPlan, door: Door) -> Any:
    gateway = Authority(tmp_path, "gateway-ca")
    tls = TlsSettings(Address("127.0.0.1", 0), *gateway.issue("gw"))
    return gateway, site(tmp_path, *plans, passwords={CP: PASSWORD}, tls=tls, door=door)


def url(here: Site) -> str:
    return f"wss://127.0.0.1:{here.stations.server.addresses[1][1]}/CP01"


async def fetch_certificate(here: Site, folder: Path, context: ssl.SSLContext, *, is_asked: bool) -> SecureCharger:
    """One life of a station on security profile 2, in which it gets its certificate."""
    dialed = {"ssl": context, "server_hostname": "gateway", "additional_headers": basic("CP01", PASSWORD)}
    async with connect(url(here), subprotocols=SUBPROTOCOL, **dialed) as connection:
        station = SecureCharger("CP01", connection)
        station.prepare(folder)
        task = asyncio.create_task(station.start())
        await boots(station)
        if is_asked:
            await until(lambda: "trigger SignChargePointCertificate" in station.__dict__.get("asked", ()), 30)
        answer = await station.call(call.SignCertificate(csr=station.signing_request()))
        assert answer.status == "Accepted"
        async with asyncio.timeout(30):
            await station.delivered.wait()
        if is_asked:
            await until(lambda: station.changes.get("SecurityProfile") == "3")
        task.cancel()
    return station


async def test_from_a_password_to_a_certificate_of_the_site(tmp_path: Path) -> None:
    door = Door(commissioning=True)
    gateway, opened = await secure_site(tmp_path, station_plan(profile=3), door=door)
    bare = client_context(gateway.ca)
    async with opened as here:
        await fetch_certificate(here, tmp_path, bare, is_asked=True)
        door.commissioning = False
        dialed = {"server_hostname": "gateway", "additional_headers": basic("CP01", PASSWORD)}
        assert await refused(url(here), ssl=bare, **dialed) == 403, "its password is not enough any more"
        certified = client_context(gateway.ca, tmp_path / "station.pem", tmp_path / "station.key")
        async with connect(url(here), subprotocols=SUBPROTOCOL, ssl=certified, server_hostname="gateway") as connection:
            station = SecureCharger("CP01", connection)
            station.prepare(tmp_path)
            task = asyncio.create_task(station.start())
            await boots(station)
            present = here.stations.book.records[CP].present
            assert present is not None
            assert present.certificate is not None
            assert present.certificate.common_name == "CP01"
            task.cancel()


async def test_the_certificate_is_taken_after_a_restart_and_by_nobody_else(tmp_path: Path) -> None:
    door = Door()
    gateway, opened = await secure_site(tmp_path, station_plan(profile=2), station_plan("CP02", profile=2), door=door)
    async with opened as here:
        await fetch_certificate(here, tmp_path, client_context(gateway.ca), is_asked=False)
    gateway, opened = await secure_site(tmp_path, station_plan(profile=2), station_plan("CP02", profile=2), door=door)
    certified = client_context(gateway.ca, tmp_path / "station.pem", tmp_path / "station.key")
    async with opened as here:
        dialed = {"ssl": certified, "server_hostname": "gateway"}
        assert await refused(url(here), **dialed) == 101
        assert await refused(url(here).replace("CP01", "CP02"), **dialed) == 401
        [(station, event, info)] = here.centrals.security
        assert (station, event) == ("CP02", "FailedToAuthenticateAtCentralSystem")
        assert "127.0.0.1" in info


async def test_a_certificate_in_its_name_by_somebody_else_ends_the_handshake(tmp_path: Path) -> None:
    gateway, opened = await secure_site(tmp_path, station_plan(profile=3), door=Door(commissioning=True))
    async with opened as here:
        await fetch_certificate(here, tmp_path, client_context(gateway.ca), is_asked=True)
        (tmp_path / "evil").mkdir()
        forged = Authority(tmp_path / "evil", "evil-ca").issue("CP01")
        with pytest.raises((OSError, EOFError, InvalidMessage)):
            await refused(url(here), ssl=client_context(gateway.ca, *forged), server_hostname="gateway")
