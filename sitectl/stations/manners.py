"""How a station wants to be called, by its sheets: what the queue heeds for it beside the table of times."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sitectl.model.commands import Command, ResetKind, ResetStation, TriggerMessage
from sitectl.quirks.vocabulary import Quirks


@dataclass(frozen=True, slots=True)
class Manners:
    """The defaults are the standard. Seconds; None: as the table of times has it."""

    call_timeout_s: float | None = None
    settle_s: float | None = None
    calls_before_boot: bool = True
    redials: bool = True
    refused_triggers: frozenset[str] = frozenset()
    hard_reset_only: bool = False

    def refusal(self, command: Command) -> str | None:
        """Why a command is not even sent; None: it is."""
        if isinstance(command, TriggerMessage) and command.message in self.refused_triggers:
            return f"it does not send {command.message} on demand"
        return None

    def worded(self, command: Command) -> Command:
        """The command that has the effect which is wanted."""
        if self.hard_reset_only and isinstance(command, ResetStation):
            return replace(command, kind=ResetKind.IMMEDIATE)
        return command


STANDARD_MANNERS = Manners()


def manners_of(quirks: Quirks) -> Manners:
    """What of the flags is for the queue; `STANDARD_MANNERS` itself where none is."""
    manners = Manners(
        quirks.call_timeout_s,
        quirks.settle_s,
        quirks.calls_before_boot,
        quirks.redials,
        quirks.refused_triggers,
        quirks.hard_reset_only,
    )
    return STANDARD_MANNERS if manners == STANDARD_MANNERS else manners
