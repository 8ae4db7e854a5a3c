"""What is known of an IdToken without asking anybody: what a central left with us, and how it wants that used."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sitectl.model.transaction import IdTokenInfo


def folded(id_token: str) -> str:
    """An IdToken as lists, caches and reservations compare it: in OCPP capitals do not tell two tokens apart."""
    return id_token.strip().casefold()


def same_token(one: str | None, other: str | None) -> bool:
    """Whether two tokens, or two parents, are the same one. Nothing is never the same as anything."""
    return bool(one) and bool(other) and folded(one or "") == folded(other or "")


@dataclass(frozen=True, slots=True)
class LocalList:
    """The list that one central keeps on one station, by folded token. An empty list has version 0."""

    version: int = 0
    tokens: Mapping[str, IdTokenInfo] = field(default_factory=dict)

    def get(self, id_token: str) -> IdTokenInfo | None:
        """What it says of a token."""
        return self.tokens.get(folded(id_token))

    def count_without(self, id_tokens: Iterable[str]) -> int:
        """How many tokens it holds besides these."""
        return len(self.tokens) - len(self.tokens.keys() & {folded(token) for token in id_tokens})


@dataclass(frozen=True, slots=True)
class Heard:
    """A verdict that a central gave, and when."""

    info: IdTokenInfo
    at: datetime


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the authoritative central has told of a token, and how it wants that used (OCPP 1.6, 9.1 and 9.2).

    `listed`: in its local list; `cached`: its last verdict. `pre_authorize`: a yes from here needs no question.
    `offline`: while it is away, list and cache may decide. `unknown`: while it is away, unknown tokens may charge.
    """

    listed: IdTokenInfo | None = None
    cached: IdTokenInfo | None = None
    pre_authorize: bool = False
    offline: bool = True
    unknown: bool = True

    @property
    def parent(self) -> str | None:
        """The parent of the token, as far as it was told."""
        for info in (self.listed, self.cached):
            if info is not None and info.parent is not None:
                return info.parent
        return None
