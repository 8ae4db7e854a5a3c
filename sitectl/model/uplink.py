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


class ZeroId(StrEnum):
    """What follows a start that a central refused with no id that means anything (0, or a negative one).

    `minus_one`: the rest goes up with -1, which the errata of 1.6 (3.18) have centrals answer as if it were valid.
    `send_zero`: with 0, as it was given. `suppress`: not at all, for this central has no such transaction.
    """

    MINUS_ONE = "minus_one"
    SEND_ZERO = "send_zero"
    SUPPRESS = "suppress"


class DeadStart(StrEnum):
    """What follows a start that was given up. `minus_one`: its stop goes up with -1, as the errata of 1.6 have it.
    `hold`: nothing, until a person has the start sent again. Meter values wait for that in any case.
    """

    MINUS_ONE = "minus_one"
    HOLD = "hold"


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
