"""What a central is told of the times of a transaction, whatever its clock shows: in order, not of its future, and as
long as it was."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sitectl.base.units import format_utc, parse_timestamp
from sitectl.model.ids import StationId, TransactionId, UplinkId
from sitectl.model.transaction import OutboxItem, OutboxKind, OutboxMessage
from sitectl.uplinks.rendering import AHEAD_S, rendered

BEGAN = datetime(2026, 11, 20, 11, tzinfo=UTC)
ACTIONS = {OutboxKind.START: "StartTransaction", OutboxKind.METER: "MeterValues", OutboxKind.STOP: "StopTransaction"}


class Told:
    """A queue of one transaction, drained message by message, as the outbox remembers what was told."""

    def __init__(self) -> None:
        self.times: list[tuple[OutboxKind, datetime]] = []
        self._start: datetime | None = None
        self._last: datetime | None = None

    def tell(self, kind: OutboxKind, at: datetime, central_now: datetime, our_now: datetime | None) -> None:
        stamp = {"timestamp": format_utc(at)}
        payload = {"meterValue": [{**stamp, "sampledValue": [{"value": "1"}]}]} if kind is OutboxKind.METER else stamp
        message = OutboxMessage(ACTIONS[kind], payload, "1.6", kind, kind is not OutboxKind.START)
        item = OutboxItem(
            1, UplinkId("u"), StationId("s"), message, TransactionId("t"), "1", None, 0,
            started=BEGAN, told_start=self._start, told_last=self._last,
        )  # fmt: skip
        made = rendered(item, central_now, our_now=our_now)
        assert made is not None
        assert made.newest is not None
        self._start = self._start or made.newest
        self._last = made.newest if self._last is None else max(self._last, made.newest)
        read = parse_timestamp(made.payload.get("meterValue", [made.payload])[0]["timestamp"])
        assert read is not None
        assert read[0] <= central_now + timedelta(seconds=AHEAD_S)
        self.times.append((kind, read[0]))


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[OutboxKind, int, int]]:
    """Kinds, when they were (s after the start), and when they are told: never before they were."""
    offsets = sorted(draw(st.lists(st.integers(0, 7200), max_size=5)))
    kinds = [OutboxKind.START, *[OutboxKind.METER] * max(0, len(offsets) - 1), OutboxKind.STOP]
    said, told_s = [], 0
    for kind, offset in zip(kinds, [0, *(offsets or [60])], strict=True):
        told_s = max(told_s, offset) + draw(st.integers(0, 3000))
        said.append((kind, offset, told_s))
    return said


@given(lives(), st.integers(-3600, 3600), st.booleans())
def test_a_central_with_a_slow_clock_is_told_the_whole_duration(life, behind_s, live):
    told = Told()
    for kind, offset, told_s in life:
        our_now = BEGAN + timedelta(seconds=offset if live else told_s)
        told.tell(kind, BEGAN + timedelta(seconds=offset), our_now - timedelta(seconds=behind_s), our_now)
    begun = told.times[0][1]
    assert [(time - begun).total_seconds() for _, time in told.times] == [offset for _, offset, _ in life]


@given(lives(), st.lists(st.integers(-3600, 3600), min_size=8, max_size=8), st.booleans())
def test_a_central_whose_clock_jumps_is_told_everything_in_order(life, behind, known):
    told = Told()
    for (kind, offset, told_s), behind_s in zip(life, behind, strict=False):
        our_now = BEGAN + timedelta(seconds=told_s)
        shows = our_now - timedelta(seconds=behind_s)
        if told.times and shows < told.times[-1][1]:
            shows = max(shows, *(time for _, time in told.times))  # before what it was told already nothing is in order
        told.tell(kind, BEGAN + timedelta(seconds=offset), shows, our_now if known else None)
    times = [time for _, time in told.times]
    assert min(times) == times[0]
    if life[len(times) - 1][0] is OutboxKind.STOP:
        assert max(times) == times[-1]
