"""TLS for both ends: TLS 1.2 or newer, no compression, and what a peer's certificate says."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sitectl.base.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """A client certificate that a trusted authority has signed. `fingerprint` is SHA-256 of its DER form, in hex.

    `issuer` is the common name of who signed it; it is valid from `begins` to `ends`. `other_names` are the host names
    among its alternative names.
    """

    fingerprint: str
    common_name: str
    issuer: str = ""
    begins: datetime | None = None
    ends: datetime | None = None
    other_names: tuple[str, ...] = ()

    def is_of(self, identity: str) -> bool:
        """Whether it was issued to this station: by its common name, or by an alternative one."""
        return identity == self.common_name or identity in self.other_names


def server_context(certificate: Path, key: Path, client_ca: Path | None = None) -> ssl.SSLContext:
    """A context for stations to connect to. With `client_ca` it asks for a certificate, and checks one that comes.

    Asked for, not demanded: stations of profile 2 and 3 share the listener, and the handshake knows which is which.
    Raises ConfigurationError when a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    _load_chain(context, certificate, key)
    if client_ca is not None:
        _load_authorities(context, client_ca)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def trust(context: ssl.SSLContext, authority: str) -> None:
    """Let a context for stations take client certificates that this authority (PEM) has signed too, from now on."""
    context.load_verify_locations(cadata=authority)
    context.verify_mode = ssl.CERT_OPTIONAL


def client_context(
    ca: Path | None = None, certificate: Path | None = None, key: Path | None = None, roots: Sequence[str] = ()
) -> ssl.SSLContext:
    """A context for connecting to a central CSMS: its name is checked against `ca`, or the system's authorities.

    `roots` (PEM) are trusted beside them. Raises ConfigurationError when a file cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    if ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _load_authorities(context, ca)
    for root in roots:
        context.load_verify_locations(cadata=root)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # one may be signed by another that is there no more
    if certificate is not None:
        _load_chain(context, certificate, key)
    return context


class CertifiedContext(ssl.SSLContext):
    """A context that shows a certificate of its own and has everything else from another one.

    A context with the authorities of the system takes 850 kB, and this library lets no two share them. But OpenSSL
    copies the certificate when a connection is begun (SSL_new): so it is loaded right before, and the next connection
    may have another one. `shared` is only for contexts like this, whose keys are all of one kind.
    """

    _shared: ssl.SSLContext
    _chain: tuple[Path, Path]

    @classmethod
    def of(cls, shared: ssl.SSLContext, certificate: Path, key: Path) -> CertifiedContext:
        """With this certificate. Raises ConfigurationError when it cannot be used."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context._shared, context._chain = shared, (certificate, key)
        _load_chain(shared, certificate, key)
        return context

    def wrap_bio(self, *buffers: Any, **options: Any) -> ssl.SSLObject:
        """Begin a connection."""
        _load_chain(self._shared, *self._chain)
        return self._shared.wrap_bio(*buffers, **options)


def peer_certificate(connection: ssl.SSLObject | ssl.SSLSocket | None) -> PeerCertificate | None:
    """The certificate that the peer has shown; None without TLS, without one, or when nobody checked it."""
    if connection is None:
        return None
    der = connection.getpeercert(binary_form=True)
    fields = connection.getpeercert()
    if not der or not fields:  # the library gives no fields of a certificate that it did not check
        return None
    return PeerCertificate(
        hashlib.sha256(der).hexdigest(),
        _common_name(fields.get("subject", ())),
        _common_name(fields.get("issuer", ())),
        _moment(fields.get("notBefore")),
        _moment(fields.get("notAfter")),
        _host_names(fields.get("subjectAltName", ())),
    )


def _common_name(subject: Any) -> str:
    names = [value for relative in subject for name, value in relative if name == "commonName"]
    return str(names[-1]) if names else ""


def _host_names(alternatives: Any) -> tuple[str, ...]:
    return tuple(str(name) for kind, name in alternatives if kind == "DNS")


def _moment(text: Any) -> datetime | None:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if isinstance(text, str) else None


def _harden(context: ssl.SSLContext) -> None:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION


def _load_chain(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        context.load_cert_chain(certificate, key, password=_no_passphrase)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"certificate {certificate} with key {key or certificate}: {error}") from error


def _no_passphrase() -> str:
    """Without it the library would ask on the terminal, and a daemon would wait there for ever."""
    raise ValueError("the key is protected by a passphrase, which nobody is here to enter")


def _load_authorities(context: ssl.SSLContext, ca: Path) -> None:
    try:
        context.load_verify_locations(ca)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"certificate authority {ca}: {error}") from error
