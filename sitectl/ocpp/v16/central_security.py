"""The security extension between a central and the stations that we play (1.6 security white paper)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sitectl.model.files import FileOrder
from sitectl.model.ids import EvseId, StationId
from sitectl.model.security import CertificateHash, CertificateUse
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16 import central_files
from sitectl.ocpp.v16.charging_profiles import Invalid
from sitectl.ocpp.v16.fields import Fields
from sitectl.ocpp.v16.security import LONGEST_PEM, USES, certificate_hash, hash_payload
from sitectl.ocpp.versions import ErrorCode

# --- what a central asks ---


@dataclass(frozen=True, slots=True)
class CertificateDelivered:
    """A CertificateSigned: the certificate for our own connection to this central, the leaf first."""

    chain: str


@dataclass(frozen=True, slots=True)
class CertificateToInstall:
    """An InstallCertificate: a root certificate in PEM."""

    use: CertificateUse
    certificate: str


@dataclass(frozen=True, slots=True)
class CertificateToDelete:
    """A DeleteCertificate."""

    hash_data: CertificateHash


@dataclass(frozen=True, slots=True)
class CertificatesAsked:
    """A GetInstalledCertificateIds."""

    use: CertificateUse


@dataclass(frozen=True, slots=True)
class ExtendedTrigger:
    """An ExtendedTriggerMessage; EVSE 0: all."""

    evse: EvseId
    message: str


CertificateAsked = CertificateDelivered | CertificateToInstall | CertificateToDelete | CertificatesAsked
SecurityAsked = CertificateAsked | ExtendedTrigger
"""What a central may ask by the security extension, orders of files left out: those are as the core's."""


def asked(action: str, payload: Payload, station: StationId) -> SecurityAsked | FileOrder | Invalid:
    """Read a call of the extension. `Invalid` says which CALLERROR it is owed."""
    match action:
        case "GetLog":
            return central_files.log_ordered(payload)
        case "SignedUpdateFirmware":
            return central_files.signed_firmware_ordered(payload)
    fields = Fields(payload)
    read = _read(action, fields, station)
    if read is None:
        why = fields.wrong[0].message if fields.wrong else f"{action} is not understood"
        return Invalid(ErrorCode.FORMAT_VIOLATION, why)
    return read


def _read(action: str, fields: Fields, station: StationId) -> SecurityAsked | None:
    match action:
        case "CertificateSigned":
            chain = fields.text("certificateChain", required=True, longest=LONGEST_PEM)
            return None if chain is None else CertificateDelivered(chain)
        case "InstallCertificate":
            use, certificate = _use(fields), fields.text("certificate", required=True, longest=LONGEST_PEM)
            return None if use is None or certificate is None else CertificateToInstall(use, certificate)
        case "DeleteCertificate":
            part = fields.part("certificateHashData", required=True)
            hash_data = None if part is None else certificate_hash(part)
            return None if hash_data is None else CertificateToDelete(hash_data)
        case "GetInstalledCertificateIds":
            use = _use(fields)
            return None if use is None else CertificatesAsked(use)
        case "ExtendedTriggerMessage":
            message = fields.text("requestedMessage", required=True)
            evse = EvseId(station, fields.integer("connectorId") or 0)
            return None if message is None else ExtendedTrigger(evse, message)
        case _:
            return None


def _use(fields: Fields) -> CertificateUse | None:
    word = fields.text("certificateType", required=True)
    for use, spelled in USES.items():
        if word == spelled:
            return use
    if word is not None:
        fields.deviate("certificateType", "enum", f"certificateType has no value {word}")
    return None


# --- what we answer ---

NEGATIVE: Mapping[str, Payload] = {
    "CertificateSigned": {"status": "Rejected"},
    "DeleteCertificate": {"status": "Failed"},
    "ExtendedTriggerMessage": {"status": "Rejected"},
    "GetInstalledCertificateIds": {"status": "NotFound"},
    "GetLog": {"status": "Rejected"},
    "InstallCertificate": {"status": "Failed"},
    "SignedUpdateFirmware": {"status": "Rejected"},
}
"""No, in the words of each action."""


def status(word: str) -> Payload:
    """An answer that is a status."""
    return {"status": word}


def installed(found: Sequence[CertificateHash]) -> Payload:
    """The answer to GetInstalledCertificateIds."""
    if not found:
        return {"status": "NotFound"}
    return {"status": "Accepted", "certificateHashData": [hash_payload(hash_data) for hash_data in found]}


# --- our calls ---


def sign_certificate(signing_request: str) -> Payload:
    """SignCertificate."""
    return {"csr": signing_request}


def signing_accepted(answer: Payload) -> bool:
    """Whether the central took a SignCertificate."""
    return answer.get("status") == "Accepted"
