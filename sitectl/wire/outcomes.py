"""What a handler may say to a call of the peer, and what may come of a call of ours: closed unions of plain values."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sitectl.model.transaction import Payload
from sitectl.ocpp.frame import Call, CallResultError, Send
from sitectl.ocpp.versions import ErrorCode


@dataclass(frozen=True, slots=True)
class Refuse:
    """Answer with a CALLERROR. A repetition of the call is served anew."""

    code: ErrorCode
    description: str = ""
    details: Payload = field(default_factory=dict)


class Silence:
    """Do not answer, so that the peer keeps the message and repeats it: what is not stored is not acknowledged."""


Reply = Payload | Refuse | Silence


class Upon(NamedTuple):
    """Answer when `future` is done, with what `reply` makes of it: costs neither a task nor a future of its own."""

    future: asyncio.Future[Any]
    reply: Callable[[asyncio.Future[Any]], Reply]


Handler = Callable[[Call], Reply | Upon | Awaitable[Reply]]
"""Serves one call, now or later. It must come to an end by itself: at most `Limits.pending` are served at a time."""


@dataclass(frozen=True, slots=True)
class Late:
    """A call of ours that had timed out was answered after all. `request` is what we had asked.

    The outcome stands; an "Accepted" for a limit asks for a second look.
    """

    action: str
    request: Payload
    payload: Payload


Notice = Late | Send | CallResultError
"""What is said unasked: an answer that came too late, a SEND, a complaint about an answer of ours."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The peer answered."""

    payload: Payload


@dataclass(frozen=True, slots=True)
class Refused:
    """The peer answered with a CALLERROR; `code` in its own spelling."""

    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TimedOut:
    """It was sent, and no answer came in time."""


@dataclass(frozen=True, slots=True)
class Gone:
    """The connection ended. `sent` False: the call never left us."""

    reason: str
    sent: bool


CallOutcome = Answer | Refused | TimedOut | Gone


@dataclass(frozen=True, slots=True)
class Lost:
    """Why a connection ended. `code` is the WebSocket close code, None when there was none."""

    reason: str
    code: int | None = None
