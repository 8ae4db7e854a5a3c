"""Who may connect: one decision, made before the upgrade, from values alone.

Everything that a WebSocket request tells goes in, an `Admitted` or a `Turned` comes out. The order of the checks is the
order of cheapness, and no answer tells a stranger more than it must: an unknown and an ill-formed name look the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import unquote

from sitectl.model.ids import StationId
from sitectl.model.station import StationPlan
from sitectl.ocpp.versions import Version, version_of
from sitectl.quirks.vocabulary import IdentityPlace
from sitectl.security.credentials import (
    ADDRESS_PIN,
    CERTIFICATE_PIN,
    PASSWORD_PIN,
    BasicCredentials,
    parse_basic,
    pin_address,
    pin_certificate,
    pins_of,
    same_password,
)
from sitectl.security.tls import PeerCertificate

QUARANTINE_PLACES = 8
"""Identities that nobody listed, at most: each reserves current on the root circuit."""

_IDENTITY = re.compile(r"[A-Za-z0-9*\-_=+|@.]{1,48}")


@dataclass(frozen=True, slots=True)
class Request:
    """What an upgrade request shows. `address` is the peer's, `offered` its subprotocols in order of preference."""

    path: str
    address: str
    offered: tuple[str, ...] = ()
    authorization: str | None = field(default=None, repr=False)
    origin: str | None = None
    encrypted: bool = False
    certificate: PeerCertificate | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """What the configuration says of connecting. `passwords` are bytes; `quarantine` False refuses unlisted identities.

    `security_profile` holds for identities that nobody listed; a listed station has its own.
    """

    stations: Mapping[StationId, StationPlan]
    passwords: Mapping[StationId, bytes] = field(default_factory=dict, repr=False)
    allow_from: tuple[IPv4Network | IPv6Network, ...] = ()
    versions: tuple[Version, ...] = (Version.V16,)
    security_profile: int = 1
    quarantine: bool = True
    elsewhere: Mapping[StationId, IdentityPlace] = field(default_factory=dict)
    """Listed stations that name themselves in another place than at the end of the path, by their sheets."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What changes while we run: who is quarantined, whether new credentials are pinned, this station's pin.

    `password_proven`: whether the presented password fits the pin, or one of several; it is hashed beforehand, off the
    event loop.
    """

    quarantined: Collection[StationId] = ()
    commissioning: bool = False
    pin: str | None = None
    password_proven: bool = False


@dataclass(frozen=True, slots=True)
class Shown:
    """What a peer showed, for comparing two connections of one identity; and what of it becomes its credential now.

    `pin` is complete for certificates and addresses; `pin_password` is the password to be hashed into one. `certified`:
    it proved itself by a certificate.
    """

    value: bytes | str | None = field(default=None, repr=False)
    pin: str | None = None
    pin_password: bytes | None = field(default=None, repr=False)
    certified: bool = False


@dataclass(frozen=True, slots=True)
class Admitted:
    """Let in, to speak `version`; `subprotocol` is what to answer with, None for a request that named none."""

    station: StationId
    version: Version
    subprotocol: str | None
    shown: Shown
    quarantined: bool = False
    certificate: PeerCertificate | None = None
    """What it proved itself by, if by a certificate in its own name."""


@dataclass(frozen=True, slots=True)
class Turned:
    """Turned away. `failure` counts against the address: it guessed at names or credentials."""

    status: HTTPStatus
    reason: str
    station: StationId | None = None
    failure: bool = False


def identity(path: str) -> StationId | None:
    """The station's name in a request path: its last segment, percent-decoded once; None when it is none."""
    bare = path.partition("?")[0].partition("#")[0]
    name = unquote(bare.removesuffix("/").rpartition("/")[2], errors="replace")
    return StationId(name) if _IDENTITY.fullmatch(name) else None


def claimed(request: Request, rules: Rules) -> StationId | None:
    """The station that a request names; where it names none that is listed, in the places where stations do whose
    sheets say so. What it is proven by is looked at all the same.
    """
    named = identity(request.path)
    if named in rules.stations:
        return named
    places = (id for id, place in rules.elsewhere.items() if _names(request, rules.stations[id], place))
    return next(places, named)


def _names(request: Request, plan: StationPlan, place: IdentityPlace) -> bool:
    match place:
        case IdentityPlace.URL:
            path, _, query = request.path.partition("?")
            values = [pair.rpartition("=")[2] for pair in query.split("&")]
            return plan.id in [unquote(part, errors="replace") for part in (*path.split("/"), *values)]
        case IdentityPlace.USER:
            credentials = parse_basic(request.authorization)
            return credentials is not None and credentials.user == plan.id
        case IdentityPlace.ADDRESS:
            return plan.address is not None and plan.address == _bare(request.address)
    return False


def _bare(address: str) -> str:
    """An address as it is written shortest, one of IPv4 as such."""
    try:
        where: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    return str(where.ipv4_mapped if isinstance(where, IPv6Address) and where.ipv4_mapped else where)


def allowed(address: str, networks: Collection[IPv4Network | IPv6Network]) -> bool:
    """Whether this address may talk to us at all. Loopback always may."""
    try:
        where: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(where, IPv6Address) and where.ipv4_mapped is not None:
        where = where.ipv4_mapped
    return where.is_loopback or any(where in network for network in networks)


def judge(request: Request, rules: Rules, situation: Situation) -> Admitted | Turned:
    """Decide about one request."""
    if request.origin is not None:
        return Turned(HTTPStatus.FORBIDDEN, "stations send no Origin, browsers do")
    if not allowed(request.address, rules.allow_from):
        return Turned(HTTPStatus.FORBIDDEN, f"{request.address} is outside allow_from")
    station = claimed(request, rules)
    if station is None:
        return Turned(HTTPStatus.NOT_FOUND, "the path does not end in a station's identity", failure=True)
    plan = rules.stations.get(station)
    listed = plan if plan is not None and plan.installed else None
    if listed is None and (turned := _no_place(station, rules, situation)) is not None:
        return turned
    chosen = _version(request.offered, rules.versions, plan)
    if isinstance(chosen, Turned):
        return chosen
    shown = _anything(station, request, rules) if listed is None else _credential(listed, request, rules, situation)
    if isinstance(shown, Turned):
        return shown
    proven_by = request.certificate if shown.certified else None
    return Admitted(station, *chosen, shown, quarantined=listed is None, certificate=proven_by)


def _no_place(station: StationId, rules: Rules, situation: Situation) -> Turned | None:
    if not rules.quarantine:
        return Turned(HTTPStatus.NOT_FOUND, "not listed", station, failure=True)
    if station not in situation.quarantined and len(situation.quarantined) >= QUARANTINE_PLACES:
        return Turned(HTTPStatus.NOT_FOUND, f"{QUARANTINE_PLACES} unlisted identities are here already", station, True)
    return None


def _version(
    offered: tuple[str, ...], spoken: tuple[Version, ...], plan: StationPlan | None
) -> tuple[Version, str | None] | Turned:
    """The version to speak, and the subprotocol to answer with (None: the request named none)."""
    if not offered:
        # Some stations never send the header. Only the ones that somebody listed get the benefit of the doubt.
        if plan is not None and Version.V16 in spoken and plan.ocpp in (None, Version.V16):
            return Version.V16, None
        return Turned(HTTPStatus.BAD_REQUEST, "no subprotocol offered", plan.id if plan else None)
    ours = [version for version in spoken if plan is None or plan.ocpp in (None, version)]
    for name in offered:
        version = version_of(name.strip().lower())
        if version in ours:
            return version, name
    wanted = ", ".join(version.subprotocol for version in ours)
    return Turned(
        HTTPStatus.BAD_REQUEST, f"offered {', '.join(offered)}; spoken here: {wanted}", plan.id if plan else None
    )


def _anything(station: StationId, request: Request, rules: Rules) -> Shown | Turned:
    """An identity that nobody listed: what it shows is noted, nothing is believed."""
    if rules.security_profile >= 2 and not request.encrypted:
        return Turned(HTTPStatus.FORBIDDEN, "only over TLS here", station)
    credentials = parse_basic(request.authorization)
    if credentials is not None:
        return Shown(credentials.password)
    return Shown(request.certificate.fingerprint if request.certificate is not None else None)


def _credential(plan: StationPlan, request: Request, rules: Rules, situation: Situation) -> Shown | Turned:
    """A listed station: its own security profile, which is the least, then what it proves itself by."""
    certificate = request.certificate
    if plan.security_profile >= 2 and not request.encrypted:
        return Turned(HTTPStatus.FORBIDDEN, f"security profile {plan.security_profile} needs TLS", plan.id)
    if certificate is not None and certificate.is_of(plan.id):
        return Shown(pin_certificate(certificate.fingerprint), certified=True)
    # In the commissioning window a station without a certificate comes by its password, to be given one.
    if plan.security_profile >= 3 and not (certificate is None and situation.commissioning):
        return _not_certified(plan.id, certificate)
    return _password(plan, request, rules, situation)


def _password(plan: StationPlan, request: Request, rules: Rules, situation: Situation) -> Shown | Turned:
    """Its credential below security profile 3: configured, else pinned, else pinned now."""
    credentials = parse_basic(request.authorization)
    password = credentials.password if credentials is not None and credentials.user == plan.id else None
    configured = rules.passwords.get(plan.id)
    if configured is not None:
        if password is None or not same_password(configured, password):
            return _wrong(plan.id, "password")
        return Shown(password)
    if plan.security_profile == 0:
        return Shown(password)
    if situation.pin is not None:
        verdicts = [_pinned(plan.id, pin, request, password, situation) for pin in pins_of(situation.pin)]
        return next((verdict for verdict in verdicts if isinstance(verdict, Shown)), verdicts[-1])
    if not situation.commissioning:
        return _wrong(plan.id, "password: none is known of it, and commissioning is over")
    if request.certificate is not None and _is_of_another(request.certificate, plan.id, rules):
        return _not_certified(plan.id, request.certificate)
    return _first_contact(request, password)


def _is_of_another(certificate: PeerCertificate, station: StationId, rules: Rules) -> bool:
    """Whether it names a listed station, and not this one. A maker's certificate names a serial number."""
    return any(
        name != station and name in rules.stations for name in (certificate.common_name, *certificate.other_names)
    )


def _not_certified(station: StationId, certificate: PeerCertificate | None) -> Turned:
    """Without a certificate in the station's own name: whoever was given another one is somebody else."""
    if certificate is None:
        return Turned(HTTPStatus.FORBIDDEN, "security profile 3 needs a client certificate", station, failure=True)
    named = certificate.common_name or "nobody"
    return Turned(HTTPStatus.FORBIDDEN, f"the certificate is of {named}, not of {station}", station, failure=True)


def _pinned(
    station: StationId, pin: str, request: Request, password: bytes | None, situation: Situation
) -> Shown | Turned:
    if pin.startswith(PASSWORD_PIN):
        if password is None or not situation.password_proven:
            return _wrong(station, "password")
        return Shown(password)
    if pin.startswith(CERTIFICATE_PIN):
        if request.certificate is None or pin != pin_certificate(request.certificate.fingerprint):
            return _wrong(station, "certificate")
    elif pin != pin_address(request.address):
        return _wrong(station, f"address: it is known from {pin.removeprefix(ADDRESS_PIN)}")
    return Shown(password or pin)


def _first_contact(request: Request, password: bytes | None) -> Shown:
    """In the commissioning window the best of what a station shows becomes its credential."""
    if request.certificate is not None:
        pin = pin_certificate(request.certificate.fingerprint)
        return Shown(pin, pin=pin)
    if password:
        return Shown(password, pin_password=password)
    pin = pin_address(request.address)
    return Shown(pin, pin=pin)


def _wrong(station: StationId, what: str) -> Turned:
    return Turned(HTTPStatus.UNAUTHORIZED, f"wrong or missing {what}", station, failure=True)


def password_to_prove(request: Request, station: StationId | None, pin: str | None) -> bytes | None:
    """The password that must be hashed before `judge` can decide; None when nothing depends on it."""
    if not any(one.startswith(PASSWORD_PIN) for one in pins_of(pin)):
        return None
    credentials: BasicCredentials | None = parse_basic(request.authorization)
    if credentials is None or credentials.user != station:
        return None
    return credentials.password


# --- the second connection of one station ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Presence:
    """What counts when two connections claim one identity: where it comes from and what it showed."""

    address: str
    shown: bytes | str | None = field(default=None, repr=False)


def displaces(newcomer: Presence, holder: Presence) -> bool:
    """Whether a newcomer is so surely the same station that the old connection need not be asked.

    Otherwise the old one is pinged: when it answers, the newcomer is turned away. (A newcomer that always won could
    take any station over; one that never won would lock out a station whose old connection hangs half open.)
    """
    return newcomer == holder
