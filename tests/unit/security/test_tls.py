"""Contexts over a real TLS hand-shake between two memory buffers."""

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sitectl.base.errors import ConfigurationError
from sitectl.security.tls import CertifiedContext, client_context, peer_certificate, server_context


class Authority:
    """A certificate authority of this test, which writes its files below a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.ca = folder / f"{name}.pem"
        self.ca.write_bytes(self._sign(self.name, self.key.public_key(), authority=True).public_bytes(_PEM))

    def issue(self, common_name: str, passphrase: bytes | None = None) -> tuple[Path, Path]:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        certificate, key_file = self.folder / f"{common_name}.crt", self.folder / f"{common_name}.key"
        certificate.write_bytes(self._sign(subject, key.public_key(), authority=False).public_bytes(_PEM))
        encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
        if passphrase is not None:
            encryption = serialization.BestAvailableEncryption(passphrase)
        key_file.write_bytes(key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, encryption))
        return certificate, key_file

    def _sign(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, *, authority: bool) -> x509.Certificate:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("gateway")]), critical=False)
            .sign(self.key, hashes.SHA256())
        )


_PEM = serialization.Encoding.PEM


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "site-ca")


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = server.wrap_bio(to_server, to_client, server_side=True)
    theirs = client.wrap_bio(to_client, to_server, server_hostname="gateway")
    for _ in range(4):
        for end in (theirs, ours):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return ours, theirs


def test_a_station_without_a_certificate_is_let_through_to_the_handshake(authority: Authority) -> None:
    ours, theirs = shake_hands(server_context(*authority.issue("gw"), authority.ca), client_context(authority.ca))
    assert theirs.version() in ("TLSv1.2", "TLSv1.3")
    assert theirs.compression() is None
    assert peer_certificate(ours) is None


def test_a_station_certificate_gives_its_name_and_fingerprint(authority: Authority) -> None:
    certificate, key = authority.issue("CP01")
    client = client_context(authority.ca, certificate, key)
    ours, _ = shake_hands(server_context(*authority.issue("gw"), authority.ca), client)
    shown = peer_certificate(ours)
    der = x509.load_pem_x509_certificate(certificate.read_bytes()).public_bytes(serialization.Encoding.DER)
    assert shown is not None
    assert (shown.common_name, shown.other_names) == ("CP01", ("gateway",))
    assert [shown.is_of(name) for name in ("CP01", "gateway", "cp01", "CP02", "")] == [True, True, False, False, False]
    assert shown.fingerprint == hashlib.sha256(der).hexdigest()


def test_a_certificate_of_another_authority_ends_the_handshake(authority: Authority, tmp_path: Path) -> None:
    client = client_context(authority.ca, *Authority(tmp_path, "stranger").issue("CP02"))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server_context(*authority.issue("gw"), authority.ca), client)


def test_tls_1_2_is_the_oldest_spoken(authority: Authority) -> None:
    client = client_context(authority.ca)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    server = server_context(*authority.issue("gw"))
    assert server.minimum_version == client.minimum_version == ssl.TLSVersion.TLSv1_2
    assert shake_hands(server, client)[1].version() == "TLSv1.2"


def test_files_that_cannot_be_used_are_named(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("gw")
    with pytest.raises(ConfigurationError, match=r"missing\.crt"):
        server_context(tmp_path / "missing.crt", key)
    with pytest.raises(ConfigurationError, match=r"gw\.key"):
        client_context(key)
    with pytest.raises(ConfigurationError, match="passphrase"):
        server_context(*authority.issue("locked", b"1234"))
    assert certificate.exists()


def test_nothing_is_shown_without_tls() -> None:
    assert peer_certificate(None) is None


def test_many_certificates_over_one_store_of_authorities(authority: Authority) -> None:
    """Each connection shows its own, however their handshakes fall together."""
    server = server_context(*authority.issue("gw"), authority.ca)
    shared = client_context(authority.ca)
    contexts = {name: CertifiedContext.of(shared, *authority.issue(name)) for name in ("CP01", "CP02", "CP03")}
    wires = {name: (ssl.MemoryBIO(), ssl.MemoryBIO()) for name in contexts}
    theirs = {name: contexts[name].wrap_bio(b, a, server_hostname="gateway") for name, (a, b) in wires.items()}
    ours = {name: server.wrap_bio(a, b, server_side=True) for name, (a, b) in wires.items()}
    for _ in range(4):
        for end in (*theirs.values(), *ours.values()):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    shown = {name: peer_certificate(end) for name, end in ours.items()}
    assert {name: one.common_name for name, one in shown.items() if one} == {name: name for name in contexts}


def test_a_certificate_that_is_not_there_is_told_before_a_connection_begins(
    authority: Authority, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.pem"):
        CertifiedContext.of(client_context(authority.ca), tmp_path / "none.pem", tmp_path / "none.key")
