"""Keys of our own and the requests to have them certified: what we show to a central on security profile 3."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import NameOID

from sitectl.security.certificates import (
    check_strength,
    check_validity,
    common_name,
    public_bytes,
    read_chain,
    to_pem,
)
from sitectl.security.judgement import CertificateError

CLOCK_ERROR = timedelta(minutes=5)
"""A certificate that is valid from now on, by a central whose clock is a little ahead, is valid."""


def make_request(name: str, organization: str = "") -> tuple[bytes, str]:
    """A new key (PEM, not encrypted) and a signing request for it (PEM). ECDSA on P-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, name[:64])]
    if organization:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization[:64]))
    request = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(parts)).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return secret, request.public_bytes(pem).decode()


@dataclass(frozen=True, slots=True)
class Delivered:
    """A certificate of ours: the chain in PEM, our own first, and from when until when that one is valid."""

    chain: str
    begins: datetime
    ends: datetime


def check_delivered(chain: str, key: bytes, name: str, now: datetime) -> Delivered:
    """A chain (PEM) that a central delivered, if it certifies our key under our name; ours need not stand first in it.

    Raises CertificateError when it certifies another key or name, is weak, or out of its time. Who signed it is the
    central's own business: it is the one to be convinced.
    """
    certificates = read_chain(chain)
    ours = public_bytes(_read_key(key).public_key())
    leaf = next((c for c in certificates if _is_of(c, ours)), None)
    if leaf is None:
        raise CertificateError("it certifies another key than the one that was asked for")
    if common_name(leaf.subject) != name[:64]:
        raise CertificateError(f"it is for {common_name(leaf.subject) or 'nobody'}, not for {name}")
    check_strength(leaf)
    check_validity(leaf, now, CLOCK_ERROR)
    others = [certificate for certificate in certificates if certificate is not leaf]
    pem = "".join(to_pem(certificate) for certificate in (leaf, *others))
    return Delivered(pem, leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def _is_of(certificate: x509.Certificate, key: bytes) -> bool:
    try:
        return public_bytes(certificate.public_key()) == key
    except (ValueError, UnsupportedAlgorithm):
        return False


def _read_key(pem: bytes) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError) as error:
        raise CertificateError("our own key cannot be read") from error
