"""Addresses to listen on that this machine has not got yet: of an interface that comes up later, or of a cable that is
not plugged in.

Linux lets a socket be bound to such an address (ip(7), IP_FREEBIND): who connects is served from the moment it is
there, and nothing has to be tried again. So the site is shared, its meters read and its backlog told meanwhile.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterable, Iterator
from typing import Any

from sitectl.config.settings import Address
from sitectl.model.health import Finding

IP_FREEBIND = getattr(socket, "IP_FREEBIND", 15)  # Python has it from 3.13 on
WHERE = "ocpp.listen"


def is_absent(host: str) -> bool:
    """Whether this is an address that no interface of this machine has now. A name is looked up nowhere, and is not."""
    return (found := _numeric(host, 0)) is not None and _is_refused(*found)


def bound_ahead(where: Address) -> socket.socket:
    """A socket at an address that is absent, for a server to listen on. Raises OSError."""
    found = _numeric(where.host, where.port)
    if found is None:
        raise OSError(errno.EADDRNOTAVAIL, f"{where.host} is no address")
    family, place = found
    made = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.setsockopt(socket.IPPROTO_IP, IP_FREEBIND, 1)  # IPv6 listens to it, too
        made.bind(place)
    except OSError:
        made.close()
        raise
    return made


def refusal(where: Address, error: OSError) -> str:
    """Why nobody can listen there, and what to do."""
    match error.errno:
        case errno.EADDRINUSE:
            why = "another program listens there; `ss -tlnp` shows which: stop it, or name another port"
        case errno.EADDRNOTAVAIL:
            why = "no interface of this machine has that address; `ip address` shows what there is"
        case errno.EACCES:
            why = "this user may not listen on a port below 1024: name a higher one"
        case _ if isinstance(error, socket.gaierror):
            why = f"{error.strerror}: name an address, which needs no name service"
        case _:
            why = error.strerror or str(error)
    host = f"[{where.host}]" if ":" in where.host else where.host
    return f"{WHERE}: cannot listen on {host}:{where.port}: {why}"


def findings(hosts: Iterable[str]) -> Iterator[Finding]:
    """That stations cannot come yet, for each of these that is absent."""
    for host in hosts:
        if is_absent(host):
            what = f"Stations cannot connect at {host}: no interface of this machine has that address"
            do = (
                "Plug the cable in or bring the interface up (`ip address` shows what there is): stations are served as"
                " soon as it is there. If it is a mistake, correct ocpp.listen and restart."
            )
            yield what, WHERE, do


def _numeric(host: str, port: int) -> tuple[socket.AddressFamily, Any] | None:
    try:
        first = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)[0]
    except OSError:
        return None
    return first[0], first[4]


def _is_refused(family: socket.AddressFamily, place: Any) -> bool:
    """Asked with a datagram socket, which takes no port from anybody who listens."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as probe:
            probe.bind(place)
    except OSError as error:
        return error.errno == errno.EADDRNOTAVAIL
    return False
