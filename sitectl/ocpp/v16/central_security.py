"""The security extension between a central and the stations that we play (1.6 security white paper)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sitectl.model.ids import EvseId, StationId
from sitectl.model.security import CertificateHash, CertificateUse
from sitectl.model.transaction import Payload
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


@dataclass(frozen=True, slots=True)
class LogAsked:
    """A GetLog. `request_id` is the central's own; `payload` is the call as it came, for the station."""

    kind: str
    request_id: int
    retries: int
    retry_interval_s: int
    payload: Payload


@dataclass(frozen=True, slots=True)
class SignedFirmware:
    """A SignedUpdateFirmware. `certificate` is who signed the firmware, in PEM. `retrieve` None: at once."""

    request_id: int
    certificate: str
    retrieve: datetime | None
    retries: int
    retry_interval_s: int
    payload: Payload


SecurityAsked = (
    CertificateDelivered
    | CertificateToInstall
    | CertificateToDelete
    | CertificatesAsked
    | ExtendedTrigger
    | LogAsked
    | SignedFirmware
)
"""What a central may ask by the security extension."""


def asked(action: str, payload: Payload, station: StationId) -> SecurityAsked | Invalid:
    """Read a call of the extension. `Invalid` says which CALLERROR it is owed."""
    fields = Fields(payload)
    read = _read(action, fields, payload, station)
    if read is None:
        why = fields.wrong[0].message if fields.wrong else f"{action} is not understood"
        return Invalid(ErrorCode.FORMAT_VIOLATION, why)
    return read


def _read(action: str, fields: Fields, payload: Payload, station: StationId) -> SecurityAsked | None:
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
        case "GetLog":
            return _log_asked(fields, payload)
        case "SignedUpdateFirmware":
            return _signed_firmware(fields, payload)
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


def _log_asked(fields: Fields, payload: Payload) -> LogAsked | None:
    kind, request_id = fields.text("logType", required=True), fields.integer("requestId", required=True)
    log = fields.part("log", required=True)
    if kind is None or request_id is None or log is None or log.text("remoteLocation", required=True) is None:
        return None
    retries, interval_s = fields.integer("retries") or 0, fields.integer("retryInterval") or 0
    return LogAsked(kind, request_id, max(0, retries), max(0, interval_s), payload)


def _signed_firmware(fields: Fields, payload: Payload) -> SignedFirmware | None:
    request_id, firmware = fields.integer("requestId", required=True), fields.part("firmware", required=True)
    if request_id is None or firmware is None:
        return None
    certificate = firmware.text("signingCertificate", required=True, longest=LONGEST_PEM)
    signature = firmware.text("signature", required=True, longest=LONGEST_PEM)
    location = firmware.text("location", required=True, longest=LONGEST_PEM)
    if certificate is None or signature is None or location is None:
        return None
    moment = firmware.moment("retrieveDateTime", required=True)
    retries, interval_s = fields.integer("retries") or 0, fields.integer("retryInterval") or 0
    retrieve = None if moment is None else moment[0]
    return SignedFirmware(request_id, certificate, retrieve, max(0, retries), max(0, interval_s), payload)


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


def file_status(status: str, request_id: int | None) -> Payload:
    """LogStatusNotification and SignedFirmwareStatusNotification. `Idle` goes without a number."""
    return {"status": status} if request_id is None else {"status": status, "requestId": request_id}
