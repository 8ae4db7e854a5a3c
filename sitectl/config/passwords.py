"""Password files: one secret for a station, or `station:secret` lines for an uplink. No secret reaches a message."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sitectl.config.issues import Issue, did_you_mean, shown
from sitectl.config.notation import is_identity

LIMIT_BYTES = 1024 * 1024
_LONGEST = 1024


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a password file holds no password."""

    message: str
    cure: str


def parse_password(raw: bytes) -> bytes | Rejected:
    """One password: UTF-8 text, of which a trailing newline is dropped and nothing else."""
    secret = raw.removesuffix(b"\n").removesuffix(b"\r")
    try:
        text = secret.decode("utf-8")
    except UnicodeDecodeError:
        return Rejected("holds no UTF-8 text", "write the password as UTF-8 text")
    if not text:
        return Rejected("is empty", "write the password into it")
    if "\n" in text or "\r" in text or "\0" in text:
        return Rejected("holds more than one line", "write the password alone, on one line")
    if len(secret) > _LONGEST:
        return Rejected(f"holds more than {_LONGEST} bytes", "write the password alone")
    return secret


@dataclass(frozen=True, slots=True)
class PasswordList:
    """Secrets by station, with what is wrong in the file that lists them."""

    secrets: Mapping[str, str]
    errors: tuple[Issue, ...] = ()
    warnings: tuple[Issue, ...] = ()


def parse_passwords(raw: bytes, file: str, stations: Iterable[str]) -> PasswordList:
    """`station:secret` a line; the secret may hold colons. Blank lines and lines that begin with # are skipped."""
    known = list(stations)
    secrets: dict[str, str] = {}
    lines: dict[str, int] = {}
    errors: list[Issue] = []
    warnings: list[Issue] = []
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = raw.count(b"\n", 0, error.start) + 1
        return PasswordList({}, (Issue(file, number, 1, "", "not UTF-8 text", "save the file as UTF-8"),))
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        station, colon, secret = line.partition(":")
        if not colon or not is_identity(station) or not secret:
            errors.append(
                Issue(file, number, 1, "", "not station:secret", "write the station's id, a colon, the secret")
            )
        elif station in secrets:
            message = f"a second secret for {station}, after line {lines[station]}"
            errors.append(Issue(file, number, 1, "", message, "remove one of them"))
        else:
            secrets[station], lines[station] = secret, number
            if station not in known:
                warnings.append(
                    Issue(file, number, 1, "", f"no station {shown(station)}", did_you_mean(station, known))
                )
    return PasswordList(secrets, tuple(errors), tuple(warnings))
