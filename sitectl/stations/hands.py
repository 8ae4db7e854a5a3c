"""Who has a hand on which station: what is under way, and what was ordered in the last day. In memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

from sitectl.base.clock import Clock
from sitectl.model.commands import Answered, Command, NotSent, Outcome
from sitectl.model.hands import Hand, HandKind, kind_of
from sitectl.model.ids import StationId

DAY_S = 86_400.0
MOST_KEPT = 64
"""Orders of one station that are remembered: more than any budget allows."""

NONE: tuple[Hand, ...] = ()


class Hands:
    """Every order that passes the door of a station. What the station refused, or never got, counts for nothing."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.done: Callable[[Hand], None] = lambda hand: None
        """Told of each order that was, or may have been, done."""
        self._open: dict[StationId, tuple[Hand, ...]] = {}
        self._done: dict[StationId, deque[Hand]] = {}

    def take(self, station: StationId, command: Command, by: str) -> Hand | None:
        """An order is about to go to a station; None: it is no hand."""
        kind = kind_of(command)
        return None if kind is None else self.begin(station, kind, by)

    def begin(self, station: StationId, kind: HandKind, by: str) -> Hand:
        """The same for what is no command."""
        hand = Hand(station, kind, by, self._clock.monotonic(), open=True)
        self._open[station] = (*self._open.get(station, NONE), hand)
        return hand

    def end(self, hand: Hand, outcome: Outcome | None) -> None:
        """What came of it; None: nobody waits for that any more. Unanswered ones may have been done, and count."""
        left = tuple(other for other in self._open.get(hand.station, NONE) if other is not hand)
        if left:
            self._open[hand.station] = left
        else:
            self._open.pop(hand.station, None)
        refused = isinstance(outcome, Answered) and not outcome.accepted
        if not refused and not isinstance(outcome, NotSent):
            closed = replace(hand, open=False)
            self._keep(closed)
            self.done(closed)

    def remember(self, hands: Sequence[Hand]) -> None:
        """What was done before a restart."""
        for hand in hands:
            self._keep(hand)

    def _keep(self, hand: Hand) -> None:
        self._done.setdefault(hand.station, deque(maxlen=MOST_KEPT)).append(hand)

    def under_way(self, station: StationId) -> Sequence[Hand]:
        """Orders that the station has not answered yet."""
        return self._open.get(station, NONE)

    def lately(self, station: StationId) -> Sequence[Hand]:
        """What was done to a station in the last day, by anybody, the oldest first."""
        done = self._done.get(station)
        if done is None:
            return NONE
        since = self._clock.monotonic() - DAY_S
        while done and done[0].at < since:
            done.popleft()
        return tuple(done)

    def stations(self) -> Sequence[StationId]:
        """Those on which anybody had a hand."""
        return tuple({**self._open, **self._done})
