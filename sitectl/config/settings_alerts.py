"""Whom to tell of problems, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Literal

MailTls = Literal["starttls", "implicit", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSettings:
    """What every channel has. `after_s`: so long a problem stands before it is told."""

    name: str
    after_s: float = 30.0
    per_hour: float = 12.0
    recoveries: bool = True
    ca: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings(ChannelSettings):
    """An address that gets a POST. Often the address itself is the secret."""

    url: str = field(repr=False)
    secret: bytes | None = field(default=None, repr=False)
    """Signs each body."""
    token: bytes | None = field(default=None, repr=False)
    """Goes along as bearer token."""

    @property
    def key(self) -> str:
        """Which receiver it is, without saying it."""
        return f"webhook {sha256(self.url.encode()).hexdigest()[:16]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailSettings(ChannelSettings):
    """A mail server and who gets the mail."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    tls: MailTls = "starttls"
    user: str | None = None
    password: bytes | None = field(default=None, repr=False)

    @property
    def key(self) -> str:
        """Which receiver it is."""
        return f"mail {sha256(' '.join((self.host, *sorted(self.to))).encode()).hexdigest()[:16]}"


AlertSettings = WebhookSettings | MailSettings
