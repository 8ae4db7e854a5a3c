"""The disk under the ledger: how it stands, in words that others can show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class StoreState(StrEnum):
    """How the ledger's file stands, from well to worst.

    `tight`: space is short, what can be done without is not written. `reserve`: the disk is full and the space that was
    kept back is being used up. `slow`: a write has been under way for long; others wait. From `full` on nothing is
    written: no transaction message is acknowledged and no limit raised.
    """

    OK = "ok"
    TIGHT = "tight"
    RESERVE = "reserve"
    SLOW = "slow"
    FULL = "full"
    READ_ONLY = "read_only"
    FAILING = "failing"
    BUSY = "busy"
    CORRUPT = "corrupt"

    @property
    def writes(self) -> bool:
        """Whether transactions and limits are being written."""
        return self in (StoreState.OK, StoreState.TIGHT, StoreState.RESERVE)


@dataclass(frozen=True, slots=True)
class DiskUse:
    """What the files take (bytes). `free` and `total` are of the file system; `reserve`: space is kept back."""

    free: int
    total: int
    file: int
    wal: int
    reserve: bool


@dataclass(frozen=True, slots=True)
class Salvage:
    """What was saved from a damaged file, which is kept in `folder` until a person removes it.

    `saved`: rows by table. `damaged`: pages by table that could not be read. `lost_frames`: pages of the log that could
    not. `missing`: transactions of which other rows tell, but which were not found. `complete`: nothing is still being
    copied.
    """

    when: datetime
    why: str
    folder: str
    complete: bool
    saved: Mapping[str, int]
    damaged: Mapping[str, int]
    lost_frames: int = 0
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """The ledger's file as it stands.

    `why`: what the machine said, empty when all is well. `slow_s`: how long a commit takes, the one under way
    included. `left_out`: writes that could be done without and were, since space became short. `inspected`: when the
    whole file was last read and found sound.
    """

    state: StoreState = StoreState.OK
    why: str = ""
    directory: str = ""
    disk: DiskUse | None = None
    waiting: int = 0
    slow_s: float = 0.0
    left_out: int = 0
    inspected: datetime | None = None
    salvages: tuple[Salvage, ...] = ()
