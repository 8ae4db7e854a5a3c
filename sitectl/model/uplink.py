"""Uplinks: central CSMSs, what they may do, and how they stand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Right(StrEnum):
    """Classes of commands that an uplink may be granted."""

    START_STOP = "start_stop"
    PROFILES = "profiles"
    CONFIGURATION = "configuration"
    RESET = "reset"
    FIRMWARE = "firmware"
    LISTS = "lists"
    READ = "read"


class UplinkState(StrEnum):
    """`online`: every wanted connection is Boot-accepted."""

    ONLINE = "online"
    CONNECTING = "connecting"
    REFUSED = "refused"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class UplinkView:
    """How one uplink stands, for people."""

    state: UplinkState
    stations: int = 0
    backlog: int = 0
    oldest_s: float | None = None
    dead: int = 0
    text: str = ""
