"""From the checked draft to the receivers of alerts."""

from __future__ import annotations

from collections.abc import Mapping

from sitectl.base.errors import InternalError
from sitectl.config.draft import Draft
from sitectl.config.inputs_alerts import parse_mail_server
from sitectl.config.issues import Path
from sitectl.config.models_alerts import AlertSection
from sitectl.config.notation import Refusal, split
from sitectl.config.settings_alerts import AlertSettings, MailSettings, WebhookSettings

_PORTS = {"starttls": 587, "implicit": 465, "none": 25}

Secrets = Mapping[Path, bytes]
"""What the files hold, by the path of the value that names them."""


def alerts(draft: Draft, secrets: Secrets) -> tuple[AlertSettings, ...]:
    """Every receiver, in the order of the file; two of the same name get numbers."""
    built: list[AlertSettings] = []
    names: dict[str, int] = {}
    for number, section in enumerate(draft.config.alerts):
        name = section.name or _name(section)
        names[name] = names.get(name, 0) + 1
        name = name if names[name] == 1 else f"{name} {names[name]}"
        built.append(_one(draft, section, name, ("alerts", number), secrets))
    return tuple(built)


def _one(draft: Draft, section: AlertSection, name: str, path: Path, secrets: Secrets) -> AlertSettings:
    ca = None if section.ca is None else draft.file(section.ca)
    if section.webhook is not None:
        return WebhookSettings(
            name=name,
            after_s=section.after_s,
            per_hour=section.at_most_per_hour,
            recoveries=section.recoveries,
            ca=ca,
            url=section.webhook,
            secret=secrets.get((*path, "secret_file")),
            token=secrets.get((*path, "token_file")),
        )
    server = parse_mail_server(section.smtp or "")
    if isinstance(server, Refusal) or section.to is None:
        raise InternalError("a receiver of alerts passed the checks and is none")
    tls = section.tls or "starttls"
    return MailSettings(
        name=name,
        after_s=section.after_s,
        per_hour=section.at_most_per_hour,
        recoveries=section.recoveries,
        ca=ca,
        host=server[0],
        port=server[1] or _PORTS[tls],
        sender=section.sender or section.to[0],
        to=tuple(section.to),
        tls=tls,
        user=section.user,
        password=secrets.get((*path, "password_file")),
    )


def _name(section: AlertSection) -> str:
    if section.webhook is None:
        return f"mail {(section.to or ['?'])[0]}"
    url = split(section.webhook)
    return f"webhook {url.hostname if url is not None else '?'}"
