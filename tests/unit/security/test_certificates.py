import hashlib
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from sitectl.model.security import CertificateHash, HashAlgorithm
from sitectl.security.certificates import (
    check_chain,
    check_root,
    check_strength,
    check_validity,
    common_name,
    fingerprint,
    hash_data,
    issued_by,
    read_chain,
    read_one,
    read_request,
    to_pem,
    weakness,
)
from sitectl.security.judgement import CertificateError
from tests.unit.security.authority import NOW, PEM, Authority, named, new_key, request, text

ROOT = Authority()
BELOW = Authority("below", ROOT)
KNOWN = """\
-----BEGIN CERTIFICATE-----
MIIBZTCCAQugAwIBAgIEChssPTAKBggqhkjOPQQDAjAQMQ4wDAYDVQQDDAVrbm93
bjAeFw0yNjExMjkxNjI1MzRaFw0zNjExMjYxNjI1MzRaMBAxDjAMBgNVBAMMBWtu
b3duMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE5Y2MhdEQ2iPA3Ry1ojQQgbR2
kenPCok69pYg+vBrTvDckYm4/tm6jcHlAH79HU4ahEb0KYhtpz2GLjQJ3uwCLqNT
MFEwHQYDVR0OBBYEFOuHucWLFWV2fF1B/qGh/1P56YM5MB8GA1UdIwQYMBaAFOuH
ucWLFWV2fF1B/qGh/1P56YM5MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwID
SAAwRQIhAO8M+6sKHlBOTISnWbFSpl7NwO7q/FTZTWvQMGAxq6NSAiAo6JfhByEx
pfNczC8Ap5j/gRSH7zXveAVXKIoqs7ZIOA==
-----END CERTIFICATE-----
"""


@pytest.mark.parametrize("rubbish", ["", "x", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "\ud800"])
def test_rubbish_is_no_certificate_and_no_request(rubbish):
    for read in (read_chain, read_one, read_request):
        with pytest.raises(CertificateError):
            read(rubbish)


def test_a_chain_is_read_in_its_order_and_has_a_bound():
    chain = read_chain(text(BELOW.certificate, ROOT.certificate))
    assert [common_name(c.subject) for c in chain] == ["below", "root"]
    with pytest.raises(CertificateError, match="more than 10"):
        read_chain(ROOT.pem * 11)
    with pytest.raises(CertificateError, match="2 certificates"):
        read_one(ROOT.pem * 2)
    assert to_pem(read_one(ROOT.pem)) == ROOT.pem
    assert len(fingerprint(ROOT.certificate)) == 64


def test_a_request_proves_that_its_sender_has_the_key():
    key = new_key()
    assert common_name(read_request(request("CP01", key)).subject) == "CP01"
    der = bytearray(x509.load_pem_x509_csr(request("CP01", key).encode()).public_bytes(serialization.Encoding.DER))
    der[der.index(b"CP01") + 3] = ord("2")
    forged = x509.load_der_x509_csr(bytes(der)).public_bytes(PEM).decode()
    with pytest.raises(CertificateError, match="signature"):
        read_request(forged)


def test_stations_sign_in_either_way_of_rsa():
    key = rsa.generate_private_key(65537, 2048)
    builder = x509.CertificateSigningRequestBuilder().subject_name(named("CP01"))
    for pad in (padding.PKCS1v15(), padding.PSS(padding.MGF1(hashes.SHA256()), 32)):
        signed = builder.sign(key, hashes.SHA256(), rsa_padding=pad)
        check_strength(read_request(signed.public_bytes(PEM).decode()))


def test_weak_keys_and_signatures():
    assert weakness(new_key().public_key()) is None
    assert weakness(ec.generate_private_key(ec.SECP224R1()).public_key()) is None
    assert "192 bits" in (weakness(ec.generate_private_key(ec.SECP192R1()).public_key()) or "")
    assert weakness(new_key(2048).public_key()) is None
    assert "1024 bits" in (weakness(new_key(1024).public_key()) or "")
    assert "neither" in (weakness(ed25519.Ed25519PrivateKey.generate().public_key()) or "")
    with pytest.raises(CertificateError, match="1024"):
        check_strength(ROOT.issue("x", new_key(1024)))
    check_strength(ROOT.certificate)


def test_a_certificate_has_its_time():
    leaf = ROOT.issue("x", new_key(), begins=timedelta(), lives=timedelta(days=3))
    check_validity(leaf, NOW)
    check_validity(leaf, NOW - timedelta(minutes=4), timedelta(minutes=5))
    with pytest.raises(CertificateError, match="not valid before 2026-11-20 12:00 UTC"):
        check_validity(leaf, NOW - timedelta(seconds=1))
    with pytest.raises(CertificateError, match="not valid after 2026-11-23 12:00 UTC"):
        check_validity(leaf, NOW + timedelta(days=3, seconds=1))


def test_what_is_a_root():
    check_root(ROOT.certificate, NOW)
    with pytest.raises(CertificateError, match="not signed by itself"):
        check_root(BELOW.certificate, NOW)
    with pytest.raises(CertificateError, match="no authority"):
        check_root(Authority("leaf", ca=False).certificate, NOW)
    alone = Authority("alone")
    with pytest.raises(CertificateError, match="no basic constraints"):
        check_root(alone.issue("alone", alone.key, ca=None), NOW)
    with pytest.raises(CertificateError, match="not valid after"):
        check_root(ROOT.certificate, NOW + timedelta(days=400))


def test_a_chain_leads_to_a_root():
    leaf = BELOW.issue("maker", new_key(2048), ca=None)
    check_chain([leaf, BELOW.certificate], [Authority("other").certificate, ROOT.certificate], NOW)
    check_chain([BELOW.certificate], [ROOT.certificate], NOW)
    for chain, roots, now in (
        ([leaf], [ROOT.certificate], NOW),
        ([leaf, BELOW.certificate], [Authority("root").certificate], NOW),
        ([leaf, BELOW.certificate], [], NOW),
        ([leaf, BELOW.certificate], [ROOT.certificate], NOW + timedelta(days=900)),
    ):
        with pytest.raises(CertificateError):
            check_chain(chain, roots, now)


def test_who_is_no_authority_signs_for_nobody():
    no_authority = Authority("pretender", ROOT, ca=False)
    leaf = no_authority.issue("maker", new_key())
    assert issued_by(leaf, no_authority.certificate)
    with pytest.raises(CertificateError):
        check_chain([leaf, no_authority.certificate], [ROOT.certificate], NOW)


@pytest.mark.parametrize("algorithm", list(HashAlgorithm))
@pytest.mark.parametrize("bits", [0, 2048])
def test_hash_data_are_made_of_the_name_and_the_bare_bits_of_the_key(algorithm: HashAlgorithm, bits: int):
    authority = Authority("by hash")
    authority.key = new_key(bits)
    root = authority.issue("by hash", authority.key, ca=True, serial=0x0A1B2C)
    kind = (
        (serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
        if bits
        else (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    )

    def digest(data: bytes) -> str:
        return hashlib.new(algorithm.lower(), data).hexdigest()

    ours = hash_data(root, root, algorithm)
    assert ours.issuer_name_hash == digest(named("by hash").public_bytes())
    assert ours.issuer_key_hash == digest(authority.key.public_key().public_bytes(*kind))
    assert ours.serial_number == "a1b2c"


def test_hash_data_as_another_program_finds_them():
    """`openssl ocsp -sha256 -issuer root.pem -cert root.pem -req_text`, of OpenSSL 3.0."""
    assert hash_data(read_one(KNOWN), read_one(KNOWN)) == CertificateHash(
        HashAlgorithm.SHA256,
        "1bd96c8f282bb48bdb913c475af227bd8e3d36f7503c9d4670450b2efe84c69d",
        "b043f6039c93c21ff41f68f15368c17e08142ea9d612260786b46dfc83c2b1e9",
        "a1b2c3d",
    )
