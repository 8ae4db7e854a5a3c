"""What one central still has to hear of a station besides what waits on disk: statuses, and what it asked for.

Statuses are not history: of each connector only the newest goes up, and only when it says something new. Nothing here
survives a restart: what holds then is told then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NamedTuple, Protocol

from sitectl.base.clock import Clock
from sitectl.model.ids import EvseId, StationId
from sitectl.model.metering import EvseReading
from sitectl.model.transaction import Payload
from sitectl.ocpp.v16 import central_encode
from sitectl.uplinks.aligned import Aligned
from sitectl.uplinks.nudge import Nudge
from sitectl.uplinks.ports import StationFacts

RESTATE_S = 10.0
"""A station that came back reports what changed; what it did not report by then is as it was, and is told again."""

FRESH_S = 5.0
READING_WITHIN_S = 30.0
"""A reading that a central asked for is waited for so long."""

STATUS = "StatusNotification"
FREE = ("Available", "Preparing", "Finishing", "Reserved")
"""Statuses that do not hold where somebody has taken the connector out of service, whatever the station says."""


class Wishes(Protocol):
    """What the central wants of the news."""

    def status_lasts_s(self) -> float:
        """Statuses that do not last so long are not told."""

    def align_every_s(self) -> int:
        """Interval of clock-aligned readings; 0: none."""

    def aligned(self) -> Collection[str]:
        """Their measurands."""

    def ping_every_s(self) -> float | None:
        """Interval of WebSocket pings; None: as we like."""


class Message(NamedTuple):
    """One call of ours."""

    action: str
    payload: Payload


class News:
    """The news of one virtual station. `nudge` wakes whoever sends them; `wishes`: what the central wants of them;
    `is_out`: what is out of service; `is_held`: what we keep for somebody.
    """

    __slots__ = (
        "_aligned",
        "_asked",
        "_clock",
        "_dirty",
        "_facts",
        "_is_held",
        "_is_out",
        "_lasting",
        "_nudge",
        "_ours",
        "_readings_until",
        "_restate_at",
        "_station",
        "_told",
        "wishes",
    )

    def __init__(
        self,
        station: StationId,
        facts: StationFacts,
        clock: Clock,
        nudge: Nudge,
        wishes: Wishes,
        is_out: Callable[[EvseId], bool],
        is_held: Callable[[EvseId], bool],
    ) -> None:
        self._station = station
        self._facts = facts
        self.wishes = wishes
        self._is_out = is_out
        self._is_held = is_held
        self._aligned = Aligned(station, facts, clock)
        self._lasting: dict[int, float] = {}
        """Connectors whose new status is told when it has lasted, and when that is."""
        self._ours: list[Message] = []
        """Readings of our own making that are due."""
        self._clock = clock
        self._nudge = nudge
        self._dirty: set[int] = set()
        self._told: dict[int, Payload] = {}
        self._restate_at: float | None = None
        self._asked: list[Message | int] = []
        """Messages, and connectors whose status is asked for."""
        self._readings_until: dict[int, float] = {}

    # --- what happened -----------------------------------------------------------------------------------------------

    def greet(self) -> None:
        """The central knows nothing of us: it hears of every connector."""
        self._told.clear()
        self._lasting.clear()
        self._ours.clear()
        self._aligned.set(self.wishes.align_every_s())
        self._dirty.update(self._connectors())

    def booted(self) -> None:
        """The station booted: what it reports from now on is news, whatever it was before."""
        self._told.clear()

    def came(self) -> None:
        """The station is back."""
        self._restate_at = self._clock.monotonic() + RESTATE_S
        self._nudge.set()

    def went(self) -> None:
        """The station is gone: the central sees it unavailable."""
        self._restate_at = None
        self._lasting.clear()
        self._dirty.update(self._connectors())
        self._nudge.set()

    def changed(self, connector: int) -> None:
        """A connector reported its status; where the central wants it to last first, it is told when it has."""
        lasts_s = self.wishes.status_lasts_s()
        if lasts_s > 0.0 and connector in self._told:
            self._lasting[connector] = self._clock.monotonic() + lasts_s
        else:
            self._dirty.add(connector)
        self._nudge.set()

    def align(self, every_s: int) -> None:
        """The central wants clock-aligned readings at another interval; 0: none."""
        self._aligned.set(every_s)
        self._nudge.set()

    def restated(self) -> None:
        """All connectors may stand otherwise than was told."""
        self._dirty.update(self._connectors())
        self._nudge.set()

    def hang_up(self) -> None:
        """The connection is over, and with it what the central asked for."""
        self._asked.clear()
        self._readings_until.clear()

    # --- what the central asked for -----------------------------------------------------------------------------------

    def ask(self, message: str, connector: int) -> bool:
        """One of our own messages, now; False: it is none that we make."""
        if message == STATUS:
            self._asked += sorted(self._connectors()) if connector == 0 else [connector]
        elif message == "Heartbeat":
            self._asked.append(Message("Heartbeat", {}))
        else:
            return False
        self._nudge.set()
        return True

    def say(self, message: Message) -> None:
        """Something that the central asked for and others have worded."""
        self._asked.append(message)
        self._nudge.set()

    def ask_readings(self, evses: list[int]) -> bool:
        """The readings of these EVSEs, if all are fresh; False: the station has to be asked."""
        oldest_at = self._clock.monotonic() - FRESH_S
        readings = (self._facts.reading(EvseId(self._station, evse)) for evse in evses)
        fresh = [r for r in readings if r is not None and _says(r) and r.at > oldest_at]
        if not fresh or len(fresh) < len(evses):
            return False
        for reading in fresh:
            self._asked.append(self._reading(reading))
        self._nudge.set()
        return True

    def await_readings(self, evses: list[int], wanted: bool = True) -> None:
        """The next reading of each of these EVSEs goes up (or, after all, does not)."""
        until = self._clock.monotonic() + READING_WITHIN_S
        for evse in evses:
            if wanted:
                self._readings_until[evse] = until
            else:
                self._readings_until.pop(evse, None)

    def metered(self, reading: EvseReading) -> None:
        """A reading came."""
        until = self._readings_until.pop(reading.evse.evse, None) if _says(reading) else None
        if until is not None and self._clock.monotonic() <= until:
            self._asked.append(self._reading(reading))
            self._nudge.set()

    # --- what goes up -------------------------------------------------------------------------------------------------

    def asked(self) -> Message | None:
        """The next message that the central asked for."""
        while self._asked:
            asked = self._asked.pop(0)
            if not isinstance(asked, int):
                return asked
            if (status := self._status(asked)) is not None:
                self._tell(asked, status)
                return Message(STATUS, status)
        return None

    def next(self) -> Message | None:
        """The next of the rest: statuses that are new, then clock-aligned readings."""
        if self._restate_at is not None and self._clock.monotonic() >= self._restate_at:
            self._restate_at = None
            self._dirty.update(self._connectors())
        now = self._clock.monotonic()
        for connector in [connector for connector, due_at in self._lasting.items() if due_at <= now]:
            del self._lasting[connector]
            self._dirty.add(connector)
        self._dirty -= self._lasting.keys()
        for connector in sorted(self._dirty):
            self._dirty.discard(connector)
            status = self._status(connector)
            if status is not None and self._tell(connector, status):
                return Message(STATUS, status)
        self._ours += [Message(*message) for message in self._aligned.take(self.wishes.aligned())]
        return self._ours.pop(0) if self._ours else None

    def due_at(self) -> float | None:
        """When there is something to tell without anything happening."""
        moments = [*self._lasting.values(), self._restate_at, self._aligned.due_at()]
        return min((moment for moment in moments if moment is not None), default=None)

    def _tell(self, connector: int, status: Payload) -> bool:
        """Note what the central is told; False: it knows."""
        essence = {key: value for key, value in status.items() if key != "timestamp"}
        known = self._told.get(connector)
        self._told[connector] = essence
        return known != essence

    def _status(self, connector: int) -> Payload | None:
        """How a connector stands; None while a station that is there has not said it."""
        if not self._facts.online(self._station):
            return central_encode.unavailable(connector, self._clock.wall())
        known = self._facts.statuses(self._station).get(connector)
        if known is None:
            return None
        status = central_encode.presentable(STATUS, known)
        if status.get("status") in FREE and self._is_out(EvseId(self._station, connector)):
            return {**status, "status": "Unavailable"}
        if status.get("status") == "Available" and self._is_held(EvseId(self._station, connector)):
            return {**status, "status": "Reserved"}
        return status

    def _connectors(self) -> set[int]:
        return {0, *self._facts.evses(self._station), *self._facts.statuses(self._station)}

    def _reading(self, reading: EvseReading) -> Message:
        return Message(*central_encode.triggered_reading(reading, self._clock.monotonic(), self._clock.wall()))


def _says(reading: EvseReading) -> bool:
    """Whether a reading holds anything that a central can be told."""
    return any(v is not None for v in (reading.current_a, reading.power_w, reading.register_wh, reading.offered_a))
