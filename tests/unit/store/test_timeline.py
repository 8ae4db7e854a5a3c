"""What happened at a station, from recordings, the ledger's frames and the journal, in one order."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from sitectl.config.settings import RetentionSettings
from sitectl.model.ids import StationId, UplinkId
from sitectl.model.journal import JournalEntry, Message
from sitectl.store.executor import InlineExecutor
from sitectl.store.opening import Store
from sitectl.store.timeline import Timeline
from sitectl.store.upkeep import Upkeep
from tests.unit.store.builders import CP1, NOON, HandClock, Says


@pytest.fixture
async def upkeep(store: Store, path: Path, clock: HandClock) -> AsyncIterator[Upkeep]:
    upkeep = Upkeep(store, path, clock, RetentionSettings(), executor=lambda name: InlineExecutor())
    yield upkeep
    await upkeep.close()


@pytest.fixture
def timeline(upkeep: Upkeep) -> Timeline:
    return upkeep.timeline


def told(entries: object) -> list[str]:
    assert isinstance(entries, list | tuple)
    return [entry.frame if isinstance(entry, Message) else entry.type for entry in entries]


async def of(timeline: Timeline, search: str = "", limit: int = 1000, back_s: float = 86_400) -> list[str]:
    page = await timeline.of(CP1, NOON - timedelta(seconds=back_s), search, limit)
    return told([*page.entries])


async def test_frames_of_both_wires_and_events_stand_in_order(
    upkeep: Upkeep, timeline: Timeline, store: Store, clock: HandClock
) -> None:
    station, central = upkeep.recorder.tap(CP1), upkeep.recorder.tap(CP1, UplinkId("central"))
    station(clock.at, False, b"call")
    clock.pass_s(1)
    store.journal.record("transaction.started", CP1, 1, {"meter_start_wh": 5})
    store.journal.record("station.booted", StationId("CP2"))
    clock.pass_s(1)
    central(clock.at, True, "copy")
    clock.pass_s(1)
    station(clock.at, True, "answer")
    page = await timeline.of(CP1, NOON)
    assert not page.more
    first, event, copy, answer = page.entries
    assert first == Message(NOON, None, False, "call")
    assert isinstance(event, JournalEntry)
    assert (event.type, event.evse, event.data) == ("transaction.started", 1, {"meter_start_wh": 5})
    assert copy == Message(NOON + timedelta(seconds=2), UplinkId("central"), True, "copy")
    assert answer == Message(NOON + timedelta(seconds=3), None, True, "answer")
    assert await timeline.of(StationId("CP3"), NOON) == type(page)([], more=False)


async def test_what_the_ledger_kept_is_told_even_when_nothing_was_recorded(timeline: Timeline, says: Says) -> None:
    started = await says.start(raw=b"start frame")
    await says.stop(started.station_transaction_id, raw=b"stop frame")
    await says.start(station=StationId("CP2"), raw=b"of another")
    assert await of(timeline) == ["start frame", "stop frame"]


async def test_a_frame_that_was_recorded_and_kept_is_told_once(
    upkeep: Upkeep, timeline: Timeline, says: Says, clock: HandClock
) -> None:
    upkeep.recorder.tap(CP1)(clock.at, False, b"start frame")
    clock.pass_s(0.01)
    await says.start(raw=b"start frame")
    assert await of(timeline) == ["start frame"]


async def test_the_newest_come_and_more_is_said(upkeep: Upkeep, timeline: Timeline, clock: HandClock) -> None:
    tap = upkeep.recorder.tap(CP1)
    for n in range(10):
        tap(clock.at, False, f"frame {n}")
        await upkeep.recorder.flush()
        clock.pass_s(1800)  # two an hour
    assert await of(timeline, limit=3) == ["frame 7", "frame 8", "frame 9"]
    assert (await timeline.of(CP1, NOON, limit=3)).more
    assert (await timeline.of(CP1, NOON, limit=9)).more
    assert not (await timeline.of(CP1, NOON, limit=10)).more
    assert await of(timeline, back_s=-3 * 3600) == ["frame 6", "frame 7", "frame 8", "frame 9"]


async def test_a_search_finds_text_in_frames_and_events(
    upkeep: Upkeep, timeline: Timeline, store: Store, says: Says, clock: HandClock
) -> None:
    tap = upkeep.recorder.tap(CP1)
    for n in range(5):
        tap(clock.at, False, f'[2,"{n}","Heartbeat",{{}}]')
    tap(clock.at, True, '[3,"9",{"status":"Rejected"}]')
    store.journal.record("limit.cut", CP1, 1, {"reason": "circuit Garage"})
    await says.start(raw=b"kept garage")
    assert await of(timeline, "rejected") == ['[3,"9",{"status":"Rejected"}]']
    assert await of(timeline, "GARAGE") == ["kept garage", "limit.cut"]
    assert await of(timeline, "limit.c") == ["limit.cut"]
    assert await of(timeline, "nothing of this") == []


async def test_weeks_are_walked_through_back_to_what_is_wanted(
    upkeep: Upkeep, timeline: Timeline, store: Store, clock: HandClock
) -> None:
    for day in range(40):
        upkeep.recorder.tap(CP1)(clock.at, False, f"day {day}")
        await upkeep.recorder.flush()
        clock.pass_s(86_400)
    page = await timeline.of(CP1, NOON + timedelta(days=35))
    assert told([*page.entries]) == ["day 35", "day 36", "day 37", "day 38", "day 39"]
    assert len(await of(timeline)) == 40


async def test_frames_are_found_by_time_among_many(timeline: Timeline, says: Says, clock: HandClock) -> None:
    for n in range(60):
        await says.start(evse=n, raw=b"frame %d" % n)
        clock.pass_s(600)
    page = await timeline.of(CP1, NOON + timedelta(hours=3))
    assert told([*page.entries]) == [f"frame {n}" for n in range(18, 60)]


async def test_secrets_in_frames_that_the_ledger_kept_are_not_shown(timeline: Timeline, says: Says) -> None:
    await says.start(raw=b'{"data": "password=GEHEIM"}')
    assert await of(timeline) == ['{"data": "password=***"}']


async def test_an_hour_full_of_frames_needs_no_more_memory_than_what_is_wanted(
    upkeep: Upkeep, timeline: Timeline, clock: HandClock
) -> None:
    tap = upkeep.recorder.tap(CP1)
    for n in range(5000):
        tap(clock.at + n / 10_000, False, f"{n}")
    clock.pass_s(1)
    page = await timeline.of(CP1, NOON, limit=2)
    assert told([*page.entries]) == ["4998", "4999"]
