"""SendLocalList, GetLocalListVersion and ClearCache of a central (OCPP 1.6, 5.4, 5.10 and 5.15), and our answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sitectl.model.authorization import folded
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo, Payload
from sitectl.ocpp.v16.charging_profiles import Invalid
from sitectl.ocpp.v16.fields import Fields
from sitectl.ocpp.versions import ErrorCode

LONGEST_TOKEN = 20


@dataclass(frozen=True, slots=True)
class ListSent:
    """A SendLocalList; None stands for a token that is to leave the list. `wrong`: why none of it can be taken."""

    version: int
    full: bool
    tokens: Mapping[str, IdTokenInfo | None] = field(default_factory=dict)
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class ListVersionAsked:
    """A GetLocalListVersion."""


@dataclass(frozen=True, slots=True)
class CacheCleared:
    """A ClearCache."""


class ListStatus(StrEnum):
    """The answer to a SendLocalList."""

    ACCEPTED = "Accepted"
    FAILED = "Failed"
    NOT_SUPPORTED = "NotSupported"
    VERSION_MISMATCH = "VersionMismatch"


class _UpdateType(StrEnum):
    FULL = "Full"
    DIFFERENTIAL = "Differential"
    NEITHER = ""


def list_sent(payload: Payload) -> ListSent | Invalid:
    """Read a SendLocalList. A list with a bad entry is one that cannot be taken: half of it would be another list."""
    fields = Fields(payload)
    version = fields.integer("listVersion", required=True)
    kind = fields.choice("updateType", _UpdateType, _UpdateType.NEITHER)
    if version is None or kind is _UpdateType.NEITHER:
        return Invalid(ErrorCode.FORMAT_VIOLATION, fields.wrong[0].message)
    full = kind is _UpdateType.FULL
    if version <= 0:  # errata of 1.6, 3.52: 0 and -1 say something else
        return ListSent(version, full, wrong=f"{version} is the version of no list")
    tokens: dict[str, IdTokenInfo | None] = {}
    seen: set[str] = set()
    for number, entry in enumerate(fields.items("localAuthorizationList")):
        read = _entry(entry)
        if read is None or folded(read[0]) in seen or (full and read[1] is None):
            return ListSent(version, full, wrong=f"entry {number} cannot be read, or repeats a token")
        seen.add(folded(read[0]))
        tokens[read[0]] = read[1]
    return ListSent(version, full, tokens)


def _entry(entry: Any) -> tuple[str, IdTokenInfo | None] | None:
    """A token and what is said of it (None: nothing); None when that cannot be read as it was meant."""
    if not isinstance(entry, dict):
        return None
    fields = Fields(entry)
    token, said = fields.text("idTag", required=True), fields.part("idTagInfo")
    if token is None or len(token) > LONGEST_TOKEN:
        return None
    if said is None:
        return (token, None) if entry.get("idTagInfo") is None else None
    verdict, expires = status(said), said.moment("expiryDate")
    if verdict is None or (expires is None and said.text("expiryDate") is not None):
        return None
    return token, IdTokenInfo(verdict, None if expires is None else expires[0], said.text("parentIdTag"))


def status(id_tag_info: Fields) -> AuthorizationStatus | None:
    """The verdict in an IdTagInfo, in whatever case; None when it is none of the five."""
    word = id_tag_info.text("status", required=True) or ""
    found = next((status for status in AuthorizationStatus if status.value.lower() == word.lower()), None)
    if word and (found is None or found.value != word):
        id_tag_info.deviate("status", "enum", f"status has no value {word}")
    return found


def list_answer(status: ListStatus) -> Payload:
    """The answer to SendLocalList."""
    return {"status": status.value}


def list_version(version: int) -> Payload:
    """The answer to GetLocalListVersion; 0 for an empty list."""
    return {"listVersion": version}
