"""The certificates of the site's own authority: reading and making it, looking at a request, signing what was asked."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sitectl.model.ids import StationId
from sitectl.security.certificates import check_strength, read_request
from sitectl.security.judgement import CertificateError

LIFE = timedelta(days=20 * 365)
LEAF_LIFE = timedelta(days=2 * 365)


class Authority(NamedTuple):
    """A certificate that may sign others, and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def secret(self) -> bytes:
        """Its key in PEM, not encrypted."""
        kind = serialization.PrivateFormat.PKCS8
        return self.key.private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())


def read_authority(certificate: bytes, key: bytes) -> Authority:
    """From PEM. Raises ValueError when it cannot be read, or the key is of no kind that is made here."""
    private = serialization.load_pem_private_key(key, password=None)
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise ValueError("its key is not on an elliptic curve")
    return Authority(x509.load_pem_x509_certificate(certificate), private)


def check_request(request: str, station: StationId) -> x509.CertificateSigningRequest:
    """A signing request (PEM) that is in order. Raises CertificateError unless it is strong and names this station
    alone."""
    asked = read_request(request)
    check_strength(asked)
    names = [str(part.value) for part in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [station]:
        raise CertificateError(f"it names {', '.join(names) or 'nobody'}, and the common name must be {station}")
    return asked


def make_authority(site: str, now: datetime) -> Authority:
    """A new one: ECDSA on P-256, with a random part in its name."""
    key = ec.generate_private_key(ec.SECP256R1())
    text = f"sitectl {site}"[:50] + f" {os.urandom(4).hex()}"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    certificate = (
        _certificate(name, name, key.public_key(), now, now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def issue(authority: Authority, asked: x509.CertificateSigningRequest, now: datetime) -> x509.Certificate:
    """The certificate of a station, from now on; it does not outlive the authority."""
    certificate, key = authority
    leaf = asked.public_key()
    assert isinstance(leaf, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)  # its strength was checked
    ends = min(now + LEAF_LIFE, certificate.not_valid_after_utc)
    return (
        _certificate(asked.subject, certificate.subject, leaf, now, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(enciphers_keys=isinstance(leaf, rsa.RSAPublicKey)), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool = False, enciphers_keys: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_encipherment=enciphers_keys,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
