"""What an earlier life of the process left on the broker: states and devices of what is configured no more. Pure."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from sitectl.mqtt.topics import Topics

MOST = 20_000


class Ghosts:
    """Retained topics as they are found. `prefix`: where devices of Home Assistant stand, None: it is told nothing."""

    def __init__(self, topics: Topics, prefix: str | None) -> None:
        self._base = topics.base
        self._availability = topics.availability
        self._prefix = prefix
        self._found: set[str] = set()

    @property
    def filters(self) -> tuple[str, ...]:
        """What to subscribe to; no command is among it."""
        below = ("circuits/+", "meters/+", "uplinks/+", "stations/+", "stations/+/evses/+")
        own = tuple(f"{self._base}/{one}" for one in below)
        return own if self._prefix is None else (*own, f"{self._prefix}/device/+/config")

    def found(self, topic: str, payload: bytes) -> None:
        """A retained message; devices of other sites are theirs."""
        if payload and len(self._found) < MOST and (topic.startswith(f"{self._base}/") or self._is_ours(payload)):
            self._found.add(topic)

    def left(self, current: Collection[str]) -> list[str]:
        """Those that are not told any more."""
        return [topic for topic in self._found if topic not in current]

    def _is_ours(self, payload: bytes) -> bool:
        """A device says by which topic it is available."""
        try:
            return bool(orjson.loads(payload)["avty"][0]["t"] == self._availability)
        except (orjson.JSONDecodeError, KeyError, IndexError, TypeError):
            return False
