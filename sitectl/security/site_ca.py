"""The site's own certificate authority: it signs what stations show to us, and nothing else.

Made when the first station asks, so a site that does without certificates has no key to lose. Its key never leaves the
vault; its certificate is trusted by our listeners only, beside `ocpp.tls.client_ca`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.worker import Worker
from sitectl.model.ids import StationId
from sitectl.security.certificates import CertificateError, check_strength, common_name, read_one, read_request, to_pem
from sitectl.security.vault import Vault

log = logging.getLogger(__name__)

CERTIFICATE, KEY = "site-ca/certificate.pem", "site-ca/key.pem"
LIFE = timedelta(days=20 * 365)
LEAF_LIFE = timedelta(days=2 * 365)

_Authority = tuple[x509.Certificate, ec.EllipticCurvePrivateKey]


class SiteCa:
    """ECDSA on P-256. `site` is part of its name, which a random part makes its own.

    `knows_time`: a gateway that woke in 1970 would sign what nobody ever takes.
    """

    def __init__(
        self, site: str, vault: Vault, clock: Clock, worker: Worker, knows_time: Callable[[], bool] = lambda: True
    ) -> None:
        self._site = site
        self._vault = vault
        self._clock = clock
        self._worker = worker
        self._knows_time = knows_time
        self._authority: _Authority | None = None
        self._opening = asyncio.Lock()

    @property
    def certificate(self) -> str | None:
        """Its certificate in PEM; None while there was no need for it."""
        held = self._vault.held(CERTIFICATE)
        return None if held is None else held.decode()

    @property
    def name(self) -> str | None:
        """The common name under which it signs."""
        held = self.certificate
        return None if held is None else common_name(read_one(held).subject)

    async def sign(self, request: str, station: StationId) -> str:
        """The certificate in PEM for a station's signing request (PEM), valid from now on.

        Raises CertificateError when the request is not in order (signed with its own key, strong, in the name of this
        station alone), EnvironmentFault when the authority cannot be read, or cannot be stored when it is made.
        """
        now = self._clock.wall()
        if not self._knows_time():
            raise CertificateError("this controller does not know the time yet")
        asked = await self._worker.do(lambda: _checked(request, station))
        async with self._opening:
            authority = self._authority = self._authority or await self._open(now)
        return to_pem(await self._worker.do(lambda: _signed(authority, asked, now)))

    async def _open(self, now: datetime) -> _Authority:
        certificate, key = self._vault.held(CERTIFICATE), self._vault.held(KEY)
        if certificate is not None and key is not None:
            return _read(certificate, key)
        authority = await self._worker.do(lambda: _made(self._site, now))
        kind = serialization.PrivateFormat.PKCS8
        secret = authority[1].private_bytes(serialization.Encoding.PEM, kind, serialization.NoEncryption())
        await self._vault.write({KEY: secret, CERTIFICATE: to_pem(authority[0]).encode()})
        log.info("made the site's certificate authority %s", common_name(authority[0].subject))
        return authority


def _read(certificate: bytes, key: bytes) -> _Authority:
    try:
        private = serialization.load_pem_private_key(key, password=None)
        read = x509.load_pem_x509_certificate(certificate)
    except ValueError as error:
        raise EnvironmentFault(f"the files {KEY} and {CERTIFICATE} cannot be read: restore them") from error
    if not isinstance(private, ec.EllipticCurvePrivateKey):
        raise EnvironmentFault(f"{KEY} is no key of ours: restore it")
    return read, private


def _checked(request: str, station: StationId) -> x509.CertificateSigningRequest:
    asked = read_request(request)
    check_strength(asked)
    names = [str(part.value) for part in asked.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    if names != [station]:
        raise CertificateError(f"it names {', '.join(names) or 'nobody'}, and the common name must be {station}")
    return asked


def _made(site: str, now: datetime) -> _Authority:
    key = ec.generate_private_key(ec.SECP256R1())
    text = f"sitectl {site}"[:50] + f" {os.urandom(4).hex()}"
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
    certificate = (
        _certificate(name, name, key.public_key(), now, now + LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _signed(authority: _Authority, asked: x509.CertificateSigningRequest, now: datetime) -> x509.Certificate:
    certificate, key = authority
    leaf = asked.public_key()
    assert isinstance(leaf, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)  # its strength was checked
    ends = min(now + LEAF_LIFE, certificate.not_valid_after_utc)
    return (
        _certificate(asked.subject, certificate.subject, leaf, now, ends)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(enciphers_keys=isinstance(leaf, rsa.RSAPublicKey)), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    begins: datetime,
    ends: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool = False, enciphers_keys: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_encipherment=enciphers_keys,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
