"""The MQTT broker, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Where the state of the site is published. `discovery`: the topic that Home Assistant looks below; None: off."""

    host: str
    port: int = 1883
    topic: str = "sitectl"
    discovery: str | None = "homeassistant"
    allow_commands: bool = False
    user: str | None = None
    password: bytes | None = field(default=None, repr=False)
    tls: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
