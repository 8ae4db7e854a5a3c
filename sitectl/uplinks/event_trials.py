"""How often an event (a message of no transaction) is said to a central that does not take it.

It stands in the same queue as what is money and must not hold that up: refused, it is said thrice within seconds, and
after one was dropped the next of its kind get one chance each. An action that the central does not know is not said to
it again on this connection.
"""

from __future__ import annotations

from sitectl.model.transaction import OutboxItem, OutboxKind
from sitectl.ocpp.versions import ErrorCode, error_code

ATTEMPTS = 3
RETRY_S = 5.0
CUT_WITHIN_S = 5.0
"""A connection that ends so soon after an event was sent may have ended because of it."""

_UNKNOWN = (ErrorCode.NOT_IMPLEMENTED, ErrorCode.NOT_SUPPORTED)


class EventTrials:
    """What one central has shown of events, on one connection. All of it about events only."""

    __slots__ = ("_cuts", "_doubted", "_unknown")

    def __init__(self) -> None:
        self._unknown: set[str] = set()
        self._doubted: set[str] = set()
        self._cuts: tuple[int, int] = (0, 0)

    def begin(self) -> None:
        """A new connection: perhaps the central has learned something."""
        self._unknown.clear()
        self._doubted.clear()

    def takes(self, action: str) -> bool:
        """Whether the central knows this action, as far as it has shown."""
        return action not in self._unknown

    def answered(self, item: OutboxItem) -> None:
        """The central took one."""
        self._doubted.discard(item.message.action)

    def refused(self, item: OutboxItem, code: str) -> bool:
        """The central refused it with a CALLERROR: whether it is to be dropped."""
        if item.message.kind is OutboxKind.EVENT and error_code(code) in _UNKNOWN:
            self._unknown.add(item.message.action)
            return True
        return self._is_over(item)

    def unanswered(self, item: OutboxItem) -> bool:
        """The central lives and does not answer it: whether it is to be dropped. Twice means: unknown to it."""
        if item.message.kind is OutboxKind.EVENT and item.attempts:
            self._unknown.add(item.message.action)
            return True
        return self._is_over(item)

    def cut(self, item: OutboxItem, after_s: float) -> bool:
        """The connection ended `after_s` after it was sent: whether it did so thrice, each time at once."""
        if item.message.kind is not OutboxKind.EVENT or after_s > CUT_WITHIN_S:
            return False
        seq, count = self._cuts
        self._cuts = (item.seq, count + 1 if seq == item.seq else 1)
        return self._cuts[1] >= ATTEMPTS

    def _is_over(self, item: OutboxItem) -> bool:
        action = item.message.action
        if item.message.kind is not OutboxKind.EVENT:
            return False
        if action not in self._doubted and item.attempts + 1 < ATTEMPTS:
            return False
        self._doubted.add(action)
        return True
