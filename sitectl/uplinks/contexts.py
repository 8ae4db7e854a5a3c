"""TLS contexts for one central: one shared by all stations, and one of its own for each that has a certificate."""

from __future__ import annotations

import asyncio
import ssl

from sitectl.config.settings import UplinkSettings
from sitectl.model.ids import StationId
from sitectl.security.tls import client_context
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
        self._shared = self._with_configured() if settings.url.startswith("wss://") else None

    async def of(self, station: StationId, leg: Leg) -> ssl.SSLContext | None:
        """What this leg is dialled with; None for one that is not encrypted. Raises ConfigurationError."""
        if not is_encrypted(self._settings, leg):
            return None
        if leg.shown is not None:
            name = f"{folder(self._settings, station)}/{leg.shown}"
            return await asyncio.to_thread(self._with_delivered, name)
        if self._shared is None or self._version != self._roots.version:
            version = self._roots.version
            self._shared = await asyncio.to_thread(self._with_configured)
            self._version = version
        return self._shared

    def _with_configured(self) -> ssl.SSLContext:
        settings = self._settings
        return client_context(settings.ca, settings.certificate, settings.key, self._roots.pem)

    def _with_delivered(self, name: str) -> ssl.SSLContext:
        certificate, key = self._vault.path(f"{name}.pem"), self._vault.path(f"{name}.key")
        return client_context(self._settings.ca, certificate, key, self._roots.pem)
