"""A message at which the connection ends each time. It stays at the head, for a lost connection counts as no attempt,
and everything behind it waits: people have to be told which one it is."""

from __future__ import annotations

from collections.abc import Iterator

from sitectl.model.health import Finding
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.transaction import OutboxItem
from sitectl.uplinks.ports import Journal
from sitectl.uplinks.step import Step
from sitectl.wire.outcomes import CallOutcome, Gone

ENDS = 5
"""So many connections in a row that end while the same message is open are no bad luck any more."""


class Stuck:
    """How often in a row the connection of one queue ended at its head."""

    __slots__ = ("_action", "_ends", "_journal", "_seq", "_station", "_uplink", "_why")

    def __init__(self, uplink: UplinkId, station: StationId, journal: Journal) -> None:
        self._uplink = uplink
        self._station = station
        self._journal = journal
        self._seq: int | None = None
        self._action = self._why = ""
        self._ends = 0

    def head(self, item: OutboxItem | None) -> None:
        """This is next; None: nothing is. Another one than before: that has left the queue."""
        if item is None or item.seq != self._seq:
            self._seq, self._ends = None, 0

    def tried(self, item: OutboxItem, step: Step, outcome: CallOutcome) -> None:
        """It was to be sent, and this came of it."""
        if isinstance(outcome, Gone) and not outcome.sent:
            return  # the connection had ended before
        if step not in (Step.GONE, Step.SICK):
            self._seq, self._ends = None, 0
            return
        self._ends = self._ends + 1 if self._seq == item.seq else 1
        self._seq, self._action = item.seq, item.message.action
        self._why = outcome.reason if isinstance(outcome, Gone) else "no answer, nor to a heartbeat"
        if self._ends == ENDS:
            data = {"uplink": self._uplink, "action": self._action, "seq": self._seq, "why": self._why}
            self._journal.record("outbox.stuck", self._station, data=data)

    def findings(self) -> Iterator[Finding]:
        """What is wrong: what, where, what to do."""
        if self._ends >= ENDS:
            told = f"{self._action}, message {self._seq}, {self._ends} times, the last time: {self._why}"
            yield (
                f"The connection to {self._uplink} ends each time at the same message: {told}",
                self._station,
                f"See `sitectl timeline {self._station}`, and have the central system take this message. It and all "
                "behind it wait, in order, and nothing is lost.",
            )
