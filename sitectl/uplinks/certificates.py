"""Certificates as one central manages them: ours towards it, its roots, and the roots of makers in the stations.

CertificateSigned and the roots of the central are for our own connection to it, and never reach a station. The roots of
makers are for the firmware of stations: they are passed on, and a copy is kept to look at firmware before they do.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime

from cryptography import x509

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import UplinkSettings
from sitectl.model.ids import StationId
from sitectl.model.security import CertificateHash, CertificateUse, SecurityEventType
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16 import central_security
from sitectl.ocpp.v16.central_security import (
    CertificateAsked,
    CertificateDelivered,
    CertificatesAsked,
    CertificateToDelete,
    CertificateToInstall,
)
from sitectl.ocpp.v16.configuration import boolean
from sitectl.security.certificates import fingerprint, read_chain
from sitectl.security.judgement import CertificateError, renewal_due
from sitectl.security.signing_requests import Delivered, check_delivered, make_request
from sitectl.uplinks.asking import Asker, VirtualStation
from sitectl.uplinks.credentials import ADDITIONAL_CHECK, CPO_NAME, Credentials, Report
from sitectl.uplinks.dial import identity
from sitectl.uplinks.legs import MUTUAL_TLS, Legs, folder
from sitectl.uplinks.makers import Makers
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.roots import Deleted, Installed, Roots
from sitectl.wire.outcomes import Reply

log = logging.getLogger(__name__)

ANSWER_WITHIN_S = 30.0
REQUESTS_APART_S = 10.0
ASK_EVERY_S = 86_400.0
"""A central that has not delivered a certificate that was asked for is asked again after a day."""


class Certificates:
    """The certificates of one central's legs. Its parts are shared by all stations that it sees."""

    def __init__(
        self,
        rooms: Rooms,
        settings: UplinkSettings,
        legs: Legs,
        roots: Roots,
        makers: Makers,
        credentials: Credentials,
        clock: Clock,
        report: Report,
    ) -> None:
        self._rooms = rooms
        self._settings = settings
        self._legs = legs
        self._roots = roots
        self._makers = makers
        self._credentials = credentials
        self._clock = clock
        self._report = report
        self._asked_at: dict[StationId, float] = {}
        self._lives: dict[str, tuple[datetime, datetime]] = {}

    def reconfigure(self, settings: UplinkSettings) -> None:
        """Another configuration."""
        self._settings = settings

    async def serve(self, asker: Asker, asked: CertificateAsked) -> Reply:
        """A call of the central."""
        match asked:
            case CertificateDelivered(chain):
                return await self._delivered(asker, chain)
            case CertificateToInstall(CertificateUse.MANUFACTURER_ROOT, certificate):
                return await self._makers.install(asker, certificate)
            case CertificateToInstall(_, certificate):
                return await self._install(asker, certificate)
            case CertificateToDelete(hash_data):
                return await self._delete(asker, hash_data)
            case CertificatesAsked(CertificateUse.MANUFACTURER_ROOT):
                return await self._makers.installed(asker)
            case CertificatesAsked():
                return central_security.installed(self._roots.hashes())

    # --- our own certificate -----------------------------------------------------------------------------------------

    def may_request(self, station: StationId) -> bool:
        """Whether it is time for another request: each makes a key and writes it down."""
        asked_at = self._asked_at.get(station)
        return asked_at is None or self._clock.monotonic() - asked_at >= REQUESTS_APART_S

    async def request(self, station: StationId, link: VirtualStation) -> None:
        """Ask the central for a certificate for this leg: a new key, and a request in the name that it knows."""
        self._asked_at[station] = self._clock.monotonic()
        organization = self._rooms.virtual.variables(self._settings.id, station).get(CPO_NAME, "")
        key, request = make_request(identity(self._settings, station), organization)
        try:
            await self._rooms.vault.write({self._name(station, "request.key"): key})
        except EnvironmentFault as fault:
            log.warning("%s/%s: no certificate is asked for: %s", self._settings.id, station, fault)
            return
        answer = await link.call("SignCertificate", central_security.sign_certificate(request), ANSWER_WITHIN_S)
        taken = answer is not None and central_security.signing_accepted(answer)
        self._note("uplink.certificate_asked" if taken else "uplink.certificate_not_signed", station)

    async def _delivered(self, asker: Asker, chain: str) -> Payload:
        """Ours, if it is one that we asked for; the next connection shows it."""
        station = asker.station
        key = self._rooms.vault.held(self._name(station, "request.key"))
        try:
            if key is None:
                raise CertificateError("no certificate was asked for")
            delivered = check_delivered(chain, key, identity(self._settings, station), self._clock.wall())
        except CertificateError as error:
            self._note("uplink.certificate_rejected", station, why=str(error))
            self._report(station, SecurityEventType.INVALID_STATION_CERTIFICATE, str(error))
            return central_security.status("Rejected")
        try:
            await self._take(station, key, delivered)
        except EnvironmentFault as fault:
            self._note("uplink.certificate_rejected", station, why=str(fault))
            return central_security.status("Rejected")
        self._note("uplink.certificate_taken", station, until=f"{delivered.ends:%Y-%m-%d}")
        self._report(station, SecurityEventType.RECONFIGURATION, "a certificate was delivered")
        if self._legs.current(station).profile >= MUTUAL_TLS:
            self._credentials.reconnect(station, asker.link)
        return central_security.status("Accepted")

    async def _take(self, station: StationId, key: bytes, delivered: Delivered) -> None:
        """The pair first, then the leg that names it; last what nobody names any more."""
        name = fingerprint(read_chain(delivered.chain)[0])[:32]
        vault = self._rooms.vault
        pair = {f"{name}.key": key, f"{name}.pem": delivered.chain.encode()}
        await vault.write({self._name(station, file): content for file, content in pair.items()})
        await self._legs.change(station, certificate=name)
        named = {f"{one}{kind}" for one in self._legs.certificates(station) for kind in (".key", ".pem")}
        keep = {self._name(station, file) for file in (*named, "leg.json")}
        await vault.remove(*(file for file in vault.names(self._name(station, "")) if file not in keep))

    def look_after(self, links: Mapping[StationId, VirtualStation], listens: Callable[[StationId], bool]) -> None:
        """Ask for a new certificate where two thirds of the life of one are over and its central listens."""
        for station, link in links.items():
            certificate = self._legs.current(station).certificate
            if certificate is None or not listens(station):
                continue
            asked_at = self._asked_at.get(station)
            if asked_at is not None and self._clock.monotonic() - asked_at < ASK_EVERY_S:
                continue
            life = self._life(station, certificate)
            if life is not None and renewal_due(*life, self._clock.wall()):
                self._rooms.spawn(self.request(station, link), f"{station} renews its certificate")

    def _life(self, station: StationId, certificate: str) -> tuple[datetime, datetime] | None:
        if certificate not in self._lives:
            held = self._rooms.vault.held(self._name(station, f"{certificate}.pem"))
            try:
                leaf: x509.Certificate = read_chain((held or b"").decode())[0]
            except CertificateError:
                return None
            self._lives[certificate] = (leaf.not_valid_before_utc, leaf.not_valid_after_utc)
        return self._lives[certificate]

    # --- roots -------------------------------------------------------------------------------------------------------

    async def _install(self, asker: Asker, certificate: str) -> Payload:
        variables = self._rooms.virtual.variables(asker.uplink, asker.station)
        additional = boolean(variables.get(ADDITIONAL_CHECK, "false")) is True
        came, what = await self._roots.install(certificate, self._clock.wall(), additional_check=additional)
        if came is Installed.ACCEPTED:
            self._note("uplink.root_installed", asker.station, root=what)
            self._report(asker.station, SecurityEventType.RECONFIGURATION, f"root {what} was installed")
        else:
            self._note("uplink.root_refused", asker.station, why=what)
            self._report(asker.station, SecurityEventType.INVALID_CENTRAL_CERTIFICATE, what)
        return central_security.status(came.value)

    async def _delete(self, asker: Asker, hash_data: CertificateHash) -> Reply:
        came, what = await self._roots.delete(hash_data)
        if came is Deleted.NOT_FOUND:
            return await self._makers.delete(asker, hash_data)
        if came is Deleted.ACCEPTED:
            self._note("uplink.root_deleted", asker.station, root=what)
            self._report(asker.station, SecurityEventType.RECONFIGURATION, f"root {what} was deleted")
        return central_security.status(came.value)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _name(self, station: StationId, file: str) -> str:
        return f"{folder(self._settings, station)}/{file}"

    def _note(self, type: str, station: StationId, **data: str) -> None:
        self._rooms.journal.record(type, station, data={"uplink": self._settings.id, **data})
