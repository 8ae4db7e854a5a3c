"""A timeline as JSON: what a frame says of itself, and whose answer an answer is."""

from datetime import timedelta

import pytest

from sitectl.api.timeline import timeline
from sitectl.model.ids import UplinkId
from sitectl.model.journal import JournalEntry, Message, TimelinePage
from tests.unit.api.quiet_site import CENTRAL, CP01, WALL

MINUTE = timedelta(minutes=1)


def entries(*happened: JournalEntry | Message) -> list[dict[str, object]]:
    return timeline("CP01", TimelinePage(happened, more=False))["entries"]  # type: ignore[no-any-return]


def received(frame: str, uplink: UplinkId | None = None) -> Message:
    return Message(WALL, uplink, False, frame)


def sent(frame: str, uplink: UplinkId | None = None) -> Message:
    return Message(WALL, uplink, True, frame)


def test_an_answer_has_the_action_of_its_call_on_its_own_wire() -> None:
    told = entries(
        received('[2,"1","Heartbeat",{}]'),
        sent('[2,"1","Reset",{"type":"Soft"}]'),
        sent('[2,"1","Authorize",{}]', CENTRAL),
        sent('[3,"1",{"currentTime":"x"}]'),
        received('[3,"1",{"status":"Accepted"}]'),
        received('[4,"1","InternalError","no",{}]', CENTRAL),
        received('[3,"2",{}]'),
    )
    assert [(entry["kind"], entry["action"]) for entry in told] == [
        ("call", "Heartbeat"),
        ("call", "Reset"),
        ("call", "Authorize"),
        ("answer", "Heartbeat"),
        ("answer", "Reset"),
        ("error", "Authorize"),
        ("answer", None),
    ]
    assert [entry["direction"] for entry in told[:3]] == ["received", "sent", "sent"]
    assert told[2]["uplink"] == "central"
    assert told[5]["payload"] == ["InternalError", "no", {}]


@pytest.mark.parametrize(
    "frame", ["", "nonsense", "[]", "[2]", '[2,7,"Reset",{}]', '{"a":1}', '[9,"1","x",{}]', '[[],"1"]', "null", "7"]
)
def test_rubbish_is_shown_as_it_is(frame: str) -> None:
    (entry,) = entries(received(frame))
    assert (entry["kind"], entry["action"], entry["frame"]) == ("unreadable", None, frame)


@pytest.mark.parametrize("frame", ['[2,"1"]', '[2,"1",5,{}]', '[3,"1"]', '[4,"1"]'])
def test_frames_with_parts_missing_are_shown(frame: str) -> None:
    (entry,) = entries(received(frame))
    assert entry["frame"] == frame


def test_events_and_times_to_the_millisecond() -> None:
    late = WALL + MINUTE + timedelta(microseconds=45_678)
    (event,) = entries(JournalEntry(3, late, "limit.cut", CP01, 2, {"limit_a": 6.0}))
    assert event == {
        "time": "2026-11-20T06:12:00.045Z",
        "kind": "event",
        "type": "limit.cut",
        "evse": 2,
        "data": {"limit_a": 6.0},
    }
