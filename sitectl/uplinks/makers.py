"""The roots of makers, by which stations check firmware: passed on to them, with a copy of what they took.

By the copies we look at a firmware's signer before the station does. They belong to the station, whichever central had
them installed.
"""

from __future__ import annotations

import logging
from datetime import datetime

from cryptography import x509

from sitectl.base.errors import EnvironmentFault
from sitectl.model.commands import Answered, Outcome, RelayCall, Urgency
from sitectl.model.ids import StationId
from sitectl.model.security import CertificateHash, CertificateUse
from sitectl.ocpp.v16 import central_security, security
from sitectl.security.certificates import (
    check_chain,
    check_strength,
    check_validity,
    fingerprint,
    hash_data,
    issued_by,
    read_chain,
    read_one,
    to_pem,
)
from sitectl.security.judgement import CertificateError
from sitectl.security.vault import segment
from sitectl.uplinks.asking import Asker
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.relay import execute, extension_answer
from sitectl.wire.outcomes import Reply

log = logging.getLogger(__name__)

USE = CertificateUse.MANUFACTURER_ROOT


class Makers:
    """The makers' roots in all stations."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    async def install(self, asker: Asker, certificate: str) -> Reply:
        """Pass a root on; a copy is kept when the station took it."""
        try:
            root = read_one(certificate)
        except CertificateError:
            return central_security.status("Rejected")
        outcome = await self._ask(asker, security.install_certificate(asker.station, USE, certificate))
        if isinstance(outcome, Answered) and outcome.accepted:
            await self._keep(asker.station, root)
        return extension_answer("InstallCertificate", outcome)

    async def delete(self, asker: Asker, wanted: CertificateHash) -> Reply:
        """Pass a deletion on, of what the station lists among these: its other certificates are not for centrals."""
        action = "DeleteCertificate"
        listed = await self._ask(asker, security.get_installed_certificate_ids(asker.station, USE))
        if not isinstance(listed, Answered):
            return extension_answer(action, listed)
        if wanted not in security.installed_certificates(listed.payload).value and not self._is_copied(
            asker.station, wanted
        ):
            return central_security.status("NotFound")
        outcome = await self._ask(asker, security.delete_certificate(asker.station, wanted))
        if isinstance(outcome, Answered) and outcome.status in ("Accepted", "NotFound"):
            await self._forget(asker.station, wanted)
        return extension_answer(action, outcome)

    async def installed(self, asker: Asker) -> Reply:
        """What the station lists; of one that is away, what is known."""
        if not self._rooms.facts.online(asker.station):
            return central_security.installed(list(self._copies(asker.station)))
        command = security.get_installed_certificate_ids(asker.station, USE)
        return extension_answer("GetInstalledCertificateIds", await self._ask(asker, command))

    async def judge(self, station: StationId, signer: str, now: datetime) -> str:
        """Why firmware signed by this one (PEM) is surely not to be taken; "": the station is to look for itself.

        Its roots speak against a signer only when we have a copy of each that it has.
        """
        try:
            chain = read_chain(signer)
            check_strength(chain[0])
            if self._rooms.time.known:
                check_validity(chain[0], now)
        except CertificateError as error:
            return str(error)
        if not self._rooms.time.known or not self._rooms.facts.online(station):
            return ""
        roots, are_all = await self.known(station)
        if not roots or not are_all:
            return ""
        try:
            check_chain(chain, roots, now)
        except CertificateError as error:
            return str(error)
        return ""

    async def known(self, station: StationId) -> tuple[list[x509.Certificate], bool]:
        """The roots of which there are copies, and whether these are surely all that the station has."""
        copies = self._copies(station)
        command = security.get_installed_certificate_ids(station, USE)
        listed = await self._rooms.door.execute(station, command, Urgency.CONTROL)
        if not isinstance(listed, Answered):
            return list(copies.values()), False
        held = security.installed_certificates(listed.payload).value
        return list(copies.values()), bool(held) and all(self._is_copied(station, one) for one in held)

    # --- copies ------------------------------------------------------------------------------------------------------

    def _copies(self, station: StationId) -> dict[CertificateHash, x509.Certificate]:
        found = {}
        for name in self._rooms.vault.names(_folder(station)):
            try:
                root = read_one((self._rooms.vault.held(name) or b"").decode(errors="replace"))
                found[hash_data(root, root)] = root
            except CertificateError as error:
                log.error("%s: %s", name, error)
        return found

    def _is_copied(self, station: StationId, wanted: CertificateHash) -> bool:
        return any(hash_data(root, root, wanted.algorithm) == wanted for root in self._copies(station).values())

    async def _keep(self, station: StationId, root: x509.Certificate) -> None:
        if not issued_by(root, root):
            return  # it could not be found again by its hashes, which are those of its issuer
        try:
            await self._rooms.vault.write({f"{_folder(station)}{fingerprint(root)}.pem": to_pem(root).encode()})
        except EnvironmentFault as fault:
            log.warning("%s: no copy of a maker's root is kept: %s", station, fault)

    async def _forget(self, station: StationId, wanted: CertificateHash) -> None:
        for root in self._copies(station).values():
            if hash_data(root, root, wanted.algorithm) == wanted:
                try:
                    await self._rooms.vault.remove(f"{_folder(station)}{fingerprint(root)}.pem")
                except EnvironmentFault as fault:
                    log.warning("%s: the copy of a maker's root stays: %s", station, fault)

    async def _ask(self, asker: Asker, command: RelayCall) -> Outcome:
        return await execute(self._rooms, asker, command.action, command, Urgency.CONTROL)


def _folder(station: StationId) -> str:
    return f"stations/{segment(station)}/makers/"
