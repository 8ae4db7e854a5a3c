"""Files that a central has stations fetch or send: what was ordered, and how far it is known to have got."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sitectl.model.transaction import Payload


class FileKind(StrEnum):
    """What is transferred."""

    DIAGNOSTICS = "diagnostics"
    FIRMWARE = "firmware"
    LOG = "log"
    SIGNED_FIRMWARE = "signed_firmware"

    @property
    def is_numbered(self) -> bool:
        """Whether an order of this kind has a number."""
        return self in (FileKind.LOG, FileKind.SIGNED_FIRMWARE)

    @property
    def is_upload(self) -> bool:
        """Whether the station sends, rather than fetches."""
        return self in (FileKind.DIAGNOSTICS, FileKind.LOG)


@dataclass(frozen=True, slots=True)
class FileOrder:
    """An order of a central. `payload` is what the station is told; `begins`: nothing is expected before (None: now).

    `refused`: why the station is not told at all, "" when it is.
    """

    kind: FileKind
    payload: Payload
    begins: datetime | None = None
    retries_s: float = 0.0
    """How much longer it may take because the station tries again."""
    refused: str = ""
    request_id: int | None = None
    """The central's number of it; None: of a kind that has none."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """One order on its way. Times are wall clock, for they outlive the process.

    `sent`: the station was told. `status`: the last one that the central knows, "" for none. `over`: no other is waited
    for, and one that comes late is passed on nevertheless. `due`: without another one by then it has failed.
    """

    order: FileOrder
    ordered: datetime
    due: datetime
    sent: bool = False
    status: str = ""
    over: bool = False
    changed: datetime | None = None
    """When the status came."""
    number: int | None = None
    """Our number of it, by which the station speaks of it."""
