"""What waits for the broker. Overflow rule: of a topic the newest is kept, of events the newest `MOST_EVENTS`."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

MOST_EVENTS = 1000
RETAINED_FIRST = 20
"""So many states go between two events: neither starves the other."""


@dataclass(frozen=True, slots=True)
class Item:
    """One publication."""

    topic: str
    payload: bytes
    retain: bool = True


class Outgoing:
    """A buffer of one value a topic, and of some events."""

    def __init__(self) -> None:
        self._states: dict[str, bytes] = {}
        self._events: deque[Item] = deque(maxlen=MOST_EVENTS)
        self._some = asyncio.Event()
        self._since_event = 0
        self.dropped = 0
        """Events that gave way."""

    def __len__(self) -> int:
        return len(self._states) + len(self._events)

    def state(self, topic: str, payload: bytes) -> None:
        """A state to retain, in the place of an older one that waits."""
        self._states[topic] = payload
        self._some.set()

    def event(self, topic: str, payload: bytes) -> None:
        """An event; the oldest gives way."""
        self.dropped += len(self._events) == MOST_EVENTS
        self._events.append(Item(topic, payload, retain=False))
        self._some.set()

    async def next(self) -> Item:
        """Take the next; waits for one."""
        while not self._states and not self._events:
            self._some.clear()
            await self._some.wait()
        if self._events and (not self._states or self._since_event >= RETAINED_FIRST):
            self._since_event = 0
            return self._events.popleft()
        self._since_event += 1
        topic = next(iter(self._states))
        return Item(topic, self._states.pop(topic))

    def put_back(self, item: Item) -> None:
        """It did not get out: it waits again, unless something newer does."""
        if item.retain:
            self._states.setdefault(item.topic, item.payload)
        elif len(self._events) < MOST_EVENTS:
            self._events.appendleft(item)
        self._some.set()
