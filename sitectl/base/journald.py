"""The system journal as a place for log lines, with what a line is about as fields: `journalctl STATION=CP01`.

Through systemd-python where that is installed; otherwise as datagrams of the journal's own protocol, which is plain:
`KEY=value` lines, and a value of several lines behind its length.
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import sys
from collections.abc import Mapping

SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "sitectl"
FIELDS = {"station": "STATION", "evse": "EVSE", "uplink": "UPLINK", "event": "SITECTL_EVENT"}
"""What a record may carry, by the name that it has in the journal."""

_LONGEST = 48 * 1024
"""Of one message; the rest of a longer one is cut off, because a datagram has an end."""


def collects(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether standard error of this process goes to the journal; a parent's may have, and ours somewhere else."""
    try:
        error = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return environ.get("JOURNAL_STREAM") == f"{error.st_dev}:{error.st_ino}"


def handler(formatter: logging.Formatter, address: str = SOCKET) -> logging.Handler:
    """One that sends to the journal; `formatter` makes the message."""
    try:
        from systemd.journal import JournalHandler
    except ImportError:
        chosen: logging.Handler = DatagramHandler(address)
    else:
        chosen = _through_library(JournalHandler)
    chosen.setFormatter(formatter)
    return chosen


def fields_of(record: logging.LogRecord) -> dict[str, str]:
    """What the line is about."""
    return {
        field: str(value) for name, field in FIELDS.items() if (value := getattr(record, name, None)) not in (None, "")
    }


class DatagramHandler(logging.Handler):
    """Speaks the journal's protocol itself."""

    def __init__(self, address: str = SOCKET) -> None:
        super().__init__()
        self._address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            fields = {
                "MESSAGE": self.format(record)[:_LONGEST],
                "PRIORITY": str(_priority(record.levelno)),
                "SYSLOG_IDENTIFIER": IDENTIFIER,
                "LOGGER": record.name,
                "CODE_FILE": record.pathname,
                "CODE_LINE": str(record.lineno),
                **fields_of(record),
            }
            self._socket.sendto(b"".join(_encoded(*field) for field in fields.items()), self._address)
        except OSError:
            self.handleError(record)  # to standard error, which the journal collects as well

    def close(self) -> None:
        self._socket.close()
        super().close()


def _encoded(name: str, value: str) -> bytes:
    data = value.encode("utf-8", "backslashreplace")
    if b"\n" not in data:
        return name.encode() + b"=" + data + b"\n"
    return name.encode() + b"\n" + struct.pack("<Q", len(data)) + data + b"\n"


def _priority(level: int) -> int:
    """Of syslog: 7 debug, 6 informational, 4 warning, 3 error, 2 critical."""
    bounds = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
    return next((priority for bound, priority in bounds if level >= bound), 7)


def _through_library(base: type[logging.Handler]) -> logging.Handler:
    class FieldHandler(base):  # type: ignore[misc, valid-type]
        def emit(self, record: logging.LogRecord) -> None:
            # The library would also send arguments and exception as fields of their own, past the scrubber.
            plain = {"msg": self.format(record), "args": None, "exc_info": None, "exc_text": None, "stack_info": None}
            super().emit(logging.makeLogRecord({**record.__dict__, **plain, **fields_of(record)}))

    made: logging.Handler = FieldHandler(SYSLOG_IDENTIFIER=IDENTIFIER)
    return made
