"""The security extension, central side."""

from datetime import UTC, datetime

import pytest

from sitectl.config.schemas import load_schemas
from sitectl.model.files import FileKind, FileOrder
from sitectl.model.ids import EvseId, StationId
from sitectl.model.security import CertificateHash, CertificateUse, HashAlgorithm
from sitectl.ocpp.schema import Validator
from sitectl.ocpp.v16 import central_decode, central_encode, central_security
from sitectl.ocpp.v16.actions import SECURITY_ACTIONS, Sender
from sitectl.ocpp.v16.central_security import (
    CertificateDelivered,
    CertificatesAsked,
    CertificateToDelete,
    CertificateToInstall,
    ExtendedTrigger,
)
from sitectl.ocpp.v16.charging_profiles import Invalid
from sitectl.ocpp.versions import Version

CP = StationId("CP01")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
VALIDATOR = Validator(load_schemas(Version.V16))
LOG = {"requestId": 5, "logType": "SecurityLog", "retries": 2, "log": {"remoteLocation": "ftp://a/"}}
FIRMWARE = {
    "requestId": 6,
    "firmware": {
        "location": "ftp://a/f",
        "retrieveDateTime": "2026-11-20T12:00:00Z",
        "signingCertificate": "PEM",
        "signature": "xx",
    },
}
HASH = {"hashAlgorithm": "SHA256", "issuerNameHash": "aa", "issuerKeyHash": "bb", "serialNumber": "1f"}


@pytest.mark.parametrize(
    ("action", "payload", "read"),
    [
        ("CertificateSigned", {"certificateChain": "PEM\n" * 2000}, CertificateDelivered(("PEM\n" * 2000).strip())),
        (
            "InstallCertificate",
            {"certificateType": "CentralSystemRootCertificate", "certificate": "PEM"},
            CertificateToInstall(CertificateUse.CSMS_ROOT, "PEM"),
        ),
        (
            "DeleteCertificate",
            {"certificateHashData": HASH},
            CertificateToDelete(CertificateHash(HashAlgorithm.SHA256, "aa", "bb", "1f")),
        ),
        (
            "GetInstalledCertificateIds",
            {"certificateType": "ManufacturerRootCertificate"},
            CertificatesAsked(CertificateUse.MANUFACTURER_ROOT),
        ),
        (
            "ExtendedTriggerMessage",
            {"requestedMessage": "SignChargePointCertificate"},
            ExtendedTrigger(EvseId(CP, 0), "SignChargePointCertificate"),
        ),
        (
            "GetLog",
            LOG,
            FileOrder(FileKind.LOG, {key: LOG[key] for key in ("retries", "logType", "log")}, request_id=5),
        ),
        (
            "SignedUpdateFirmware",
            FIRMWARE,
            FileOrder(FileKind.SIGNED_FIRMWARE, {"firmware": FIRMWARE["firmware"]}, NOON, request_id=6),
        ),
    ],
)
def test_what_a_central_asks(action, payload, read):
    assert central_decode.asked(action, payload, CP, NOON) == read


@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("CertificateSigned", {}),
        ("InstallCertificate", {"certificateType": "V2GRootCertificate", "certificate": "PEM"}),
        ("InstallCertificate", {"certificateType": "CentralSystemRootCertificate"}),
        ("DeleteCertificate", {"certificateHashData": {**HASH, "hashAlgorithm": "MD5"}}),
        ("DeleteCertificate", {"certificateHashData": []}),
        ("GetInstalledCertificateIds", {}),
        ("ExtendedTriggerMessage", {"connectorId": 1}),
        ("GetLog", {**LOG, "requestId": "x"}),
        ("GetLog", {**LOG, "log": {}}),
        ("SignedUpdateFirmware", {"requestId": 6, "firmware": {"location": "ftp://a"}}),
        ("SignedUpdateFirmware", {"requestId": 6}),
    ],
)
def test_what_cannot_be_read_is_owed_a_callerror(action, payload):
    read = central_decode.asked(action, payload, CP, NOON)
    assert isinstance(read, Invalid)
    assert read.description


def test_no_is_said_in_the_words_of_each_action():
    centrals = {name for name, action in SECURITY_ACTIONS.items() if action.sender is Sender.CENTRAL}
    assert set(central_security.NEGATIVE) == centrals
    for action in centrals:
        assert VALIDATOR.deviations(action, "response", central_encode.negative(action) or {}) == ()


def test_our_answers_and_calls_are_by_the_schema():
    hash_data = CertificateHash(HashAlgorithm.SHA512, "a" * 128, "b" * 128, "1f")
    for found in ((), (hash_data, hash_data)):
        answer = central_security.installed(found)
        assert VALIDATOR.deviations("GetInstalledCertificateIds", "response", answer) == ()
    assert VALIDATOR.deviations("SignCertificate", "request", central_security.sign_certificate("PEM")) == ()


def test_whether_a_central_took_a_signing_request():
    assert central_security.signing_accepted({"status": "Accepted"})
    assert not central_security.signing_accepted({"status": "Rejected"})
    assert not central_security.signing_accepted({})


def test_an_event_is_made_presentable_for_a_strict_central():
    shown = central_encode.presentable("SecurityEventNotification", {"timestamp": "t", "techInfo": "x" * 300})
    assert shown == {"type": "Unknown", "timestamp": "t", "techInfo": "x" * 255}
