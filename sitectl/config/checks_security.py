"""Security profiles have what they need; files and groups that are named exist, and are not open to everybody."""

from __future__ import annotations

import grp
import os

from sitectl.config import files
from sitectl.config.draft import Draft
from sitectl.config.issues import Path, shown
from sitectl.config.notation import parse_address
from sitectl.config.settings import Address

_PEM_LIMIT_BYTES = 1024 * 1024
_LONGEST_SOCKET = 107


def check(draft: Draft) -> None:
    """Report profiles without their TLS, listeners that clash or cannot be, and certificates that cannot be read."""
    ocpp = draft.config.ocpp
    _check_profile(draft, ("ocpp", "security_profile"), ocpp.security_profile)
    for name, station in draft.config.stations.items():
        if station.security_profile is not None:
            _check_profile(draft, ("stations", name, "security_profile"), station.security_profile)
    if ocpp.tls is not None:
        plain, encrypted = parse_address(ocpp.listen), parse_address(ocpp.tls.listen)
        if plain == encrypted and isinstance(plain, Address) and plain.port:
            message = "the same address as ocpp.listen"
            draft.findings.error(("ocpp", "tls", "listen"), message, "give each listener a port of its own")
        check_pem(draft, ("ocpp", "tls", "certificate"), ocpp.tls.certificate)
        check_pem(draft, ("ocpp", "tls", "key"), ocpp.tls.key, secret=True)
        check_pem(draft, ("ocpp", "tls", "client_ca"), ocpp.tls.client_ca)
    for name, uplink in draft.config.uplinks.items():
        path = ("uplinks", name)
        for key, other in (("certificate", "key"), ("key", "certificate")):
            if getattr(uplink, key) and not getattr(uplink, other):
                draft.findings.error((*path, key), f"has no {other} beside it", f"add {other}: …, or remove it")
        check_pem(draft, (*path, "certificate"), uplink.certificate)
        check_pem(draft, (*path, "key"), uplink.key, secret=True)
        check_pem(draft, (*path, "ca"), uplink.ca)
    _check_socket(draft)
    _check_groups(draft)


def _check_socket(draft: Draft) -> None:
    """The system takes no longer name of a socket, and it is relative to the configuration."""
    place = str(draft.place(draft.config.api.socket))
    if len(os.fsencode(place)) > _LONGEST_SOCKET:
        message = f"{shown(place)} is longer than the {_LONGEST_SOCKET} bytes that a socket's name may have"
        draft.findings.error(("api", "socket"), message, "name a shorter place, such as /run/sitectl/sitectl.sock")


def _check_groups(draft: Draft) -> None:
    """Groups that somebody wrote; those by default need not exist: then root alone changes something."""
    for role, name in draft.section("api", "groups").items():
        if isinstance(name, str) and not draft.findings.has_errors_in("api", "groups", role) and not _exists(name):
            message = f"no group {shown(name)} on this machine: it grants nothing"
            draft.findings.warn(("api", "groups", role), message, f"groupadd {name}, or name one that exists")


def _exists(group: str) -> bool:
    try:
        grp.getgrnam(group)
    except (KeyError, ValueError):
        return False
    return True


def _check_profile(draft: Draft, path: Path, profile: int) -> None:
    if draft.findings.has_errors_in("ocpp", "tls"):
        return
    tls = draft.config.ocpp.tls
    if profile >= 2 and tls is None:
        message = f"security profile {profile} needs TLS, and ocpp.tls is absent"
        draft.findings.error(path, message, "add ocpp.tls with listen, certificate and key, or write 1")
    elif profile >= 3 and tls is not None and tls.client_ca is None:
        message = (
            "security profile 3 without ocpp.tls.client_ca: only certificates of this site's own authority are taken"
        )
        cure = "let its station come once in the commissioning window, to be given one; or name who signed what it has"
        draft.findings.warn(path, message, cure)


def check_pem(draft: Draft, path: Path, name: str | None, *, secret: bool = False) -> None:
    """Report a file that cannot be read or holds no PEM block; without a name there is none."""
    content = None if name is None else read_named(draft, path, name, _PEM_LIMIT_BYTES, secret=secret)
    if content is not None and b"-----BEGIN " not in content:
        draft.findings.error(path, "the file holds no PEM block", "name a file with -----BEGIN … in it")


def read_named(draft: Draft, path: Path, name: str, limit: int, *, secret: bool) -> bytes | None:
    """The content of the file that the value at `path` names; None, and an error, when it cannot be had.

    A `secret` that others than its owner and group may read, or than its owner may change, is a warning.
    """
    content = files.read(draft.file(name), limit)
    if isinstance(content, files.Unreadable):
        draft.findings.error(path, f"{draft.file(name)} {_as_predicate(content.reason)}", content.cure)
        return None
    if secret and content.is_too_open:
        message = f"the file is open to others (mode {content.mode:04o})"
        draft.findings.warn(path, message, f"chmod 640 {draft.file(name)}")
    return content.data


def _as_predicate(reason: str) -> str:
    return "does not exist" if reason == "no such file" else reason
