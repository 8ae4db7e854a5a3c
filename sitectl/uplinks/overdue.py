"""Answers that come after their time: of the message that is still at the head, and of a start that was named already.

A message that was not answered in time is sent again, the same text, and a central that does not look at contents opens
a second transaction by it. The first name that was heard holds; another one is told to people, for nobody ends that.
"""

from __future__ import annotations

from sitectl.model.ids import StationId, TransactionId, UplinkId
from sitectl.model.transaction import OutboxItem, Payload
from sitectl.ocpp.v16 import central_decode
from sitectl.uplinks.ports import Journal


class Overdue:
    """What was sent last by one queue, and what was heard of it late."""

    __slots__ = ("_answer", "_journal", "_request", "_second", "_seq", "_start", "_station", "_uplink")

    def __init__(self, uplink: UplinkId, station: StationId, journal: Journal) -> None:
        self._uplink = uplink
        self._station = station
        self._journal = journal
        self._seq: int | None = None
        self._request: Payload | None = None
        self._answer: Payload | None = None
        self._second: Payload | None = None
        self._start: tuple[TransactionId, Payload, str | None] | None = None

    def sent(self, item: OutboxItem, request: Payload) -> None:
        """This goes up now, perhaps again."""
        self._seq, self._request, self._answer, self._second = item.seq, request, None, None
        if self._start is not None and self._start[0] != item.transaction and self._start[1] == request:
            self._start = None  # another transaction that says the same

    def heard(self, request: Payload, answer: Payload) -> bool:
        """Something was answered after its time: whether it is what was sent last and may wait for that."""
        if self._start is not None and self._start[1] == request:
            self._compare(answer)
            return False
        if self._request == request and self._answer is None:
            self._answer = answer
        return self._request == request

    def answered(self, item: OutboxItem) -> bool:
        """Whether a late answer to this one is there."""
        return self._answer is not None and self._seq == item.seq

    def take(self) -> Payload:
        """That answer."""
        answer, self._answer = self._answer or {}, None
        return answer

    def first(self, item: OutboxItem, answer: Payload) -> Payload:
        """The answer that counts, where one came in time: an older one that was heard before it goes first."""
        if not self.answered(item):
            return answer
        self._second = answer
        return self.take()

    def named(self, item: OutboxItem, id: str | None) -> None:
        """A start got its name: `id`, None where the answer has none."""
        if item.transaction is None or self._request is None:
            return
        self._start = item.transaction, self._request, id
        if self._second is not None:
            self._compare(self._second)

    def _compare(self, answer: Payload) -> None:
        """Tell people when a start that has a name is called differently."""
        assert self._start is not None
        transaction, _, id = self._start
        other = central_decode.start_answer(answer).value.uplink_transaction_id
        if other is not None and other != id:
            data = {"transaction": transaction, "uplink": self._uplink, "id": id, "other": other}
            self._journal.record("transaction.named_twice", self._station, data=data)
