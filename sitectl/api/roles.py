"""Who may do what: the role of a caller follows from the Unix groups of the process at the other end of the socket.

Whoever may open the socket may look. Each role may do what the ones before it may. The kernel says who is there: a
caller cannot.
"""

from __future__ import annotations

import grp
import logging
import os
import pwd
import socket
import struct
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from fastapi import HTTPException, Request

from sitectl.config.settings import ApiGroups

log = logging.getLogger(__name__)

_SO_PEERGROUPS = 59
_MOST_BYTES = 1024
"""Python takes no longer options; who is in more than 256 groups is asked for by name."""


class Role(IntEnum):
    """What a caller may do, each more than the one before it."""

    VIEWER = 1
    TECHNICIAN = 2
    ADMIN = 3


@dataclass(frozen=True, slots=True)
class Peer:
    """The process at the other end, as it was when it connected. `name`: of who asks from inside this process."""

    uid: int
    groups: frozenset[int]
    name: str = ""

    @property
    def user(self) -> str:
        """Its user by name, else by number."""
        if self.name:
            return self.name
        try:
            return pwd.getpwuid(self.uid).pw_name
        except KeyError:
            return f"uid {self.uid}"


def peer_of(connection: socket.socket) -> Peer | None:
    """Who is at the other end of a Unix socket; None where the kernel does not say: then nobody known."""
    try:
        _, uid, gid = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    except OSError:
        return None
    if uid < 0:  # no Unix socket
        return None
    return Peer(uid, frozenset((gid, *_more_groups(connection, uid, gid))))


def _more_groups(connection: socket.socket, uid: int, gid: int) -> Collection[int]:
    try:
        found = connection.getsockopt(socket.SOL_SOCKET, _SO_PEERGROUPS, _MOST_BYTES)
        return struct.unpack(f"{len(found) // 4}I", found)
    except OSError:
        try:
            return os.getgrouplist(pwd.getpwuid(uid).pw_name, gid)
        except (KeyError, OSError):
            return ()


class Roles:
    """Which groups of this machine have which role; looked up when it is made and at each `reconfigure`."""

    def __init__(self, groups: ApiGroups, lookup: Callable[[str], int | None] | None = None) -> None:
        """`lookup`: the number of a group, None where it does not exist; default: this machine's."""
        self._lookup = lookup or group_number
        self._own = frozenset((0, os.geteuid()))
        self.reconfigure(groups)

    def reconfigure(self, groups: ApiGroups) -> None:
        """Go by other groups from now on. One that does not exist grants nothing."""
        self._names = {Role.VIEWER: groups.viewer, Role.TECHNICIAN: groups.technician, Role.ADMIN: groups.admin}
        self._numbers: Mapping[Role, int | None] = {role: self._lookup(name) for role, name in self._names.items()}

    @property
    def viewers(self) -> int | None:
        """The number of the viewers' group, None where it does not exist."""
        return self._numbers[Role.VIEWER]

    def of(self, peer: Peer | None) -> Role:
        """The role of a caller. Root and the daemon's own user may everything; who got this far may look."""
        if peer is None:
            return Role.VIEWER
        if peer.uid in self._own:
            return Role.ADMIN
        held = [role for role, number in self._numbers.items() if number is not None and number in peer.groups]
        return max(held, default=Role.VIEWER)

    def cure(self, role: Role) -> str:
        """What lets somebody have a role."""
        name, key = self._names[role], f"api.groups.{role.name.lower()}"
        if self._numbers[role] is None:
            return (
                f"that is the group {name} ({key}), which does not exist on this machine: `groupadd {name}`, put the"
                " user into it, and reload sitectl"
            )
        return f"ask to be put into the group {name} ({key}) and log in again"


def needs(name: str) -> Callable[[Request], Peer]:
    """A dependency of routes that change something: the caller has this role or a higher one, else 403.

    `name` is "technician" or "admin"; gives who called. The application's `state.roles` is a `Roles`.
    """
    role = Role[name.upper()]

    def check(request: Request) -> Peer:
        peer: Peer | None = getattr(request.state, "peer", None)
        roles: Roles = request.app.state.roles
        if peer is None or roles.of(peer) < role:
            who = "nobody known" if peer is None else peer.user
            log.warning("%s %s was refused to %s", request.method, request.url.path, who)
            raise HTTPException(403, f"this needs the role {name}: {roles.cure(role)}")
        return peer

    return check


def group_number(name: str) -> int | None:
    """The number of a group of this machine."""
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return None


def with_peer(state: Mapping[str, Any], connection: object) -> dict[str, Any]:
    """The state that each request of a connection begins with: who called is in it."""
    fileno = getattr(connection, "fileno", None)
    if fileno is None or fileno() < 0:
        return dict(state)
    with socket.socket(fileno=os.dup(fileno())) as own:  # the loop lends its socket without all its methods
        return {**state, "peer": peer_of(own)}
