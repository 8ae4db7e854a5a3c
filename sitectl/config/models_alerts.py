"""The shape of `alerts`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, JsonValue

from sitectl.config.fields import FileName, Name, Section, Text, parses
from sitectl.config.inputs_alerts import parse_mail_address, parse_mail_server, parse_webhook


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


_OR_ONE: dict[str, JsonValue] = {"description": "One, or a list."}
MailAddress = Annotated[str, parses(parse_mail_address)]


class AlertSection(Section):
    """One receiver of alerts: a webhook, or mail."""

    webhook: Annotated[str, parses(parse_webhook)] | None = None
    """An address that gets each message as a POST; http:// to this machine only."""
    smtp: Annotated[str, parses(parse_mail_server)] | None = None
    """Or a mail server, host or host:port; the port follows from tls when it is not said."""
    name: Name | None = None
    """What it is called in problems and logs; default: webhook or mail, and its host."""
    after_s: Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)] = 30.0
    """So long a problem stands before it is told; its end is told when it has been away for twice that."""
    at_most_per_hour: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 12.0
    """Messages; what comes beyond waits, and goes with the next."""
    recoveries: bool = True
    """Whether the end of a problem is told, too."""
    ca: FileName | None = None
    """PEM file of who signs the receiver's certificate; default: the system's."""
    secret_file: FileName | None = None
    """Of a webhook: signs each message (X-Sitectl-Signature: sha256=, HMAC of the body)."""
    token_file: FileName | None = None
    """Of a webhook: goes along as bearer token."""
    tls: Literal["starttls", "implicit", "none"] | None = None
    """Of mail; default: starttls."""
    sender: Annotated[MailAddress | None, Field(alias="from")] = None
    """Of mail: from whom; default: the first of `to`."""
    to: (
        Annotated[list[MailAddress], BeforeValidator(_listed), Field(min_length=1, json_schema_extra=_OR_ONE)] | None
    ) = None
    """Of mail: to whom, one or a list."""
    user: Text | None = None
    """Of mail: who logs in; absent: nobody does."""
    password_file: FileName | None = None
    """Of mail: the password."""
