"""The shape of `mqtt`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sitectl.config.fields import FileName, Section, Text, parses
from sitectl.config.inputs import parse_host, parse_topic


class MqttSection(Section):
    """A broker that gets the state of the site."""

    host: Annotated[str, parses(parse_host)]
    """Its name or address."""
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Default: 1883, with TLS 8883."""
    topic: Annotated[str, parses(parse_topic)] = "sitectl"
    """All topics lie below this one."""
    home_assistant: bool = True
    """Whether Home Assistant is told what there is."""
    discovery_topic: Annotated[str, parses(parse_topic)] = "homeassistant"
    """Below which Home Assistant looks for that."""
    allow_commands: bool = False
    """Whether commands are taken: everybody who may publish to the broker may give them."""
    user: Text | None = None
    """Who logs in; absent: nobody does."""
    password_file: FileName | None = None
    """The password."""
    tls: bool | None = None
    """Whether the connection is encrypted; default: where ca or certificate is named."""
    ca: FileName | None = None
    """PEM file of who signs the broker's certificate; default: the system's."""
    certificate: FileName | None = None
    """PEM file of our own certificate, for mutual TLS."""
    key: FileName | None = None
    """PEM file of its private key."""
