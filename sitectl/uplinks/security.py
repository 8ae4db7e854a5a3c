"""The security extension of OCPP 1.6 as one central uses it: what belongs together, and which part serves a call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from sitectl.base.clock import Clock
from sitectl.config.settings import UplinkSettings
from sitectl.model.files import FileOrder
from sitectl.model.ids import StationId
from sitectl.model.security import SecurityEventType
from sitectl.ocpp.v16 import central_encode, central_files, central_security
from sitectl.ocpp.v16.central_security import CertificateAsked
from sitectl.uplinks.asking import Asker, VirtualStation
from sitectl.uplinks.contexts import Contexts
from sitectl.uplinks.credentials import Credentials
from sitectl.uplinks.dial import Dialer, TapOf
from sitectl.uplinks.files import Files
from sitectl.uplinks.legs import Legs
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.roots import Roots
from sitectl.wire.outcomes import Reply

if TYPE_CHECKING:
    from sitectl.uplinks.certificates import Certificates
    from sitectl.uplinks.makers import Makers

LOOK_EVERY_S = 60.0


class Listening(VirtualStation, Protocol):
    """A virtual station, and whether its central listens."""

    @property
    def accepted(self) -> bool:
        """Whether the central listens."""

    @property
    def unreadable(self) -> int:
        """Frames of the central that could not be read, on this connection."""


class Report(Protocol):
    """Tell one central, and people, of a security event."""

    def __call__(
        self, station: StationId, event: SecurityEventType, info: str = "", *, occurred: datetime | None = None
    ) -> None:
        """It happened now, if it is not said when."""


class Security:
    """One central's part. `report` tells it, and people, of security events; `files` are the stations'.

    What reads certificates is made, and loaded, when the first is dealt with: its library takes 9 MB.
    """

    def __init__(self, rooms: Rooms, settings: UplinkSettings, files: Files, clock: Clock, report: Report) -> None:
        self._rooms = rooms
        self._settings = settings
        self._files = files
        self._clock = clock
        self._report = report
        self._looked_at = float("-inf")
        self._began = clock.wall()
        self._greeted: set[StationId] = set()
        self._unreadable: set[StationId] = set()
        self.legs = Legs(settings, rooms, self._told)
        self._roots = Roots(settings, rooms.vault)
        self.credentials = Credentials(rooms, settings, self.legs, report)

    @cached_property
    def _makers(self) -> Makers:
        from sitectl.uplinks.makers import Makers

        return Makers(self._rooms)

    @cached_property
    def _certificates(self) -> Certificates:
        from sitectl.uplinks.certificates import Certificates

        return Certificates(
            self._rooms,
            self._settings,
            self.legs,
            self._roots,
            self._makers,
            self.credentials,
            self._clock,
            self._report,
        )

    def reconfigure(self, settings: UplinkSettings) -> None:
        """Another configuration of the uplink."""
        self._settings = settings
        self.legs.reconfigure(settings)
        self._roots.reconfigure(settings)
        self.credentials.reconfigure(settings)
        if "_certificates" in self.__dict__:  # else it is made with these
            self._certificates.reconfigure(settings)

    def dialer(self, word: Callable[[], str], tap_of: TapOf | None) -> Dialer:
        """Who dials this central. Raises ConfigurationError when the certificates of the uplink cannot be used."""
        contexts = Contexts(self._settings, self._roots, self._rooms.vault)
        return Dialer(self._settings, self.legs, contexts, self._clock, word, self._report, tap_of)

    # --- calls of the central ----------------------------------------------------------------------------------------

    def serve(self, asker: Asker, asked: CertificateAsked) -> Awaitable[Reply]:
        """A call about certificates."""
        return self._certificates.serve(asker, asked)

    async def update(self, asker: Asker, order: FileOrder) -> Reply:
        """A SignedUpdateFirmware: who signed it is looked at before the station is told, and does so itself."""
        why = await self._makers.judge(asker.station, central_files.signer(order), self._clock.wall())
        if not why:
            return await self._files.order(asker, order)
        data = {"uplink": asker.uplink, "why": why}
        self._rooms.journal.record("uplink.firmware_refused", asker.station, data=data)
        self._report(asker.station, SecurityEventType.INVALID_FIRMWARE_CERTIFICATE, why)
        return central_security.status("InvalidCertificate")

    def ask_certificate(self, asker: Asker) -> Reply:
        """The central wants to be asked for a certificate (SignChargePointCertificate)."""
        if not self._certificates.may_request(asker.station):
            return central_encode.negative("ExtendedTriggerMessage") or {}
        request = self._certificates.request(asker.station, asker.link)
        self._rooms.spawn(request, f"{asker.station} asks for a certificate")
        return central_encode.accepted()

    def not_understood(self, asker: Asker, action: str, why: str) -> None:
        """The central said something that cannot be read."""
        self._report(asker.station, SecurityEventType.INVALID_MESSAGES, f"{action[:50]} of the central: {why}")

    def profile(self, station: StationId) -> int:
        """The security profile of a leg."""
        return self.legs.current(station).profile

    # --- time --------------------------------------------------------------------------------------------------------

    def look_after(self, links: Mapping[StationId, Listening]) -> None:
        """See what is due; called once a second or so."""
        for station, link in links.items():
            if link.accepted and station not in self._greeted:
                self._greeted.add(station)
                self._report(station, SecurityEventType.STARTUP, "the site controller started", occurred=self._began)
            if not link.unreadable:
                self._unreadable.discard(station)
            elif station not in self._unreadable:  # once a connection
                self._unreadable.add(station)
                info = f"{link.unreadable} frames of the central could not be read"
                self._report(station, SecurityEventType.INVALID_MESSAGES, info)
        now = self._clock.monotonic()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            if any(self.legs.current(station).certificate is not None for station in links):
                self._certificates.look_after(links, lambda station: links[station].accepted)

    def _told(self, station: StationId, what: str) -> None:
        data = {"uplink": self._settings.id, "what": what}
        self._rooms.journal.record("uplink.credentials", station, data=data)
