"""Talks to the service manager over its notify socket; without one (`NOTIFY_SOCKET` unset) every call does nothing.

The protocol is one datagram of `KEY=VALUE` lines: see sd_notify(3) and sd_watchdog_enabled(3). It is plain enough to
need no library.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

log = logging.getLogger(__name__)


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

    def _send(self, *fields: str) -> bool:
        """True when the datagram was handed over."""
        if not self._address:
            return False
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as notify:
                notify.setblocking(False)
                notify.sendto("\n".join(fields).encode(), self._address)
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


def _status(text: str) -> str:
    return "STATUS=" + " ".join(text.splitlines())
