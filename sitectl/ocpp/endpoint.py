"""The call and reply state machine of one OCPP-J connection, for either end, without I/O and without a clock.

Three verbs: `receive` a text frame, `call` the other side, `reply` to it (or refuse with `error`). Whoever owns the
socket writes what the verbs return, and calls `expire` when `deadline` has come. Nothing here ever raises because of
what a peer sent.

The rules (OCPP-J 1.6 section 4; 2.0.1 Part 4 section 4): one call of ours is open at a time; calls of both sides may
cross; ids are never used twice by us on one connection; an answer belongs to the call whose id it carries or to none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from sitectl.model.transaction import Payload
from sitectl.ocpp.frame import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    UNREADABLE_ID,
    Call,
    CallError,
    CallResult,
    CallResultError,
    Malformed,
    Repair,
    Send,
    encode,
    parse,
)
from sitectl.ocpp.repair import repaired_text
from sitectl.ocpp.versions import ErrorCode, Version, spelling

Tag: TypeAlias = Any
"""Whatever the caller wants back with the outcome of its call."""

LARGE_ANSWERS = frozenset({"GetConfiguration", "GetCompositeSchedule", "GetInstalledCertificateIds"})
"""Calls whose answer may be longer than the frame limit, up to MAX_LIMIT."""

REMEMBER_S = 300.0
"""How long the answer to a transaction message is repeated to a station that came back on another connection."""


MOST_LATE = 8
"""Calls that timed out whose answer is still recognised."""


@dataclass(frozen=True, slots=True)
class AnswerReceived:
    """Our call was answered."""

    tag: Tag
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class ErrorReceived:
    """Our call was refused with a CALLERROR, or answered with a frame that is none. `code` as spelled by the peer."""

    tag: Tag
    action: str
    code: str
    description: str = ""
    details: Payload = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LateAnswer:
    """An answer to a call that had timed out. The outcome stands; an "Accepted" for a limit asks for a second look."""

    tag: Tag
    action: str
    payload: Payload


@dataclass(frozen=True, slots=True)
class Answered:
    """The endpoint answers this frame by itself: write `text`."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing is to be done."""

    reason: str


Received = Call | Send | AnswerReceived | ErrorReceived | LateAnswer | Answered | Ignored | CallResultError
"""What one frame meant. A `Call` is owed one of `reply`, `error` or `forget`."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """No answer came in time. A later one is reported as `LateAnswer` and never matches a newer call."""

    tag: Tag
    action: str


@dataclass(slots=True)
class Counters:
    """Diagnostics of one connection."""

    calls_received: int = 0
    calls_sent: int = 0
    answers_received: int = 0
    errors_received: int = 0
    timed_out: int = 0
    late: int = 0
    unexpected: int = 0
    duplicates: int = 0
    reused_ids: int = 0
    malformed: int = 0


@dataclass(slots=True)
class _Remembered:
    digest: int
    connection: int
    at: float
    text: str | None


class AnswerMemory:
    """The last answers to transaction messages of one peer, so that a repeated call is answered and not done again.

    It belongs to the peer, not to the connection: hand the same one to each new `Endpoint` of a station. Bounded: the
    oldest answer is forgotten first. This is a courtesy; what makes a repetition harmless is the ledger's content key.
    """

    def __init__(self, size: int = 16) -> None:
        self._size = size
        self._known: dict[str, _Remembered] = {}

    def find(self, message_id: str, connection: int, now: float) -> _Remembered | None:
        """What is known of this id: on the same connection as long as memory lasts, else for REMEMBER_S."""
        known = self._known.get(message_id)
        if known is None or (known.connection != connection and now - known.at > REMEMBER_S):
            return None
        return known

    def begin(self, message_id: str, digest: int, connection: int, now: float) -> None:
        """A call is being served: until it is answered, its repetitions are silently dropped."""
        self._known.pop(message_id, None)
        self._known[message_id] = _Remembered(digest, connection, now, None)
        if len(self._known) > self._size:
            del self._known[next(iter(self._known))]

    def answer(self, message_id: str, text: str) -> None:
        """The call got this answer."""
        known = self._known.get(message_id)
        if known is not None:
            known.text = text

    def forget(self, message_id: str) -> None:
        """The call got no answer, or one that a retry may improve on."""
        self._known.pop(message_id, None)


@dataclass(frozen=True, slots=True)
class _OpenCall:
    message_id: str
    action: str
    tag: Tag
    deadline: float


def message_ids(prefix: str) -> Callable[[], str]:
    """Ids for one connection: the prefix and a counter. The prefix makes them unique per hop (a random hex word of 24
    characters at most, new for each connection); OCPP-J allows 36 characters in all.
    """
    if not 0 < len(prefix) <= 24:
        raise ValueError("a prefix has 1 to 24 characters")
    count = 0

    def next_id() -> str:
        nonlocal count
        count += 1
        return f"{prefix}-{count:x}"

    return next_id


class Endpoint:
    """One end of one connection.

    `new_id` gives a fresh message id at each call (see `message_ids`). `remembered` names the actions whose repetition
    is answered from `memory`, and which may be as long as MAX_LIMIT: a stop may bring the readings of a whole day, and
    refused it would come again for ever. `connection` tells connections of the same peer apart and grows. `repair`
    makes JSON of a text that is none.
    """

    def __init__(
        self,
        version: Version,
        new_id: Callable[[], str],
        *,
        remembered: frozenset[str] = frozenset(),
        memory: AnswerMemory | None = None,
        connection: int = 0,
        limit: int = DEFAULT_LIMIT,
        repair: Repair = repaired_text,
    ) -> None:
        self.version = version
        self.counters = Counters()
        self._new_id = new_id
        self._remembered = remembered
        self._memory = memory if memory is not None else AnswerMemory()
        self._connection = connection
        self._limit = limit
        self._repair = repair
        self._open: _OpenCall | None = None
        self._timed_out: list[_OpenCall] = []  # an empty deque takes 700 bytes, at a thousand stations twice

    # --- verb one: receive ---

    def receive(self, data: bytes | str, now: float) -> Received:
        """What one text frame means. Never raises."""
        open_call = self._open
        limit = MAX_LIMIT if open_call is not None and open_call.action in LARGE_ANSWERS else self._limit
        frame = parse(data, limit, self._remembered, self._repair)
        match frame:
            case Call():
                self.counters.calls_received += 1
                return self._repeated(frame, now) if frame.action in self._remembered else frame
            case CallResult():
                return self._result(frame)
            case CallError():
                return self._error(frame)
            case Malformed():
                return self._malformed(frame)
            case Send() | CallResultError():
                return frame

    def remembers(self, action: str) -> bool:
        """Whether a repetition of this action is answered from memory: transaction messages are."""
        return action in self._remembered

    def _repeated(self, call: Call, now: float) -> Received:
        digest = hash(call.raw)
        known = self._memory.find(call.message_id, self._connection, now)
        if known is not None and known.digest != digest:
            # Strict servers refuse here; that loses data of stations that count their ids from 1 after each reboot.
            self.counters.reused_ids += 1
        elif known is not None:
            self.counters.duplicates += 1
            if known.text is not None:
                return Answered("a repeated call, answered from memory", known.text)
            if known.connection == self._connection:
                return Ignored("a repeated call whose first is still being served")
        self._memory.begin(call.message_id, digest, self._connection, now)
        return call

    def _result(self, frame: CallResult) -> Received:
        call = self._settle(frame.message_id)
        if call is not None:
            self.counters.answers_received += 1
            return AnswerReceived(call.tag, call.action, frame.payload)
        late = self._late(frame.message_id)
        if late is not None:
            return LateAnswer(late.tag, late.action, frame.payload)
        return self._unexpected("an answer to no call of ours")

    def _error(self, frame: CallError) -> Received:
        call = self._settle(frame.message_id)
        if call is not None:
            self.counters.errors_received += 1
            return ErrorReceived(call.tag, call.action, frame.code, frame.description, frame.details)
        late = self._late(frame.message_id)
        if late is not None:
            return Ignored(f"a late refusal of {late.action}")
        return self._unexpected(f"a CALLERROR to no call of ours: {frame.code[:40]} {frame.description[:200]}")

    def _malformed(self, frame: Malformed) -> Received:
        self.counters.malformed += 1
        if frame.kind in (3, 4) and frame.message_id is not None:
            call = self._settle(frame.message_id)
            if call is not None:
                # An answer that cannot be read is still the answer: waiting for the time-out would block our queue.
                self.counters.errors_received += 1
                code = spelling(ErrorCode.FORMAT_VIOLATION, self.version)
                return ErrorReceived(call.tag, call.action, code, f"unreadable answer: {frame.reason}")
        if not frame.answer:
            return Ignored(frame.reason)
        message_id = frame.message_id if frame.message_id is not None else UNREADABLE_ID
        return Answered(frame.reason, self._encode_error(message_id, frame.code, frame.reason, None))

    def _settle(self, message_id: str) -> _OpenCall | None:
        """Close our open call if this is its id."""
        call = self._open
        if call is None or call.message_id != message_id:
            return None
        self._open = None
        return call

    def _late(self, message_id: str) -> _OpenCall | None:
        for call in self._timed_out:
            if call.message_id == message_id:
                self._timed_out.remove(call)
                self.counters.late += 1
                return call
        return None

    def _unexpected(self, reason: str) -> Ignored:
        self.counters.unexpected += 1
        return Ignored(reason)

    # --- verb two: call ---

    @property
    def busy(self) -> bool:
        """Whether a call of ours is open; until it is settled or expired `call` gives None."""
        return self._open is not None

    def call(self, action: str, payload: Payload, now: float, timeout_s: float, tag: Tag = None) -> str | None:
        """The text to send, or None while another call of ours is open. `tag` comes back with the outcome."""
        if self._open is not None:
            return None
        message_id = self._new_id()
        text = encode(Call(message_id, action, payload))
        self._open = _OpenCall(message_id, action, tag, now + timeout_s)
        self.counters.calls_sent += 1
        return text

    def send(self, action: str, payload: Payload) -> str:
        """The text of a SEND: no answer, allowed at any time (OCPP 2.1)."""
        return encode(Send(self._new_id(), action, payload))

    def deadline(self) -> float | None:
        """When `expire` has something to say, or None."""
        return None if self._open is None else self._open.deadline

    def expire(self, now: float) -> TimedOut | None:
        """Give up the open call if its time is over."""
        call = self._open
        if call is None or now < call.deadline:
            return None
        self._open = None
        self._timed_out = [*self._timed_out[-MOST_LATE + 1 :], call]
        self.counters.timed_out += 1
        return TimedOut(call.tag, call.action)

    # --- verb three: reply ---

    def reply(self, message_id: str, payload: Payload) -> str:
        """The text of the answer to a received call."""
        text = encode(CallResult(message_id, payload))
        self._memory.answer(message_id, text)
        return text

    def error(self, message_id: str, code: ErrorCode, description: str = "", details: Payload | None = None) -> str:
        """The text of a refusal of a received call. It is not remembered: a repetition is served anew."""
        self._memory.forget(message_id)
        return self._encode_error(message_id, code, description, details)

    def forget(self, message_id: str) -> None:
        """A received call stays without an answer, so that the peer repeats it: a repetition is served anew."""
        self._memory.forget(message_id)

    def _encode_error(self, message_id: str, code: ErrorCode, description: str, details: Payload | None) -> str:
        # OCPP-J 1.6 section 4.2.3: the description has at most 255 characters.
        return encode(CallError(message_id, spelling(code, self.version), description[:255], details or {}))
