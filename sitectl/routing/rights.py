"""Which right each command of a central needs.

start_stop: remote start, remote stop, unlock. reset: reset, availability. configuration: writing keys, data transfer.
read: reading keys, triggers. profiles: charging profiles. Commands of other classes come with their own rights.
"""

from __future__ import annotations

from collections.abc import Collection

from sitectl.model.commands import (
    ChangeAvailability,
    Command,
    GetVariables,
    RequestStart,
    RequestStop,
    ResetStation,
    SetVariable,
    TransferData,
    TriggerMessage,
    UnlockConnector,
)
from sitectl.model.uplink import Right

_NEEDS: dict[type, Right] = {
    RequestStart: Right.START_STOP,
    RequestStop: Right.START_STOP,
    UnlockConnector: Right.START_STOP,
    ResetStation: Right.RESET,
    ChangeAvailability: Right.RESET,
    SetVariable: Right.CONFIGURATION,
    TransferData: Right.CONFIGURATION,
    GetVariables: Right.READ,
    TriggerMessage: Right.READ,
}


def needed_right(command: type[Command]) -> Right | None:
    """The right for a kind of command; None: no central is ever given it (limits have one writer: the site)."""
    return _NEEDS.get(command)


def may(rights: Collection[Right], command: type[Command]) -> bool:
    """Whether these rights allow this kind of command."""
    needed = needed_right(command)
    return needed is not None and needed in rights


def passes(vendors: Collection[str] | None, vendor: str) -> bool:
    """Whether private messages of this vendor are passed on. `vendors` in lower case; None: everybody's."""
    return vendors is None or vendor.strip().lower() in vendors
