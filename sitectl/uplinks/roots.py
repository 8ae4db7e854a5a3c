"""The roots that one central installed, by which we check its own certificate, beside the configured authorities.

They hold for all stations: it is one central. What is configured (`uplinks.X.ca`) is shown to it too, and stays.
"""

from __future__ import annotations

import logging
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING

from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import UplinkSettings
from sitectl.model.security import CertificateHash, HashAlgorithm
from sitectl.security.judgement import CertificateError
from sitectl.security.vault import segment
from sitectl.uplinks.ports import Vault

if TYPE_CHECKING:
    from sitectl.uplinks.root_certificates import Root

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
        self.version = 0

    def reconfigure(self, settings: UplinkSettings) -> None:
        """Another configuration."""
        self._settings = settings
        self.__dict__.pop("_configured", None)  # read anew when it is asked for
        self.version += 1

    @property
    def pem(self) -> list[str]:
        """What was installed."""
        return [root.pem for root in self._installed().values()]

    def hashes(self, algorithm: HashAlgorithm = HashAlgorithm.SHA256) -> list[CertificateHash]:
        """What is installed and what is configured, by name."""
        named = (root.named(algorithm) for root in (*self._installed().values(), *self._configured))
        return [hash_data for hash_data in named if hash_data is not None]

    async def install(self, pem: str, now: datetime, *, additional_check: bool) -> tuple[Installed, str]:
        """Install a root; the name of it, or why not.

        `additional_check` (AdditionalRootCertificateCheck): it replaces the one that has signed it, which stays as its
        fallback, and no others do.
        """
        from sitectl.uplinks.root_certificates import read_sent

        installed = self._installed()
        held = [*installed.values(), *self._configured]
        try:
            root = read_sent(pem, held if additional_check else [], now)
        except CertificateError as error:
            return Installed.REJECTED, str(error)
        name = f"{self._folder}{root.fingerprint}.pem"
        if len(installed) >= MOST and name not in installed:
            return Installed.REJECTED, f"{MOST} roots are installed already"
        if name in installed and not additional_check:
            return Installed.ACCEPTED, root.name
        old = [n for n, one in installed.items() if n != name and one.certificate != root.issuer]
        try:
            await self._vault.write({name: root.chain.encode()})
            if additional_check and held:
                await self._vault.remove(*old)
        except EnvironmentFault as fault:
            return Installed.FAILED, str(fault)
        finally:
            self.version += 1
        return Installed.ACCEPTED, root.name

    async def delete(self, wanted: CertificateHash) -> tuple[Deleted, str]:
        """Remove a root that was installed; the name of it, or why not."""
        for name, root in self._installed().items():
            if root.named(wanted.algorithm) == wanted:
                try:
                    await self._vault.remove(name)
                except EnvironmentFault as fault:
                    return Deleted.FAILED, str(fault)
                self.version += 1
                return Deleted.ACCEPTED, root.name
        if any(root.named(wanted.algorithm) == wanted for root in self._configured):
            return Deleted.FAILED, "it is configured"
        return Deleted.NOT_FOUND, ""

    @property
    def _folder(self) -> str:
        return f"uplinks/{segment(self._settings.id)}/roots/"

    def _installed(self) -> dict[str, Root]:
        names = self._vault.names(self._folder)
        if not names:
            return {}  # what reads certificates takes 9 MB: it is loaded for those who have some
        from sitectl.uplinks.root_certificates import read_kept

        found = {}
        for name in names:
            try:
                found[name] = read_kept(self._vault.held(name) or b"")
            except CertificateError as error:
                log.error("%s: %s", name, error)
        return found

    @cached_property
    def _configured(self) -> list[Root]:
        if self._settings.ca is None:
            return []
        from sitectl.uplinks.root_certificates import read_configured

        return read_configured(self._settings.ca)
