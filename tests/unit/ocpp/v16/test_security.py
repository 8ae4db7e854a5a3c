"""The security extension, station side: what is read of rubbish, and that what we say is by the schema."""

from datetime import UTC, datetime

import pytest

from sitectl.config.schemas import load_schemas
from sitectl.model.commands import RelayCall
from sitectl.model.ids import EvseId, StationId
from sitectl.model.security import CertificateHash, CertificateUse, HashAlgorithm
from sitectl.model.transaction import OutboxKind
from sitectl.ocpp.schema import Validator
from sitectl.ocpp.v16 import security
from sitectl.ocpp.versions import Version

CP = StationId("CP01")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
VALIDATOR = Validator(load_schemas(Version.V16))
HASH = CertificateHash(HashAlgorithm.SHA256, "aa", "bb", "1f")


def test_a_security_event():
    told = security.security_event({"type": "InvalidMessages", "timestamp": "2026-11-20T12:00:00Z", "techInfo": "x"})
    assert told.value == security.SecurityEvent("InvalidMessages", NOON, "x")
    assert told.deviations == ()


@pytest.mark.parametrize("payload", [{}, {"type": [], "timestamp": "soon"}, {"type": None, "timestamp": 1}])
def test_a_security_event_of_rubbish_is_one_without_words(payload):
    told = security.security_event(payload)
    assert told.value == security.SecurityEvent("", None)
    assert told.deviations


def test_a_signing_request_is_read_whole():
    pem = "-----BEGIN CERTIFICATE REQUEST-----\n" + "A" * 5000
    assert security.signing_request({"csr": pem}).value == pem
    assert security.signing_request({"csr": 1.5}).value == "1.5"
    assert security.signing_request({}).value == ""


def test_hash_data_is_compared_in_one_spelling():
    listed = {"hashAlgorithm": "sha256", "issuerNameHash": "AA", "issuerKeyHash": "Bb", "serialNumber": "001F"}
    answer = {"status": "Accepted", "certificateHashData": [listed, {"hashAlgorithm": "MD5"}, "x"]}
    assert security.installed_certificates(answer).value == (HASH,)
    assert security.installed_certificates({"status": "NotFound"}).value == ()


@pytest.mark.parametrize(
    "call",
    [
        security.certificate_signed(CP, "-----BEGIN CERTIFICATE-----"),
        security.install_certificate(CP, CertificateUse.CSMS_ROOT, "-----BEGIN CERTIFICATE-----"),
        security.install_certificate(CP, CertificateUse.MANUFACTURER_ROOT, "-----BEGIN CERTIFICATE-----"),
        security.delete_certificate(CP, HASH),
        security.get_installed_certificate_ids(CP, CertificateUse.MANUFACTURER_ROOT),
        security.extended_trigger(EvseId(CP, 0), "SignChargePointCertificate"),
        security.extended_trigger(EvseId(CP, 2), "MeterValues"),
    ],
)
def test_our_calls_are_by_the_schema(call: RelayCall):
    assert VALIDATOR.deviations(call.action, "request", call.payload) == ()


@pytest.mark.parametrize("accepted", [True, False])
def test_the_answer_to_a_signing_request(accepted):
    assert VALIDATOR.deviations("SignCertificate", "response", security.signing_answer(accepted)) == ()


def test_an_event_of_our_own():
    message = security.event_copy("InvalidMessages", NOON, "from 10.0.0.7")
    assert message.kind is OutboxKind.EVENT
    assert not message.needs_transaction_id
    assert VALIDATOR.deviations(message.action, "request", message.payload) == ()
    assert "techInfo" not in security.event_copy("InvalidMessages", NOON).payload
