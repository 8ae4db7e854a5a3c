"""Root certificates of a central as they are read: from what it sent, from our vault, from the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from sitectl.model.security import CertificateHash, HashAlgorithm
from sitectl.security.certificates import (
    check_authority,
    check_root,
    common_name,
    fingerprint,
    hash_data,
    issued_by,
    read_chain,
    read_one,
    to_pem,
)
from sitectl.security.judgement import CertificateError


class Root(NamedTuple):
    """A root and who has signed it: itself, or the one that it replaces."""

    certificate: x509.Certificate
    issuer: x509.Certificate

    @property
    def name(self) -> str:
        """Its common name."""
        return common_name(self.certificate.subject)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of its DER form, in hex."""
        return fingerprint(self.certificate)

    @property
    def pem(self) -> str:
        """The root alone."""
        return to_pem(self.certificate)

    @property
    def chain(self) -> str:
        """As it is kept: the root, and its issuer where that is another one."""
        return "".join(dict.fromkeys((to_pem(self.certificate), to_pem(self.issuer))))

    def named(self, algorithm: HashAlgorithm) -> CertificateHash | None:
        """How OCPP names it; None for one that it cannot name, which only a configuration may hold."""
        try:
            return hash_data(self.certificate, self.issuer, algorithm)
        except CertificateError:
            return None


def read_sent(pem: str, held: Sequence[Root], now: datetime) -> Root:
    """A root, signed by itself, or where there are some to be replaced, by one of those. Raises CertificateError."""
    root = read_one(pem)
    if not held:
        check_root(root, now)
        return Root(root, root)
    check_authority(root, now)
    for one in held:
        if issued_by(root, one.certificate):
            return Root(root, one.certificate)
    raise CertificateError("it is not signed by the root that it would replace (AdditionalRootCertificateCheck)")


def read_kept(content: bytes) -> Root:
    """One from the vault. Raises CertificateError."""
    chain = read_chain(content.decode(errors="replace"))
    return Root(chain[0], chain[-1])


def read_configured(ca: Path) -> list[Root]:
    """What the configuration names; a bundle of everybody's authorities is nothing to list."""
    try:
        found = read_chain(ca.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, CertificateError):
        return []
    return [Root(root, root) for root in found if issued_by(root, root)]
