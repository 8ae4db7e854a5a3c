"""Hands on stations: who ordered what of one, so that no two work on it at once, and budgets count them all."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sitectl.model.commands import (
    ChangeAvailability,
    Command,
    RelayCall,
    RequestStart,
    RequestStop,
    ResetKind,
    ResetStation,
    SetVariable,
    UnlockConnector,
)
from sitectl.model.ids import StationId

HEALING = "healing"
"""Who orders remedies."""


class HandKind(StrEnum):
    """What was ordered, of those things that change how a station stands. Limits and questions are none."""

    SOFT_RESET = "soft_reset"
    HARD_RESET = "hard_reset"
    POWER_CYCLE = "power_cycle"
    RECONNECT = "reconnect"
    AVAILABILITY = "availability"
    UNLOCK = "unlock"
    START = "start"
    STOP = "stop"
    CONFIGURATION = "configuration"
    OTHER = "other"

    @property
    def is_reset(self) -> bool:
        """Whether the station begins anew by it."""
        return self in (HandKind.SOFT_RESET, HandKind.HARD_RESET, HandKind.POWER_CYCLE)


@dataclass(frozen=True, slots=True)
class Hand:
    """One order: `by` is a person, `central NAME`, `healing`, or the site itself (""). `at`: monotonic s.

    `open`: the station has not answered yet.
    """

    station: StationId
    kind: HandKind
    by: str
    at: float
    open: bool = False


def kind_of(command: Command) -> HandKind | None:
    """What kind of hand a command is; None for those that change nothing but a limit."""
    match command:
        case ResetStation(kind=ResetKind.IMMEDIATE):
            return HandKind.HARD_RESET
        case ResetStation():
            return HandKind.SOFT_RESET
        case ChangeAvailability():
            return HandKind.AVAILABILITY
        case UnlockConnector():
            return HandKind.UNLOCK
        case RequestStart():
            return HandKind.START
        case RequestStop():
            return HandKind.STOP
        case SetVariable():
            return HandKind.CONFIGURATION
        case RelayCall():
            return HandKind.OTHER
        case _:
            return None
