"""A virtual station and a central on another implementation of OCPP, over real TLS: another password, a certificate,
a root, and what happens where the central does not keep its own word."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from ocpp.v16 import call

from sitectl.config.settings import UplinkSettings
from sitectl.model.uplink import UplinkState
from sitectl.security.tls import server_context
from sitectl.uplinks import credentials, pool
from sitectl.uplinks import uplink as one_uplink
from tests.integration.csms import Csms, certificate_for_loopback, csms
from tests.integration.test_uplinks import charges, site, until, until_drained, up
from tests.unit.security.test_tls import Authority
from tests.unit.uplinks.central import CP
from tests.unit.uplinks.twins import CENTRAL, World

FIRST = "s3cret of the first day"
KEY = "00112233445566778899aabbccddeeff"


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_uplink, "BACKOFF_BASE_S", 0.05)
    monkeypatch.setattr(one_uplink, "BACKOFF_CAP_S", 0.2)
    monkeypatch.setattr(pool, "REFRESH_S", 0.1)
    monkeypatch.setattr(credentials, "RECONNECT_AFTER_S", 0.1)


@asynccontextmanager
async def secure_central(folder: Path) -> AsyncIterator[tuple[Csms, Authority, Path]]:
    """A central that takes passwords and certificates of its own authority; and the root by which to know it."""
    root, key = certificate_for_loopback(folder)
    (folder / "authority").mkdir()
    authority = Authority(folder / "authority", "stations-ca")
    async with csms() as central:
        await central.close()
        await central.open(server_context(root, key, authority.ca))
        central.passwords = {CP: FIRST}
        yield central, authority, root


def uplink(root: Path | None) -> dict[str, Any]:
    return {"ca": root, "passwords": {CP: FIRST}}


def wss(central: Csms) -> str:
    return central.url.replace("ws://", "wss://")


async def connected(central: Csms, times: int) -> Any:
    """When the station has come so often, how the central sees it."""
    await until(lambda: len(central.shown) >= times and CP in central.points)
    await until(lambda: len(central.of("BootNotification")) >= times)
    return central.points[CP]


async def change(point: Any, key: str, value: str) -> str:
    return str((await point.call(call.ChangeConfiguration(key=key, value=value))).status)


def signed(authority: Authority, csr: str) -> str:
    asked = x509.load_pem_x509_csr(csr.encode())
    leaf = authority._sign(asked.subject, asked.public_key(), authority=False)  # type: ignore[arg-type]
    return leaf.public_bytes(serialization.Encoding.PEM).decode()


async def test_from_a_password_to_a_certificate_of_the_central(tmp_path: Path) -> None:
    async with secure_central(tmp_path) as (central, authority, root):
        async with site(tmp_path, wss(central), **uplink(root)) as world:
            up(world)
            point = await connected(central, 1)
            assert await change(point, "CpoName", "Acme") == "Accepted"
            assert await change(point, "SecurityProfile", "3") == "Rejected", "there is no certificate yet"
            trigger = call.ExtendedTriggerMessage(requested_message="SignChargePointCertificate")
            assert (await point.call(trigger)).status == "Accepted"
            await until(lambda: central.of("SignCertificate"))
            chain = signed(authority, central.of("SignCertificate")[0]["csr"])
            assert (await point.call(call.CertificateSigned(certificate_chain=chain))).status == "Accepted"
            central.wants_certificates = True
            assert await change(point, "SecurityProfile", "3") == "Accepted"
            await connected(central, 2)
            assert central.shown == [(CP, None, True), (CP, CP, False)]
            await charges(world)
            await until_drained(world)
            assert world.view.state is UplinkState.ONLINE
            assert not world.door.commands, "nothing of it reached the station"
        async with site(tmp_path, wss(central), **uplink(root)) as world:
            up(world)
            await connected(central, 3)
            assert central.shown[-1] == (CP, CP, False), "it is kept over a restart"


async def test_another_password_and_a_central_that_takes_back_its_word(tmp_path: Path) -> None:
    async with secure_central(tmp_path) as (central, _, root):
        async with site(tmp_path, wss(central), **uplink(root)) as world:
            up(world)
            point = await connected(central, 1)
            central.passwords = {CP: bytes.fromhex(KEY)}
            assert await change(point, "AuthorizationKey", KEY) == "Accepted"
            point = await connected(central, 2)
            # Accepted, and then it goes on with the one before.
            assert await change(point, "AuthorizationKey", KEY[::-1]) == "Accepted"
            point = await connected(central, 3)
            await charges(world)
            await until_drained(world)
            events = [(event["type"], event.get("tech_info")) for event in central.of("SecurityEventNotification")]
            assert ("ReconfigurationOfSecurityParameters", "AuthorizationKey was set") in events
            assert ("FailedToAuthenticateAtCentralSystem", "the central answered HTTP 401") in events
            what = [dict(e.data)["what"] for e in await world.store.queries.events() if e.type == "uplink.credentials"]
            assert what[0] == "the new credentials hold"
            assert "refused the new" in what[1]
        async with site(tmp_path, wss(central), **uplink(root)) as world:
            up(world)
            await connected(central, 4)


async def test_a_key_that_the_central_means_as_text(tmp_path: Path) -> None:
    async with (
        secure_central(tmp_path) as (central, _, root),
        site(tmp_path, wss(central), **uplink(root)) as world,
    ):
        up(world)
        point = await connected(central, 1)
        central.passwords = {CP: KEY}
        assert await change(point, "AuthorizationKey", KEY) == "Accepted"
        await connected(central, 2)


async def test_from_plain_to_tls_with_a_root_of_the_central(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same address speaks TLS from one moment to the next, as a load balancer does."""
    # It is the central that ends the connection: dialled before, it would be found to speak no TLS, and that be heeded.
    monkeypatch.setattr(credentials, "RECONNECT_AFTER_S", 600.0)
    root, key = certificate_for_loopback(tmp_path)
    async with csms() as central:
        central.passwords = {CP: FIRST}
        async with site(tmp_path, central.url, passwords={CP: FIRST}) as world:
            up(world)
            point = await connected(central, 1)
            install = call.InstallCertificate(
                certificate_type="CentralSystemRootCertificate", certificate=_as_root(root, key)
            )
            assert (await point.call(install)).status == "Accepted"
            listed = await point.call(call.GetInstalledCertificateIds(certificate_type="CentralSystemRootCertificate"))
            assert len(listed.certificate_hash_data) == 1
            assert await change(point, "SecurityProfile", "2") == "Accepted"
            await central.close()
            await central.open(server_context(root, key))
            await until(lambda: CP in central.points and _is_encrypted(central.points[CP]))
            await until(lambda: world.view.state is UplinkState.ONLINE)
            assert world.pool._uplinks[CENTRAL].security.profile(CP) == 2


async def test_a_profile_that_the_central_does_not_speak_is_given_up(tmp_path: Path) -> None:
    async with csms() as central:
        central.passwords = {CP: FIRST}
        async with site(tmp_path, central.url, passwords={CP: FIRST}) as world:
            up(world)
            point = await connected(central, 1)
            assert await change(point, "SecurityProfile", "2") == "Accepted"
            await connected(central, 2)
            await until(lambda: world.view.state is UplinkState.ONLINE)
            assert world.pool._uplinks[CENTRAL].security.profile(CP) == 1


async def test_a_central_with_a_certificate_that_nobody_vouches_for_is_not_told_the_password(tmp_path: Path) -> None:
    async with secure_central(tmp_path) as (central, _, root):
        async with site(tmp_path, wss(central), **uplink(None)) as world:
            up(world)
            await until(lambda: world.view.state is UplinkState.OFFLINE)
            assert central.shown == []
        settings = UplinkSettings(CENTRAL, wss(central), **uplink(root))
        async with World(tmp_path / "ledger.db", world.clock, uplink=settings) as world:
            up(world)
            await connected(central, 1)
            await until_drained(world)
            assert [e["type"] for e in central.of("SecurityEventNotification")] == ["InvalidCentralSystemCertificate"]


def _is_encrypted(point: Any) -> bool:
    return point._connection._socket.transport.get_extra_info("ssl_object") is not None


def _as_root(certificate: Path, key: Path) -> str:
    """The central's own certificate has no basic constraints; its key makes a root of the same name and address."""
    read = x509.load_pem_x509_certificate(certificate.read_bytes())
    private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    builder = (
        x509.CertificateBuilder()
        .subject_name(read.subject)
        .issuer_name(read.subject)
        .public_key(read.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(read.not_valid_before_utc)
        .not_valid_after(read.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value, critical=False)
    )
    root = builder.sign(private, hashes.SHA256())  # type: ignore[arg-type]
    pem = root.public_bytes(serialization.Encoding.PEM)
    certificate.write_bytes(pem)
    return pem.decode()
