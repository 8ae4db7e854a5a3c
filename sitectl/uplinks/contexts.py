"""TLS contexts for one central: one for all stations that show what is configured, and one for those with their own."""

from __future__ import annotations

import asyncio
import ssl

from sitectl.config.settings import UplinkSettings
from sitectl.model.ids import StationId
from sitectl.security.tls import CertifiedContext, client_context
from sitectl.uplinks.legs import Leg, folder, is_encrypted
from sitectl.uplinks.ports import Vault
from sitectl.uplinks.roots import Roots


class Contexts:
    """Makes them when they are needed: a context holds every authority of the system, which takes time and room.

    Raises ConfigurationError when the certificates of the uplink cannot be used.
    """

    def __init__(self, settings: UplinkSettings, roots: Roots, vault: Vault) -> None:
        self._settings = settings
        self._roots = roots
        self._vault = vault
        self._version = roots.version
        self._configured = self._make_configured() if settings.url.startswith("wss://") else None
        self._bare: ssl.SSLContext | None = None

    async def of(self, station: StationId, leg: Leg) -> ssl.SSLContext | None:
        """What this leg is dialled with; None for one that is not encrypted. Raises ConfigurationError."""
        if not is_encrypted(self._settings, leg):
            return None
        if self._version != self._roots.version:
            self._version = self._roots.version
            self._configured = self._bare = None
        if leg.shown is None:
            if self._configured is None:
                self._configured = await asyncio.to_thread(self._make_configured)
            return self._configured
        if self._bare is None:
            self._bare = await asyncio.to_thread(self._make_bare)
        name = f"{folder(self._settings, station)}/{leg.shown}"
        certificate, key = self._vault.path(f"{name}.pem"), self._vault.path(f"{name}.key")
        return CertifiedContext.of(self._bare, certificate, key)

    def _make_configured(self) -> ssl.SSLContext:
        settings = self._settings
        return client_context(settings.ca, settings.certificate, settings.key, self._roots.pem)

    def _make_bare(self) -> ssl.SSLContext:
        return client_context(self._settings.ca, roots=self._roots.pem)
