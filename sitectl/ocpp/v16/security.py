"""The security extension between a station and us (1.6 security white paper): what it says, what we say to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sitectl.base.units import format_utc
from sitectl.model.commands import RelayCall
from sitectl.model.ids import EvseId, StationId
from sitectl.model.security import CertificateHash, CertificateUse, HashAlgorithm
from sitectl.model.transaction import OutboxKind, OutboxMessage, Payload
from sitectl.ocpp.v16.fields import Decoded, Fields
from sitectl.ocpp.versions import Version

LONGEST_PEM = 10_000
"""CertificateSigned carries a chain of up to 10,000 characters; everything else is shorter (5,500)."""

USES: Mapping[CertificateUse, str] = {
    CertificateUse.CSMS_ROOT: "CentralSystemRootCertificate",
    CertificateUse.MANUFACTURER_ROOT: "ManufacturerRootCertificate",
}
"""How 1.6 calls the uses of a root certificate."""

# --- what stations say ---


@dataclass(frozen=True, slots=True)
class SecurityEvent:
    """A SecurityEventNotification. `occurred` by the station's own clock, None when it told none."""

    type: str
    occurred: datetime | None
    info: str = ""


def security_event(payload: Payload) -> Decoded[SecurityEvent]:
    """SecurityEventNotification. The list of types is open: any word is one."""
    fields = Fields(payload)
    kind = fields.text("type", required=True) or ""
    moment = fields.moment("timestamp", required=True)
    occurred = None if moment is None else moment[0]
    return fields.decoded(SecurityEvent(kind, occurred, fields.text("techInfo") or ""))


def signing_request(payload: Payload) -> Decoded[str]:
    """SignCertificate: the certificate signing request in PEM; "" when there is none."""
    fields = Fields(payload)
    return fields.decoded(fields.text("csr", required=True, longest=LONGEST_PEM) or "")


def installed_certificates(payload: Payload) -> Decoded[tuple[CertificateHash, ...]]:
    """The answer to GetInstalledCertificateIds. What names no known algorithm is left out."""
    fields = Fields(payload)
    read = (certificate_hash(part) for part in fields.parts("certificateHashData"))
    return fields.decoded(tuple(hash_data for hash_data in read if hash_data is not None))


def certificate_hash(part: Fields) -> CertificateHash | None:
    """CertificateHashDataType, in lower case and without leading zeros, as it is compared; None when it is none."""
    words = {algorithm.value: algorithm for algorithm in HashAlgorithm}
    algorithm = words.get((part.text("hashAlgorithm", required=True) or "").upper())
    name = part.text("issuerNameHash", required=True)
    key = part.text("issuerKeyHash", required=True)
    serial = part.text("serialNumber", required=True)
    if algorithm is None or name is None or key is None or serial is None:
        return None
    return CertificateHash(algorithm, name.lower(), key.lower(), serial.lower().lstrip("0") or "0")


# --- what we say ---


def event_copy(type: str, occurred: datetime, info: str = "") -> OutboxMessage:
    """SecurityEventNotification for the outbox, of our own making."""
    payload: Payload = {"type": type, "timestamp": format_utc(occurred)}
    if info:
        payload["techInfo"] = info
    return copy("SecurityEventNotification", payload)


def copy(action: str, payload: Payload) -> OutboxMessage:
    """A message for the outbox that belongs to no transaction."""
    return OutboxMessage(action, payload, Version.V16.value, OutboxKind.EVENT)


def signing_answer(accepted: bool) -> Payload:
    """The answer to SignCertificate; the certificate itself comes later, by CertificateSigned."""
    return {"status": "Accepted" if accepted else "Rejected"}


def certificate_signed(station: StationId, chain: str) -> RelayCall:
    """CertificateSigned: the station's certificate, the leaf first."""
    return RelayCall(station, "CertificateSigned", {"certificateChain": chain})


def install_certificate(station: StationId, use: CertificateUse, certificate: str) -> RelayCall:
    """InstallCertificate."""
    return RelayCall(station, "InstallCertificate", {"certificateType": USES[use], "certificate": certificate})


def delete_certificate(station: StationId, hash_data: CertificateHash) -> RelayCall:
    """DeleteCertificate."""
    return RelayCall(station, "DeleteCertificate", {"certificateHashData": hash_payload(hash_data)})


def get_installed_certificate_ids(station: StationId, use: CertificateUse) -> RelayCall:
    """GetInstalledCertificateIds."""
    return RelayCall(station, "GetInstalledCertificateIds", {"certificateType": USES[use]})


def extended_trigger(evse: EvseId, message: str) -> RelayCall:
    """ExtendedTriggerMessage; EVSE 0: all."""
    connector = {"connectorId": evse.evse} if evse.evse else {}
    return RelayCall(evse.station, "ExtendedTriggerMessage", {"requestedMessage": message, **connector})


def hash_payload(hash_data: CertificateHash) -> Payload:
    """CertificateHashDataType."""
    return {
        "hashAlgorithm": hash_data.algorithm.value,
        "issuerNameHash": hash_data.issuer_name_hash,
        "issuerKeyHash": hash_data.issuer_key_hash,
        "serialNumber": hash_data.serial_number,
    }
