import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from sitectl.base.errors import EnvironmentFault
from sitectl.base.worker import InlineWorker, ThreadWorker
from sitectl.model.ids import StationId
from sitectl.security import issuing, site_ca
from sitectl.security.certificates import check_chain, check_root, common_name, public_bytes, read_one
from sitectl.security.judgement import CertificateError
from sitectl.security.site_ca import SiteCa
from sitectl.security.tls import client_context, peer_certificate, server_context, trust
from sitectl.security.vault import Vault
from tests.unit.security.authority import NOW, PEM, Authority, named, new_key, pem_of, request
from tests.unit.security.test_tls import Authority as FileAuthority
from tests.unit.security.test_tls import shake_hands
from tests.unit.store.builders import HandClock

CP = StationId("CP01")


async def opened(folder: Path, clock: HandClock | None = None) -> SiteCa:
    vault = Vault(folder, InlineWorker())
    await vault.open()
    return SiteCa("yard", vault, clock or HandClock(now=NOW), InlineWorker())


async def test_it_is_made_when_the_first_station_asks_and_stays_the_same(tmp_path: Path) -> None:
    authority = await opened(tmp_path)
    assert authority.certificate is None
    assert authority.name is None
    key = new_key()
    leaf = read_one(await authority.sign(request("CP01", key, "Acme"), CP))
    assert authority.certificate is not None
    root = read_one(authority.certificate)
    check_root(root, NOW)
    check_chain([leaf], [root], NOW)
    assert authority.name == common_name(root.subject) == common_name(leaf.issuer)
    assert authority.name is not None
    assert authority.name.startswith("sitectl yard ")
    again = await opened(tmp_path)
    assert again.certificate == authority.certificate
    check_chain([read_one(await again.sign(request("CP01", key), CP))], [root], NOW)
    assert (tmp_path / site_ca.KEY).stat().st_mode & 0o777 == 0o600


async def test_two_that_ask_first_at_once_get_one_authority(tmp_path: Path) -> None:
    worker = ThreadWorker("ca")
    vault = Vault(tmp_path, worker)
    await vault.open()
    authority = SiteCa("yard", vault, HandClock(now=NOW), worker)
    names = [StationId(f"CP0{n}") for n in range(4)]
    leaves = await asyncio.gather(*(authority.sign(request(name, new_key()), name) for name in names))
    assert {common_name(read_one(leaf).issuer) for leaf in leaves} == {authority.name}
    worker.stop()


async def test_what_is_signed(tmp_path: Path) -> None:
    key = new_key(2048)
    leaf = read_one(await (await opened(tmp_path)).sign(request("CP01", key, "Acme"), CP))
    assert public_bytes(leaf.public_key()) == public_bytes(key.public_key())
    assert leaf.subject == named("CP01", "Acme")
    assert (leaf.not_valid_before_utc, leaf.not_valid_after_utc) == (NOW, NOW + timedelta(days=730))
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (usage.digital_signature, usage.key_encipherment, usage.key_cert_sign) == (True, True, False)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (request("CP02", new_key()), "names CP02, and the common name must be CP01"),
        (request("CP01", new_key(1024)), "1024 bits"),
        ("rubbish", "no signing request"),
        (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, n) for n in ("CP01", "CP02")]))
            .sign(new_key(), SHA256())
            .public_bytes(PEM)
            .decode(),
            "names CP01, CP02",
        ),
        (
            x509.CertificateSigningRequestBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "CP01")]))
            .sign(new_key(), SHA256())
            .public_bytes(PEM)
            .decode(),
            "names nobody",
        ),
    ],
)
async def test_what_is_not_in_order_is_not_signed_and_makes_no_authority(tmp_path: Path, asked: str, why: str) -> None:
    authority = await opened(tmp_path)
    with pytest.raises(CertificateError, match=why):
        await authority.sign(asked, CP)
    assert authority.certificate is None


async def test_without_the_time_nothing_is_signed(tmp_path: Path) -> None:
    vault = Vault(tmp_path, InlineWorker())
    authority = SiteCa("yard", vault, HandClock(now=NOW), InlineWorker(), knows_time=lambda: False)
    with pytest.raises(CertificateError, match="does not know the time"):
        await authority.sign(request("CP01", new_key()), CP)


async def test_nothing_outlives_the_authority(tmp_path: Path) -> None:
    clock = HandClock(now=NOW)
    authority = await opened(tmp_path, clock)
    await authority.sign(request("CP01", new_key()), CP)
    clock.now += timedelta(days=19 * 365 + 300)
    leaf = read_one(await authority.sign(request("CP01", new_key()), CP))
    assert leaf.not_valid_after_utc == NOW + issuing.LIFE


async def test_broken_files_are_told_and_not_replaced(tmp_path: Path) -> None:
    await (await opened(tmp_path)).sign(request("CP01", new_key()), CP)
    (tmp_path / site_ca.KEY).write_bytes(b"torn")
    with pytest.raises(EnvironmentFault, match="restore"):
        await (await opened(tmp_path)).sign(request("CP01", new_key()), CP)
    assert (tmp_path / site_ca.KEY).read_bytes() == b"torn"


async def test_a_listener_takes_its_certificates_from_the_moment_it_is_trusted(tmp_path: Path) -> None:
    gateway = FileAuthority(tmp_path, "gateway-ca")
    server = server_context(*gateway.issue("gw"))
    # The TLS library reads the clock of the machine, so this one follows it, to the second as certificates do.
    clock = HandClock(now=datetime.now(UTC).replace(microsecond=0) - timedelta(seconds=1))
    authority = await opened(tmp_path / "vault", clock)
    key = new_key()
    (tmp_path / "leaf.pem").write_text(await authority.sign(request("CP01", key), CP))
    (tmp_path / "leaf.key").write_bytes(pem_of(key))
    client = client_context(gateway.ca, tmp_path / "leaf.pem", tmp_path / "leaf.key")
    assert peer_certificate(shake_hands(server, client)[0]) is None, "nobody asked for it"
    assert authority.certificate is not None
    trust(server, authority.certificate)
    shown = peer_certificate(shake_hands(server, client)[0])
    assert shown is not None
    assert (shown.common_name, shown.issuer) == ("CP01", authority.name)
    assert shown.begins is not None
    assert shown.ends == shown.begins + issuing.LEAF_LIFE
    stranger = Authority("stranger", now=clock.now)
    (tmp_path / "leaf.pem").write_text(stranger.issue("CP01", key).public_bytes(PEM).decode())
    client = client_context(gateway.ca, tmp_path / "leaf.pem", tmp_path / "leaf.key")
    with pytest.raises(ssl.SSLError):
        shake_hands(server, client)
