"""Reading and judging X.509 certificates and signing requests: values in, values out, no files and no keys of ours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.x509.ocsp import OCSPRequestBuilder
from cryptography.x509.oid import NameOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError

from sitectl.model.security import CertificateHash, HashAlgorithm
from sitectl.security.judgement import CertificateError

RSA_BITS, RSA_MOST_BITS = 2048, 8192
CURVE_BITS = 224
"""The least that OCPP allows (1.6 security white paper). To check an absurdly long RSA key would cost us, not them."""

LONGEST_CHAIN = 10

_WEAK_HASHES = (hashes.MD5, hashes.SHA1)
_HASHES = {
    HashAlgorithm.SHA256: hashes.SHA256(),
    HashAlgorithm.SHA384: hashes.SHA384(),
    HashAlgorithm.SHA512: hashes.SHA512(),
}


# --- reading ---------------------------------------------------------------------------------------------------------


def read_chain(pem: str) -> list[x509.Certificate]:
    """All certificates of a text, in its order. Raises CertificateError when there is none, or one cannot be read."""
    try:
        found = x509.load_pem_x509_certificates(pem.encode())
    except (ValueError, UnicodeEncodeError) as error:
        raise CertificateError("no certificate in PEM can be read") from error
    if len(found) > LONGEST_CHAIN:
        raise CertificateError(f"more than {LONGEST_CHAIN} certificates")
    return found


def read_one(pem: str) -> x509.Certificate:
    """The one certificate of a text."""
    found = read_chain(pem)
    if len(found) > 1:
        raise CertificateError(f"{len(found)} certificates, and one was expected")
    return found[0]


def read_request(pem: str) -> x509.CertificateSigningRequest:
    """A signing request whose signature proves that its sender holds the key."""
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        signed = request.is_signature_valid and request.subject is not None
    except (ValueError, TypeError, UnicodeEncodeError, UnsupportedAlgorithm) as error:
        raise CertificateError("no signing request in PEM can be read") from error
    if not signed:
        raise CertificateError("its signature is wrong")
    return request


def to_pem(certificate: x509.Certificate) -> str:
    """A certificate as text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of its DER form, in hex."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def common_name(name: x509.Name) -> str:
    """The common name of a subject; "" when it has none."""
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[-1].value) if found else ""


def public_bytes(key: PublicKeyTypes) -> bytes:
    """A public key in DER, for comparing two of them."""
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


# --- judging ---------------------------------------------------------------------------------------------------------


def weakness(key: PublicKeyTypes) -> str | None:
    """Why a key is too weak, or of no kind that OCPP knows; None when it will do."""
    match key:
        case rsa.RSAPublicKey() if RSA_BITS <= key.key_size <= RSA_MOST_BITS:
            return None
        case rsa.RSAPublicKey():
            return f"an RSA key of {key.key_size} bits; {RSA_BITS} to {RSA_MOST_BITS} are taken"
        case ec.EllipticCurvePublicKey() if key.curve.key_size >= CURVE_BITS:
            return None
        case ec.EllipticCurvePublicKey():
            return f"a curve of {key.curve.key_size} bits; {CURVE_BITS} is the least"
        case _:
            return "a key that is neither RSA nor on an elliptic curve"


def check_strength(item: x509.Certificate | x509.CertificateSigningRequest) -> None:
    """Raise CertificateError for a weak key or a weak signature."""
    try:
        key, signed_with = item.public_key(), item.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateError("a key or signature that nobody here knows") from error
    if (why := weakness(key)) is not None:
        raise CertificateError(why)
    if signed_with is None or isinstance(signed_with, _WEAK_HASHES):
        raise CertificateError(f"signed with {signed_with.name if signed_with else 'no hash'}; SHA-256 is the least")


def check_validity(certificate: x509.Certificate, now: datetime, ahead: timedelta = timedelta()) -> None:
    """Raise CertificateError outside its time; one that begins within `ahead` counts as begun."""
    if now + ahead < certificate.not_valid_before_utc:
        raise CertificateError(f"not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC")
    if now > certificate.not_valid_after_utc:
        raise CertificateError(f"not valid after {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC")


def check_root(certificate: x509.Certificate, now: datetime) -> None:
    """Raise CertificateError unless it is a root: an authority that is signed by itself."""
    check_authority(certificate, now)
    if not issued_by(certificate, certificate):
        raise CertificateError("no root: it is not signed by itself")


def check_authority(certificate: x509.Certificate, now: datetime) -> None:
    """Raise CertificateError unless it may sign others, is strong, and in its time."""
    check_strength(certificate)
    check_validity(certificate, now)
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError) as error:
        raise CertificateError("no authority: it has no basic constraints") from error
    if not constraints.ca:
        raise CertificateError("no authority: its basic constraints say so")


def issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether `authority` has signed a certificate, by name and by signature."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def check_chain(chain: Sequence[x509.Certificate], roots: Sequence[x509.Certificate], now: datetime) -> None:
    """Raise CertificateError unless a chain, the leaf first, leads to one of `roots`. What it is for is not asked."""
    if not roots:
        raise CertificateError("no root is known that could have signed it")
    # A signer of firmware has none of the extensions that a web server must have, so nothing is asked of the leaf.
    ca = ExtensionPolicy.permit_all().require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    policy = PolicyBuilder().store(Store(list(roots))).time(now.astimezone(UTC).replace(tzinfo=None))
    verifier = policy.extension_policies(ca_policy=ca, ee_policy=ExtensionPolicy.permit_all()).build_client_verifier()
    try:
        verifier.verify(chain[0], list(chain[1:]))
    except (VerificationError, ValueError) as error:
        raise CertificateError(f"it does not lead to a known root: {error}"[:200]) from error


# --- hash data -------------------------------------------------------------------------------------------------------


def hash_data(
    certificate: x509.Certificate, issuer: x509.Certificate, algorithm: HashAlgorithm = HashAlgorithm.SHA256
) -> CertificateHash:
    """How OCPP names a certificate: CertificateHashDataType, which is the CertID of RFC 6960. A root is its own issuer.

    Raises CertificateError for a key that is neither RSA nor on an elliptic curve.
    """
    try:
        asked = OCSPRequestBuilder().add_certificate(certificate, issuer, _HASHES[algorithm]).build()
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CertificateError("it cannot be named by its hashes") from error
    name, key = asked.issuer_name_hash.hex(), asked.issuer_key_hash.hex()
    return CertificateHash(algorithm, name, key, f"{certificate.serial_number:x}")
