"""Webhooks, mail servers and mail addresses, as they are written. What may be a secret is never repeated."""

from __future__ import annotations

import re

from sitectl.config.inputs import LOCAL_HOSTS
from sitectl.config.issues import shown
from sitectl.config.notation import Refusal, host_and_port, split

_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?")


def parse_webhook(text: str) -> str | Refusal:
    """`https://host/path`; `http://` only where nobody listens in."""
    url = split(text)
    if url is None or url.scheme not in ("https", "http") or None in host_and_port(url, 443):
        return Refusal("not an address of a webhook", "write https://host/path, such as https://hooks.example.com/x")
    if url.username is not None or url.password is not None:
        return Refusal("a user or password in the address", "remove it: name a token_file, or a secret_file")
    if url.fragment or "#" in text:
        return Refusal("a fragment (#) in the address", "remove it")
    if not text.isascii():
        return Refusal("other letters than an address may have", "write them percent-encoded")
    if url.scheme == "http" and url.hostname not in LOCAL_HOSTS:
        return Refusal("http:// to another machine: everybody on the way reads along", "write https://")
    return text


def parse_mail_server(text: str) -> tuple[str, int | None] | Refusal:
    """`mail.example.com` or `mail.example.com:587`."""
    url = split(f"smtp://{text}")
    refusal = Refusal(f"{shown(text)} is no mail server", "write its host, or host:port, such as mail.example.com:587")
    if url is None or url.username is not None or url.path or url.query or url.fragment or "#" in text or "?" in text:
        return refusal
    host, port = host_and_port(url, 0)
    if host is None or port is None:
        return refusal
    return host, port or None


def parse_mail_address(text: str) -> str | Refusal:
    """`ops@example.com`, without a name beside it."""
    if not _ADDRESS.fullmatch(text):
        return Refusal(f"{shown(text)} is no mail address", "write it alone, such as ops@example.com")
    return text
