"""The broker's section is whole, and no password leaves in clear unnoticed."""

from __future__ import annotations

from sitectl.config.checks_security import check_pem
from sitectl.config.draft import Draft
from sitectl.config.inputs import LOCAL_HOSTS


def check(draft: Draft) -> None:
    """Report halves of a login or a certificate, files that cannot be read, and TLS settings that TLS is off for."""
    body = draft.section("mqtt")
    for key, other in (
        ("user", "password_file"),
        ("password_file", "user"),
        ("certificate", "key"),
        ("key", "certificate"),
    ):
        if body.get(key) is not None and body.get(other) is None:
            draft.findings.error(("mqtt", key), f"has no {other} beside it", f"add {other}: …, or remove it")
    for key in ("ca", "certificate", "key"):
        name = body.get(key)
        if isinstance(name, str):
            check_pem(draft, ("mqtt", key), name, secret=key == "key")
        if name is not None and body.get("tls") is False:
            draft.findings.error(("mqtt", "tls"), f"false, and {key} is named", "write true, or remove what is for TLS")
            break
    named = draft.config.mqtt
    encrypted = named is not None and (named.tls or named.ca or named.certificate)
    if named is not None and not encrypted and named.host not in LOCAL_HOSTS:
        if named.password_file is not None:
            message, cure = "the password goes to another machine in clear", "write tls: true, if the broker has it"
            draft.findings.warn(("mqtt", "password_file"), message, cure)
        if named.allow_commands:
            message, cure = "commands come over a line that anybody on it may write to", "write tls: true"
            draft.findings.warn(("mqtt", "allow_commands"), message, cure)
