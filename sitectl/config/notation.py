"""Short notations inside values: addresses, networks, phases, URLs. Text in, a value or a refusal out."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from urllib.parse import SplitResult, urlsplit

from sitectl.config.issues import shown
from sitectl.config.settings import Address, Network
from sitectl.model.electrical import UNKNOWN_ROTATION, Phase, PhaseRotation

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,252}[A-Za-z0-9])?\.?|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9_.-]+)?\]")
_IDENTITY = re.compile(r"[A-Za-z0-9*\-_=+|@.]{1,48}")
_PHASES = re.compile(r"(?:L[123]){1,3}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a text does not say what it should, and the cure."""

    message: str
    cure: str


def parse_address(text: str) -> Address | Refusal:
    """`10.20.0.1:8887`, `[::1]:8887`, `gateway:0`."""
    host, colon, port = text.rpartition(":")
    refusal = Refusal(f"{shown(text)} is not an address to listen on", "write host:port, such as 10.20.0.1:8887")
    number = _port(port)
    if not colon or number is None or not _HOST.fullmatch(host):
        return refusal
    return Address(host.strip("[]"), number)


def _port(text: str) -> int | None:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        return None
    return int(text) if int(text) <= 65535 else None


def parse_network(text: str) -> Network | Refusal:
    """`10.20.0.0/24`, or a single address."""
    with suppress(ValueError):
        return ip_network(text)
    try:
        whole = ip_network(text, strict=False)
    except ValueError:
        return Refusal(f"{shown(text)} is not a network", "write it as 10.20.0.0/24")
    return Refusal(
        f"{shown(text)} names a host, not a network", f"write {whole} for the network, or leave the mask away"
    )


def parse_host_address(text: str) -> str | Refusal:
    """`10.20.0.7`, `fd00::7`: one network address, as it is written shortest."""
    try:
        return str(ip_address(text))
    except ValueError:
        return Refusal(f"{shown(text)} is not a network address", "write it as 10.20.0.7")


def parse_phases(text: str) -> PhaseRotation | Refusal:
    """`L2L3L1`: where the EVSE's own L1, L2, L3 lie on the grid; one to three different ones; or `unknown`."""
    if text == "unknown":
        return UNKNOWN_ROTATION
    names = [text[i : i + 2] for i in range(0, len(text), 2)]
    if not _PHASES.fullmatch(text) or len(set(names)) != len(names):
        cure = "write L1L2L3, a rotation such as L2L3L1, one or two phases such as L2, or unknown"
        return Refusal(f"{shown(text)} names no phases", cure)
    return PhaseRotation(tuple(Phase[name] for name in names))


def parse_uplink_url(text: str) -> str | Refusal:
    """`wss://csms.example.com/ocpp`, to which `/<station id>` is appended, or a template with `{station}`."""
    url = split(text)
    example = "write wss://host/path, such as wss://csms.example.com/ocpp"
    if url is None or url.scheme not in ("ws", "wss") or None in host_and_port(url, 443):
        return Refusal(f"{shown(text)} is not a WebSocket URL", example)
    if url.username is not None or url.password is not None:
        return Refusal("a user or password in the URL", "remove it: name a passwords_file")
    if url.fragment or "#" in text:
        return Refusal("a fragment (#) in the URL", "remove it")
    bare = text.replace("{station}", "")
    if "{" in bare or "}" in bare:
        return Refusal("braces in the URL", "the only placeholder is {station}")
    if url.query and "{station}" not in text:
        return Refusal("a query in the URL", "say with {station} where the station's id goes")
    return text


def is_identity(text: str) -> bool:
    """Whether a station can be named so: 1 to 48 of `A-Z a-z 0-9 * - _ = + | @ .`."""
    return _IDENTITY.fullmatch(text) is not None


def split(text: str) -> SplitResult | None:
    """The parts of a URL; None: it is none."""
    if any(character.isspace() or not character.isprintable() for character in text):
        return None
    try:
        return urlsplit(text)
    except ValueError:
        return None


def host_and_port(url: SplitResult, default: int) -> tuple[str | None, int | None]:
    """Where it leads; None in the place of what is no host or no port."""
    try:
        host, port = url.hostname, url.port
    except ValueError:
        return None, None
    if host is None or not _HOST.fullmatch(f"[{host}]" if ":" in host else host):
        return None, None
    return host, default if port is None else port if port > 0 else None
