"""Does what commands ask, through the interface, and answers who wants an answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

import orjson

from sitectl.api.inside import Answered, Inside
from sitectl.api.views import SCHEMA
from sitectl.base.clock import Clock
from sitectl.base.tasks import Tasks
from sitectl.mqtt.commands import Refused, read
from sitectl.mqtt.topics import Topics

log = logging.getLogger(__name__)

PER_S, BURST = 20.0, 100.0
SAY_EVERY_S = 5.0
MOST_AT_ONCE = 20
"""A reset may take a station a minute; others go on meanwhile."""


@dataclass(frozen=True, slots=True)
class Received:
    """One message. `answer_to` and `correlation`: of MQTT 5, for who wants an answer."""

    topic: str
    payload: bytes
    retained: bool
    answer_to: str | None = None
    correlation: bytes | None = None


Answer = Callable[[str, bytes, bytes | None], Awaitable[None]]
"""Publishes an answer: topic, payload, correlation data."""


class _Seldom:
    """Says one thing in `SAY_EVERY_S` at most, and how many it has kept to itself: who floods us floods no log."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next_at = float("-inf")
        self._kept = 0

    def warning(self, text: str, *values: object) -> None:
        now = self._clock.monotonic()
        if now < self._next_at:
            self._kept += 1
            return
        more = f" (and {self._kept} more like it)" if self._kept else ""
        log.warning(text + more, *values)
        self._next_at, self._kept = now + SAY_EVERY_S, 0


class Orders:
    """At most `PER_S` commands a second for long, and `MOST_AT_ONCE` under way: beyond it they are refused.

    Those at one topic are done one after the other, as they came: of two limits the last one must stand. Only resets
    are not: each may take a minute, and they would hold up all others.
    """

    def __init__(self, topics: Topics, inside: Inside, clock: Clock, answer: Answer) -> None:
        self._topics = topics
        self._inside = inside
        self._clock = clock
        self._answer = answer
        self._tasks = Tasks()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """By topic, for as long as a command at it waits or is done. Who asks first gets it first."""
        self._left, self._at = BURST, clock.monotonic()
        self._quiet = _Seldom(clock)

    def take(self, message: Received) -> None:
        """Do it beside others; never waits."""
        if len(self._tasks) >= MOST_AT_ONCE or not self._allowed():
            self._quiet.warning("more commands come by MQTT than are taken: one at %s is let go", message.topic)
            return
        own = asyncio.Lock()
        turn = own if message.topic.endswith("/set/reset") else self._turns.setdefault(message.topic, own)
        self._tasks.spawn(self._in_turn(message, turn), f"mqtt command {message.topic}")

    async def stop(self) -> None:
        """End all that are under way."""
        await self._tasks.cancel_all()

    def _allowed(self) -> bool:
        now = self._clock.monotonic()
        self._left, self._at = min(BURST, self._left + (now - self._at) * PER_S), now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True

    async def _in_turn(self, message: Received, turn: asyncio.Lock) -> None:
        async with turn:
            await self._do(message)

    async def _do(self, message: Received) -> None:
        wall = self._clock.wall()
        order = read(self._topics, message.topic, message.payload, retained=message.retained, wall=wall)
        if isinstance(order, Refused):
            answered = Answered(order.status, {"detail": order.why})
        else:
            answered = await self._inside.ask(order.method, *order.path, query=order.query, body=order.body)
        words = _words(answered)
        if answered.ok:
            log.info("a command by MQTT at %s was done", message.topic)
        else:
            self._quiet.warning("a command by MQTT at %s was refused: %s", message.topic, words)
        if message.answer_to is None or not _may_be_answered(message.answer_to, self._topics):
            return
        told: dict[str, Any] = {"schema": SCHEMA, "ok": answered.ok, "status": answered.status, "topic": message.topic}
        told |= {"answer": answered.json} if answered.ok else {"detail": words}
        await self._answer(message.answer_to, orjson.dumps(told), message.correlation)


def _words(answered: Answered) -> str:
    detail = answered.json.get("detail") if isinstance(answered.json, dict) else None
    return detail if isinstance(detail, str) else f"HTTP {answered.status}"


def _may_be_answered(topic: str, topics: Topics) -> bool:
    """Not at topics of the broker or of our own: an answer there would be taken for something else."""
    own = topic == topics.base or topic.startswith(f"{topics.base}/")
    return bool(topic) and not topic.startswith("$") and "+" not in topic and "#" not in topic and not own
