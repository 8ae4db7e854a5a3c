"""Standard-library logging as the whole of sitectl uses it.

A line may carry the fields station, evse and uplink: `FieldLogger` binds them, the formatter shows them, and the system
journal (where the service manager collects standard error) keeps them searchable. Wire traffic has a logger of its own,
silent unless asked for, and so have the site's events, which go to the system journal alone. Every line passes one
scrubber, so that no secret reaches a log.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO

from sitectl.base import journald

WIRE = "sitectl.wire"
EVENTS = "sitectl.events"
FIELDS = ("station", "evse", "uplink")

_HIDDEN = r"\g<keep>***"
_QUOTE = r"\\?[\"']?"
_KEY = rf"{_QUOTE}\s*\bAuthorizationKey\s*{_QUOTE}"
_VALUE = r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|[^\s"',}\])]+)"""
_SECRETS = [
    (
        re.compile(
            r"(?i)(?P<keep>\bauthorization[\"']?\s*[:=,]\s*(?:b?[\"'])?(?:(?:basic|bearer|digest)\s+)?)[^\s\"',}]+"
        ),
        _HIDDEN,
    ),
    # A key of the configuration and its value, in either order, as JSON or as Python prints it.
    (re.compile(rf"(?i)(?P<keep>{_KEY}[^{{}}]*?\bvalue{_QUOTE}\s*[:=]\s*){_VALUE}"), _HIDDEN),
    (re.compile(rf"(?i)(?P<keep>\bvalue{_QUOTE}\s*[:=]\s*){_VALUE}(?=[^{{}}]*?{_KEY})"), _HIDDEN),
    (re.compile(r"(?i)(?P<keep>\bAuthorizationKey\s*[=:]\s*)[^\s,;}]+"), _HIDDEN),
    (re.compile(r"(?s)(?P<keep>-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?=-----END|$)"), _HIDDEN),
    (re.compile(r"(?i)(?P<keep>\bpassword[\"']?\s*[=:]\s*[\"']?)[^\s\"',;}]+"), _HIDDEN),
    (re.compile(r"(?P<keep>\b[A-Za-z][A-Za-z0-9+.-]*:(?:\\?/){2}[^\s/:@]*:)[^\s/]+(?=@)"), _HIDDEN),
    # Addresses of uploads and downloads that carry their own permission.
    (
        re.compile(r"(?i)(?P<keep>[?&](?:x-amz-|access_)?(?:sig|signature|token|security-token)=)[^&\s\"']+"),
        _HIDDEN,
    ),
]


_HINTS = ("authorization", "password", "private key", "://", ":\\/", "sig=", "signature=", "token=")


def may_hold_secrets(text: str) -> bool:
    """Whether `scrub` could find anything: a quick look for those who have much text and hardly ever secrets."""
    lowered = text.lower()
    return any(hint in lowered for hint in _HINTS)


def scrub(text: str) -> str:
    """`text` without credentials: Authorization headers, AuthorizationKey values, passwords by name, private keys, and
    what URLs carry of passwords and permissions."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class FieldLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that carries fields; `bind` gives one that carries more."""

    def __init__(self, name: str, fields: Mapping[str, object] | None = None) -> None:
        super().__init__(logging.getLogger(name), dict(fields or {}))

    def bind(self, **fields: object) -> FieldLogger:
        return FieldLogger(self.logger.name, {**(self.extra or {}), **fields})

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


class LineFormatter(logging.Formatter):
    """One readable line: time, level, where it comes from, the fields, the message."""

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        room = record.name.removeprefix("sitectl.")
        fields = " ".join(f"{field}={value}" for field in FIELDS if (value := getattr(record, field, None)) is not None)
        return f"{time}Z {record.levelname:<7} {room}: {record.message}" + (f" [{fields}]" if fields else "")


class JournalFormatter(logging.Formatter):
    """The message alone: the journal keeps time, level and fields beside it."""

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


def configure(level: str = "INFO", *, wire: bool = False, stream: TextIO | None = None) -> None:
    """Send what sitectl and its libraries log to the journal or `stream` (standard error); `wire` adds wire traffic."""
    to_journal = stream is None and journald.collects()
    if to_journal:
        handler = journald.handler(JournalFormatter())
    else:
        handler = logging.StreamHandler(stream or sys.stderr)
        handler.setFormatter(LineFormatter())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.WARNING)
    logging.getLogger("sitectl").setLevel(level)
    logging.getLogger(WIRE).setLevel(logging.DEBUG if wire else logging.WARNING)
    logging.getLogger(EVENTS).setLevel(logging.INFO if to_journal else logging.WARNING)
