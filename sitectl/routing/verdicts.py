"""The verdict on an IdToken without asking a central: from the site's tokens file, its local list, its cache.

In this order, the first that knows the token decides (OCPP 1.6, 3.5.3: a list goes before the cache; the file is the
site's own word and goes before both). What a central wants of list and cache is in `Remembered`; the file obeys the
site alone.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sitectl.model.authorization import Remembered
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo

ACCEPTED = IdTokenInfo(AuthorizationStatus.ACCEPTED)
INVALID = IdTokenInfo(AuthorizationStatus.INVALID)
RESERVED = IdTokenInfo(AuthorizationStatus.BLOCKED)
"""Where somebody else has reserved: of this place only, and so never remembered."""


class Source(StrEnum):
    """Who said it."""

    CENTRAL = "central"
    FILE = "file"
    LIST = "list"
    CACHE = "cache"
    RULE = "rule"
    """A rule of the configuration, not something known of the token."""
    RESERVATION = "reservation"


class Verdict(NamedTuple):
    """What is answered about a token, and on whose word."""

    info: IdTokenInfo
    source: Source


def at_once(on_file: IdTokenInfo | None, remembered: Remembered, now: datetime) -> Verdict | None:
    """A yes that needs no question, where the central wants that (LocalPreAuthorize); None: ask it.

    Only a yes: who is not welcome by list or cache may have become so since (OCPP 1.6, 9.1.13).
    """
    found = _known(on_file, remembered, now) if remembered.pre_authorize else None
    return found if found is not None and found.info.status is AuthorizationStatus.ACCEPTED else None


def offline(
    on_file: IdTokenInfo | None, remembered: Remembered, now: datetime, *, named: bool, accept_unknown: bool
) -> Verdict:
    """The verdict while the central is away. `accept_unknown` is the site's rule for tokens that nobody here knows.

    Unknown tokens charge only where the site and the central both let them, and never where none was `named`.
    """
    found = _known(on_file, remembered, now)
    if found is not None and (found.source is Source.FILE or remembered.offline):
        return found
    welcome = named and found is None and remembered.offline and remembered.unknown and accept_unknown
    return Verdict(ACCEPTED if welcome else INVALID, Source.RULE)


def by_list(on_file: IdTokenInfo | None) -> Verdict:
    """The verdict where the tokens file alone decides."""
    return Verdict(INVALID if on_file is None else on_file, Source.FILE)


def _known(on_file: IdTokenInfo | None, remembered: Remembered, now: datetime) -> Verdict | None:
    for info, source in ((on_file, Source.FILE), (remembered.listed, Source.LIST), (remembered.cached, Source.CACHE)):
        if info is not None:
            return Verdict(as_of(info, now), source)
    return None


def as_of(info: IdTokenInfo, now: datetime) -> IdTokenInfo:
    """A verdict as it holds now: a yes may have lapsed meanwhile."""
    if info.status is AuthorizationStatus.ACCEPTED and info.expires is not None and info.expires <= now:
        return IdTokenInfo(AuthorizationStatus.EXPIRED, info.expires, info.parent)
    return info
