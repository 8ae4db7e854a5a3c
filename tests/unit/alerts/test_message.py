"""What people read and what programs get."""

import json
from zoneinfo import ZoneInfo

from sitectl.alerts.message import About, compose, compose_test
from sitectl.model.alerts import Notice, NoticeKind
from tests.unit.alerts.builders import NOON, OFFLINE_DO, began, ended, problem

ABOUT = About("depot-north", ZoneInfo("Europe/Berlin"), NOON, standing=3)
KEYS = {
    "schema", "kind", "id", "site", "time", "summary", "text", "standing", "began", "ended", "passed", "left_out",
    "late_since", "why_late",
}  # fmt: skip


def test_a_problem_says_what_where_since_when_and_what_to_do() -> None:
    message = compose([began("CP07")], ABOUT)
    assert message.subject == "depot-north: 1 problem"
    assert "PROBLEM since 2026-11-20 13:00 CET: Offline\n  Where: CP07\n  What to do: Check its power" in message.text
    (group,) = message.body["began"]
    (place,) = group["places"]
    assert (group["what"], group["do"], place["where"], place["since"]) == (
        "Offline",
        OFFLINE_DO,
        "CP07",
        "2026-11-20T12:00:00Z",
    )


def test_an_outage_of_the_whole_site_is_one_entry_of_one_message() -> None:
    message = compose([began(f"CP{n:03}") for n in range(200)], ABOUT)
    assert message.subject == "depot-north: 200 problems"
    (group,) = message.body["began"]
    assert len(group["places"]) == 200
    assert "Where: CP000, CP001, CP002, CP003, CP004, CP005, CP006, CP007, CP008, CP009 and 190 more" in message.text
    assert len(message.text.splitlines()) < 12


def test_what_ended_and_what_came_and_went_are_told_apart() -> None:
    message = compose([began("A"), ended("B"), began("C"), ended("C")], ABOUT)
    where = {
        name: [p["where"] for g in message.body[name] for p in g["places"]] for name in ("began", "ended", "passed")
    }
    assert where == {"began": ["A"], "ended": ["B"], "passed": ["C"]}
    assert message.body["ended"][0]["places"][0]["until"] == "2026-11-20T12:05:00Z"
    assert message.subject == "depot-north: 1 problem, 1 recovered, 1 came and went"
    assert "RECOVERED at 2026-11-20 13:05 CET: Offline" in message.text


def test_ids_are_those_of_the_occurrence_and_of_the_news() -> None:
    first, second = compose([began("A")], ABOUT), compose([ended("A")], ABOUT)
    assert first.body["began"][0]["places"][0]["id"] == second.body["ended"][0]["places"][0]["id"]
    assert first.id == compose([began("A")], ABOUT).id != second.id


def test_a_digest_says_that_and_since_when_it_waited_and_what_was_left_out() -> None:
    dropped = Notice(NoticeKind.LEFT_OUT, problem("alerts"), NOON, count=7)
    late = About("depot-north", ABOUT.zone, NOON, 0, "rationed", 12.0)
    message = compose([dropped, began("A")], late)
    assert "waited since 2026-11-20 13:00 CET: there are 12 messages an hour at most." in message.text
    assert "7 notices were left out" in message.text
    assert (message.body["why_late"], message.body["late_since"], message.body["left_out"]) == (
        "rationed",
        "2026-11-20T12:00:00Z",
        7,
    )


def test_the_body_has_the_promised_keys_and_is_plain_json() -> None:
    for message in (compose([began("A"), ended("B")], ABOUT), compose_test(ABOUT, "test-1")):
        assert set(message.body) == KEYS
        assert message.body["schema"] == 1
        assert json.loads(json.dumps(message.body)) == message.body
    assert compose_test(ABOUT, "test-1").body["kind"] == "test"
