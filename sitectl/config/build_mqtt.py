"""From the checked draft to the broker."""

from __future__ import annotations

from collections.abc import Mapping

from sitectl.config.draft import Draft
from sitectl.config.issues import Path
from sitectl.config.settings_mqtt import MqttSettings

PORT, TLS_PORT = 1883, 8883


def mqtt(draft: Draft, secrets: Mapping[Path, bytes]) -> MqttSettings | None:
    """None where there is no such section. `secrets`: what the files hold, by the path of the value that names them."""
    section = draft.config.mqtt
    if section is None:
        return None
    named = [None if name is None else draft.file(name) for name in (section.ca, section.certificate, section.key)]
    tls = section.tls if section.tls is not None else any(named)
    return MqttSettings(
        section.host,
        section.port or (TLS_PORT if tls else PORT),
        section.topic,
        section.discovery_topic if section.home_assistant else None,
        section.allow_commands,
        section.user,
        secrets.get(("mqtt", "password_file")),
        tls,
        *named,
    )
