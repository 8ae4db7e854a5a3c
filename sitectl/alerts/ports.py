"""What the room needs from others, by shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sitectl.alerts.message import Message
from sitectl.model.alerts import KeptChannel
from sitectl.model.health import Problem

Problems = Callable[[], Sequence[Problem]]
"""Everything that is wrong on the site now."""


class Shelf(Protocol):
    """What outlives a restart."""

    async def load(self) -> Mapping[str, KeptChannel]:
        """What was kept, by the key of the channel; empty where the disk does not say."""

    def keep(self, channels: Mapping[str, KeptChannel]) -> None:
        """Keep exactly this. Never waits; where the disk takes nothing now, it goes with the next."""


@dataclass(frozen=True, slots=True)
class Sent:
    """The receiver took it. `note`: what it said beside that, for the log."""

    note: str = ""


@dataclass(frozen=True, slots=True)
class NotSent:
    """It did not get out, or nobody knows. `why` is for people and holds no secret.

    `refused`: the receiver said no, and will say so again until somebody changes something; `wait_s`: it asked for so
    much patience.
    """

    why: str
    refused: bool = False
    wait_s: float = 0.0


Outcome = Sent | NotSent


class Post(Protocol):
    """A way out."""

    async def send(self, message: Message) -> Outcome:
        """Try once, within a deadline. Raises nothing."""
