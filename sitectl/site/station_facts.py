"""The facts of all stations as healing looks at them: what their room knows, and who else has a hand on them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sitectl.healing.view import Commanded, StationFacts
from sitectl.model.hands import HEALING, Hand, HandKind
from sitectl.model.health import RemedyKind
from sitectl.model.ids import StationId
from sitectl.site.healing_ports import HandBook, Vitals

COUNTED: Mapping[HandKind, RemedyKind] = {
    HandKind.SOFT_RESET: RemedyKind.SOFT_RESET,
    HandKind.HARD_RESET: RemedyKind.HARD_RESET,
    HandKind.POWER_CYCLE: RemedyKind.POWER_CYCLE,
    HandKind.RECONNECT: RemedyKind.RECONNECT,
    HandKind.AVAILABILITY: RemedyKind.AVAILABILITY_CYCLE,
    HandKind.UNLOCK: RemedyKind.UNLOCK,
    HandKind.STOP: RemedyKind.END_TRANSACTION,
}
"""What of others' orders counts as which remedy of ours, in budgets and spacing."""

Busy = Callable[[], Mapping[StationId, str]]
"""Who is at work on which station beside those who have ordered something: a trial, a reset."""

_Made = tuple[StationFacts, tuple[Hand, ...], frozenset[int], str, bool, bool]
NOTHING_OUT: frozenset[int] = frozenset()


def is_others(hand: Hand) -> bool:
    """Whether somebody else than the site ordered it."""
    return hand.by not in ("", HEALING)


@dataclass(slots=True)
class FactBook:
    """Puts the facts together; a station's are the same object while nothing of them changed.

    `outs`: what is out of service. `feeds`: whether a relay feeds a station.
    """

    vitals: Vitals
    hands: HandBook
    outs: Callable[[], Mapping[StationId, frozenset[int]]]
    busy: Busy
    feeds: Callable[[StationId], bool]
    _made: dict[StationId, tuple[_Made, StationFacts]] = field(default_factory=dict)

    def look(self, stations: Collection[StationId], paused: Container[str]) -> Mapping[StationId, StationFacts]:
        """The facts of these stations now. `paused`: those that healing shall leave alone."""
        outs, busy = self.outs(), dict(self.busy())
        hands: dict[StationId, tuple[Hand, ...]] = {}
        for station in self.hands.stations():
            lately = tuple(hand for hand in self.hands.lately(station) if is_others(hand) and hand.kind in COUNTED)
            if lately:
                hands[station] = lately
            if (
                open_ := [hand.by for hand in self.hands.under_way(station) if is_others(hand)]
            ) and station not in busy:
                busy[station] = open_[0]
        found: dict[StationId, StationFacts] = {}
        for station in stations:
            made: _Made = (
                self.vitals.of(station),
                hands.get(station, ()),
                outs.get(station, NOTHING_OUT),
                busy.get(station, ""),
                station in paused,
                self.feeds(station),
            )
            before = self._made.get(station)
            if before is None or before[0][0] is not made[0] or before[0][1:] != made[1:]:
                before = self._made[station] = (made, _facts(*made))
            found[station] = before[1]
        return found


def _facts(
    known: StationFacts, hands: Sequence[Hand], out: frozenset[int], busy: str, paused: bool, has_relay: bool
) -> StationFacts:
    if not (hands or out or busy or paused or has_relay):
        return known
    commanded = tuple(Commanded(COUNTED[hand.kind], hand.by, hand.at) for hand in hands)
    return replace(known, commanded=commanded, out_of_service=out, busy=busy, paused=paused, has_relay=has_relay)
