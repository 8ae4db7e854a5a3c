"""Talks to the service manager over its notify socket; without one (`NOTIFY_SOCKET` unset) every call does nothing.

The protocol is one datagram of `KEY=VALUE` lines: see sd_notify(3) and sd_watchdog_enabled(3). It is plain enough to
need no library. Sockets that the manager has kept or opened for us come as sd_listen_fds(3) says.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
from collections.abc import Mapping, MutableMapping

log = logging.getLogger(__name__)

_FIRST_FD = 3


class Notifier:
    """Says how we stand (READY, RELOADING, STATUS, WATCHDOG, STOPPING); never blocks and never raises, because the
    control cycle calls it.
    """

    def __init__(self, address: str | None) -> None:
        self._address = address.replace("@", "\0", 1) if address and address.startswith("@") else address

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Notifier:
        return cls(environ.get("NOTIFY_SOCKET"))

    @property
    def supervised(self) -> bool:
        """Whether a service manager listens."""
        return bool(self._address)

    def ready(self, status: str = "") -> bool:
        return self._send("READY=1", *([_status(status)] if status else []))

    def status(self, text: str) -> bool:
        return self._send(_status(text))

    def watchdog(self) -> bool:
        return self._send("WATCHDOG=1")

    def reloading(self, at: float) -> bool:
        """A changed configuration is being read, since `at` (monotonic s); `ready` says that it is over."""
        return self._send("RELOADING=1", f"MONOTONIC_USEC={int(at * 1_000_000)}")

    def stopping(self) -> bool:
        return self._send("STOPPING=1")

    def keep(self, name: str, file: int) -> bool:
        """Hold this open socket, beside others of the name, while we are restarted; `inherited` gives it back."""
        return self._send("FDSTORE=1", f"FDNAME={name}", file=file)

    def let_go(self, name: str) -> bool:
        """Hold the sockets of this name no longer."""
        return self._send("FDSTOREREMOVE=1", f"FDNAME={name}")

    def _send(self, *fields: str, file: int | None = None) -> bool:
        """True when the datagram was handed over."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
                notify.setblocking(False)
                datagram = "\n".join(fields).encode()
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file))] if file is not None else []
                notify.sendmsg([datagram], rights, 0, self._address)
        except OSError as error:
            log.debug("service manager not told %s: %s", fields[0], error)
            return False
        return True


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float | None:
    """Seconds within which the service manager wants to hear from us, or None when it does not watch this process."""
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    try:
        microseconds = int(environ.get("WATCHDOG_USEC", ""))
    except ValueError:
        return None
    return microseconds / 1_000_000 if microseconds > 0 else None


def inherited(environ: MutableMapping[str, str] = os.environ) -> list[tuple[str, socket.socket]]:
    """Listening TCP sockets that the service manager hands to this process, by name; asked again, there are none."""
    ours = environ.pop("LISTEN_PID", "") == str(os.getpid())
    count, names = environ.pop("LISTEN_FDS", ""), environ.pop("LISTEN_FDNAMES", "").split(":")
    if not ours or not count.isdigit():
        return []
    found = []
    for index in range(int(count)):
        given = _listening(_FIRST_FD + index)
        if given is None:
            log.warning("the service manager hands over something that is no listening TCP socket: it is not used")
        else:
            found.append((names[index] if index < len(names) else "unknown", given))
    return found


def _listening(file: int) -> socket.socket | None:
    try:
        os.set_inheritable(file, False)
        given = socket.socket(fileno=file)
        listens = given.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError:
        return None
    if not listens or given.family not in (socket.AF_INET, socket.AF_INET6) or given.type != socket.SOCK_STREAM:
        given.close()
        return None
    given.setblocking(False)
    return given


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.splitlines())
