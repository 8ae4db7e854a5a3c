"""The roots that one central installed, by which we check its own certificate, beside the configured authorities.

They hold for all stations: it is one central. What is configured (`uplinks.X.ca`) is shown to it too, and stays.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from cryptography import x509

from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import UplinkSettings
from sitectl.model.security import CertificateHash, HashAlgorithm
from sitectl.security.certificates import (
    CertificateError,
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
from sitectl.security.vault import segment
from sitectl.uplinks.ports import Vault

log = logging.getLogger(__name__)

MOST = 10
"""CertificateStoreMaxLength of a virtual station."""


class Installed(StrEnum):
    """What came of an InstallCertificate (1.6 security white paper: InstallCertificateStatusEnumType)."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    REJECTED = "Rejected"


class Deleted(StrEnum):
    """What came of a DeleteCertificate (DeleteCertificateStatusEnumType)."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_FOUND = "NotFound"


class Roots:
    """One central's roots. `version` grows with each change."""

    def __init__(self, settings: UplinkSettings, vault: Vault) -> None:
        self._settings = settings
        self._vault = vault
        self._configured = _configured(settings)
        self.version = 0

    def reconfigure(self, settings: UplinkSettings) -> None:
        """Another configuration."""
        self._settings, self._configured = settings, _configured(settings)
        self.version += 1

    @property
    def pem(self) -> list[str]:
        """What was installed."""
        return [to_pem(root.certificate) for root in self._installed().values()]

    def hashes(self, algorithm: HashAlgorithm = HashAlgorithm.SHA256) -> list[CertificateHash]:
        """What is installed and what is configured, by name."""
        named = (root.named(algorithm) for root in (*self._installed().values(), *self._configured))
        return [hash_data for hash_data in named if hash_data is not None]

    async def install(self, pem: str, now: datetime, *, additional_check: bool) -> tuple[Installed, str]:
        """Install a root; the name of it, or why not.

        `additional_check` (AdditionalRootCertificateCheck): it replaces the one that has signed it, which stays as its
        fallback, and no others do.
        """
        installed = self._installed()
        held = [*installed.values(), *self._configured]
        try:
            root = _checked(pem, held if additional_check else [], now)
        except CertificateError as error:
            return Installed.REJECTED, str(error)
        name = f"{self._folder}{fingerprint(root.certificate)}.pem"
        if len(installed) >= MOST and name not in installed:
            return Installed.REJECTED, f"{MOST} roots are installed already"
        if name in installed and not additional_check:
            return Installed.ACCEPTED, common_name(root.certificate.subject)
        chain = dict.fromkeys((to_pem(root.certificate), to_pem(root.issuer)))
        old = [n for n, one in installed.items() if n != name and one.certificate != root.issuer]
        try:
            await self._vault.write({name: "".join(chain).encode()})
            if additional_check and held:
                await self._vault.remove(*old)
        except EnvironmentFault as fault:
            return Installed.FAILED, str(fault)
        finally:
            self.version += 1
        return Installed.ACCEPTED, common_name(root.certificate.subject)

    async def delete(self, wanted: CertificateHash) -> tuple[Deleted, str]:
        """Remove a root that was installed; the name of it, or why not."""
        for name, root in self._installed().items():
            if root.named(wanted.algorithm) == wanted:
                try:
                    await self._vault.remove(name)
                except EnvironmentFault as fault:
                    return Deleted.FAILED, str(fault)
                self.version += 1
                return Deleted.ACCEPTED, common_name(root.certificate.subject)
        if any(root.named(wanted.algorithm) == wanted for root in self._configured):
            return Deleted.FAILED, "it is configured"
        return Deleted.NOT_FOUND, ""

    @property
    def _folder(self) -> str:
        return f"uplinks/{segment(self._settings.id)}/roots/"

    def _installed(self) -> dict[str, _Root]:
        found = {}
        for name in self._vault.names(self._folder):
            try:
                chain = read_chain((self._vault.held(name) or b"").decode(errors="replace"))
            except CertificateError as error:
                log.error("%s: %s", name, error)
            else:
                found[name] = _Root(chain[0], chain[-1])
        return found


class _Root(NamedTuple):
    """A root and who has signed it: itself, or the one that it replaces."""

    certificate: x509.Certificate
    issuer: x509.Certificate

    def named(self, algorithm: HashAlgorithm) -> CertificateHash | None:
        """How OCPP names it; None for one that it cannot name, which only a configuration may hold."""
        try:
            return hash_data(self.certificate, self.issuer, algorithm)
        except CertificateError:
            return None


def _checked(pem: str, held: Sequence[_Root], now: datetime) -> _Root:
    """A root, signed by itself, or where there are some to be replaced, by one of those."""
    root = read_one(pem)
    if not held:
        check_root(root, now)
        return _Root(root, root)
    check_authority(root, now)
    for one in held:
        if issued_by(root, one.certificate):
            return _Root(root, one.certificate)
    raise CertificateError("it is not signed by the root that it would replace (AdditionalRootCertificateCheck)")


def _configured(settings: UplinkSettings) -> list[_Root]:
    """What the configuration names; a bundle of everybody's authorities is nothing to list."""
    if settings.ca is None:
        return []
    try:
        found = read_chain(settings.ca.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, CertificateError):
        return []
    return [_Root(root, root) for root in found if issued_by(root, root)]
