"""What comes of one step of the outbox, for whoever holds the connection."""

from __future__ import annotations

from enum import Enum


class Step(Enum):
    """What came of one step."""

    IDLE = "nothing can be sent now"
    SENT = "a message was settled"
    GONE = "the connection ended"
    SICK = "the central does not answer"
    NOT_ACCEPTED = "the central wants to be booted again"
