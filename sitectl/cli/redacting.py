"""Takes secrets out of what leaves the gateway: by what they are called, by what they are, and by a last look at all.

Passwords and keys become `***`. Tokens that cars and people show become names that are made anew for each bundle, so
that one can be followed through it and means nothing outside.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import quote

from sitectl.base.logging import scrub

HIDDEN = "***"
SECRET_NAME = re.compile(
    r"(?i)pass(?:word|phrase|wd)?$|secret|authorization_?key|credential$|psk$|pwd|pin(?:code)?$|api_?key|access_?key"
)
"""What a value is called that is secret."""

TOKEN_NAMES = frozenset(
    [
        "idtag",
        "idtoken",
        "parentidtag",
        "id_tag",
        "id_token",
        "parent_id_tag",
        "parent",
        "groupidtoken",
        "token",
        "source_token",
    ]
)
_TOKEN_TEXT = re.compile(r'(?i)\\?"(?:idTag|idToken|parentIdTag|id_token|id_tag)\\?"\s*:\s*\\?"((?:[^"\\]|\\\\.)*)\\?"')
_NAMED_TEXT = re.compile(r'"(\w{2,40})\\*"\s*:\s*\\*"([^"\\]{3,})')
_LEAST = 3
"""A shorter text is a word of its own too often to be looked for everywhere."""


class Redactor:
    """Knows what must not leave. Texts go through it once all is known."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._tokens: dict[str, str] = {}
        self._key = secrets.token_bytes(16)

    def hide(self, values: Iterable[str]) -> None:
        """These are secret."""
        self._secrets |= {value for value in (one.strip() for one in values) if len(value) >= _LEAST}

    def hide_tokens(self, values: Iterable[str]) -> None:
        """These are tokens of people."""
        for value in values:
            if value and not value.startswith("token-"):
                digest = hmac.digest(self._key, value.casefold().encode(), hashlib.sha256).hex()
                self._tokens.setdefault(value, f"token-{digest[:8]}")

    def learn(self, value: Any) -> None:
        """Find tokens and secrets in what is to be told: under their names, and in frames as text."""
        for name, text in _leaves(value):
            if name.casefold() in TOKEN_NAMES:
                self.hide_tokens([text])
            elif SECRET_NAME.search(name):
                self.hide([text])
            self.learn_text(text)

    def learn_text(self, text: str) -> None:
        """The same in a text."""
        self.hide_tokens(_TOKEN_TEXT.findall(text))
        self.hide(value for name, value in _NAMED_TEXT.findall(text) if SECRET_NAME.search(name))

    def document(self, value: Any) -> str:
        """JSON without them."""
        return self.text(json.dumps(_named_away(value), indent=1, ensure_ascii=False))

    def text(self, text: str) -> str:
        """A text without them."""
        text = scrub(text)
        for secret in sorted(self._secrets, key=len, reverse=True):
            for form in _forms(secret):
                text = text.replace(form, HIDDEN)
        for token, name in sorted(self._tokens.items(), key=lambda pair: -len(pair[0])):
            text = _token(token).sub(name, text)
        return text

    def remains(self, content: bytes) -> bool:
        """Whether any of them is still in it."""
        text = content.decode("utf-8", "replace")
        if any(form in text for secret in self._secrets for form in _forms(secret)):
            return True
        return any(_token(token).search(text) for token in self._tokens)


def _token(token: str) -> re.Pattern[str]:
    """A token wherever it stands alone; letters in any case."""
    return re.compile(rf"(?i)(?<![A-Za-z0-9]){re.escape(token)}(?![A-Za-z0-9])")


def _forms(secret: str) -> Iterator[str]:
    """As it may be written: plain, in JSON, in an address, as Basic authentication, in hexadecimal."""
    raw = secret.encode("utf-8", "surrogateescape")
    forms = {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1], quote(secret, safe="")}
    forms |= {raw.hex(), raw.hex().upper()}
    if len(raw) >= 6:
        for shift in range(3):  # wherever it begins within three bytes, most of its base64 is the same
            encoded = base64.b64encode(bytes(shift) + raw).decode()
            forms.add(encoded[(0, 2, 3)[shift] : len(encoded) - 4 if len(raw + bytes(shift)) % 3 else len(encoded)])
    yield from sorted((form for form in forms if len(form) >= _LEAST), key=len, reverse=True)


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text with the name that it stands under; a key with its value (as of a configuration) names that."""
    if isinstance(value, Mapping):
        keyed = value.get("key")
        for key, inner in value.items():
            under = keyed if key in ("value", "Value") and isinstance(keyed, str) else str(key)
            yield from _leaves(inner, under)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _leaves(inner, name)
    elif isinstance(value, str):
        yield name, value
        if value[:1] in ("{", "["):  # a text in a text, as vendors like it
            with suppress(ValueError):
                yield from _leaves(json.loads(value), name)


def _named_away(value: Any, name: str = "") -> Any:
    """The same with secrets taken out by their names."""
    if isinstance(value, Mapping):
        keyed = value.get("key")
        return {
            key: _named_away(inner, keyed if key in ("value", "Value") and isinstance(keyed, str) else str(key))
            for key, inner in value.items()
        }
    if isinstance(value, list | tuple):
        return [_named_away(inner, name) for inner in value]
    if isinstance(value, str) and value and SECRET_NAME.search(name) and not name.endswith("_file"):
        return HIDDEN
    return value
