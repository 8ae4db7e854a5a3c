"""Certificates of a test: an authority that signs whatever it is asked to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
PEM = serialization.Encoding.PEM


def named(name: str, organization: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name)]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization))
    return x509.Name(parts)


def new_key(bits: int = 0) -> Key:
    """On P-256, or RSA of so many bits."""
    return rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())


def request(name: str, key: Key, organization: str = "") -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(named(name, organization))
    return builder.sign(key, hashes.SHA256()).public_bytes(PEM).decode()


class Authority:
    """`above` None: a root."""

    def __init__(
        self, name: str = "root", above: Authority | None = None, now: datetime = NOW, *, ca: bool = True
    ) -> None:
        self.key = new_key()
        self.name = name
        self.now = now
        self.certificate = (above or self).issue(name, self.key, ca=ca)
        self.pem = self.certificate.public_bytes(PEM).decode()

    def issue(
        self,
        name: str,
        key: Key,
        *,
        ca: bool | None = False,
        begins: timedelta = timedelta(days=-1),
        lives: timedelta = timedelta(days=365),
        hash: hashes.HashAlgorithm | None = None,
        serial: int | None = None,
    ) -> x509.Certificate:
        """`ca` None: no basic constraints at all."""
        builder = (
            x509.CertificateBuilder()
            .subject_name(named(name))
            .issuer_name(named(self.name))
            .public_key(key.public_key())
            .serial_number(serial or x509.random_serial_number())
            .not_valid_before(self.now + begins)
            .not_valid_after(self.now + begins + lives)
        )
        if ca is not None:
            builder = builder.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        return builder.sign(self.key, hash or hashes.SHA256())


def pem_of(key: Key) -> bytes:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def text(*certificates: x509.Certificate) -> str:
    return "".join(certificate.public_bytes(PEM).decode() for certificate in certificates)
