"""Healing over the real socket: how it stands, what it did and how well that works, and who may tell it what."""

from datetime import timedelta

import pytest

from sitectl.api.healing_views import statistics
from sitectl.model.attempts import StoredAttempt
from sitectl.model.health import Attempt, AttemptOutcome, Remedy, RemedyKind, SymptomKind
from sitectl.model.station import StationIdentity
from tests.unit.api.quiet_site import CP01, WALL
from tests.unit.api.test_app import Served
from tests.unit.api.test_ceilings import ME

ACME, OTHER = StationIdentity("Acme", "One", "1.2"), StationIdentity("Other")


def stored(
    id: str,
    kind: RemedyKind = RemedyKind.SOFT_RESET,
    helped: bool | None = True,
    identity: StationIdentity = ACME,
    dry: bool = False,
) -> StoredAttempt:
    remedy = Remedy(kind, CP01, 1, SymptomKind.FAULT, "other-error", 1, "OtherError")
    ended = WALL + timedelta(seconds=60)
    attempt = Attempt(
        id,
        remedy,
        WALL,
        0.0,
        (("error", "OtherError"),),
        dry,
        AttemptOutcome.DONE,
        ended,
        (("symptom", "gone"),),
        helped,
    )
    return StoredAttempt(attempt, identity, WALL - timedelta(seconds=40) if helped else None)


async def test_what_is_wrong_is_shown_with_what_comes_next(served: Served) -> None:
    ward = served.ward
    await ward.begins()
    ward.fault()
    await ward.passes(2)
    answer = (await served.get("/v1/healing")).json
    assert (answer["mode"], answer["mode_source"], answer["paused"]) == ("act", "configuration", [])
    (case,) = answer["cases"]
    assert (case["station"], case["evse"], case["symptom"], case["code"]) == ("CP01", 1, "fault", "OtherError")
    assert (case["rule"], case["now"]["remedy"], case["told"]) == ("other", "trigger", False)


async def test_a_mode_is_said_and_taken_back(served: Served) -> None:
    said = (await served.put("/v1/healing/mode", '{"mode": "observe"}')).json
    assert (said["mode"], said["mode_source"]) == ("observe", ME)
    said = (await served.put("/v1/healing/mode", '{"mode": null}')).json
    assert (said["mode"], said["mode_source"]) == ("act", "configuration")
    for body in ('{"mode": "now"}', "{}", '{"mode": "act", "x": 1}'):
        assert (await served.put("/v1/healing/mode", body)).status == 422


async def test_a_station_is_left_alone_and_healed_again(served: Served) -> None:
    path = "/v1/stations/CP01/healing/pause"
    said = (await served.put(path, '{"why": "I am here", "for_s": 3600}')).json
    assert (said["paused"], said["by"]) == (True, ME)
    assert (await served.get("/v1/healing")).json["paused"] == [{"station": "CP01", "by": ME, "why": "I am here"}]
    assert (await served.get(path, method="DELETE")).json["was_paused"] is True
    assert (await served.get(path, method="DELETE")).json["was_paused"] is False
    assert (await served.put("/v1/stations/CP99/healing/pause", "{}")).status == 404
    assert (await served.put(path, '{"for_s": 0}')).status == 422


async def test_the_history_tells_what_was_done_and_how_well_it_works(served: Served) -> None:
    served.ward.shelf.kept = {"a": stored("a"), "b": stored("b", helped=False, identity=OTHER)}
    answer = (await served.get("/v1/healing/history?since=2026-11-01T00:00:00Z&station=CP01")).json
    first, second = answer["attempts"]
    assert (first["remedy"], first["helped"], first["recovery_s"], first["vendor"]) == (
        "soft_reset",
        True,
        100.0,
        "Acme",
    )
    assert (second["helped"], second["recovery_s"]) == (False, None)
    assert first["before"] == [["error", "OtherError"]]
    figures = answer["statistics"]
    assert (figures["attempts"], figures["helped"], figures["share"], figures["mean_recovery_s"]) == (2, 1, 0.5, 100.0)
    assert figures["saved"] == {"transactions": 2, "energy_kwh": 12.0, "within_h": 24}
    assert (await served.get("/v1/healing/history?since=yesterday")).status == 422


async def test_the_rules_are_told_with_their_budgets(served: Served) -> None:
    answer = (await served.get("/v1/healing/rules")).json
    (rule,) = answer["rules"]
    assert [step["do"] for step in rule["ladder"]] == ["trigger", "soft_reset", "hard_reset", "tell"]
    assert answer["budget"]["station_resets_per_day"] == 4
    assert answer["dangers"]["codes"] == ["groundfailure"]


def test_only_what_was_done_and_judged_counts() -> None:
    figures = statistics(
        [
            stored("a"),
            stored("b", helped=False),
            stored("c", dry=True),
            stored("d", RemedyKind.TELL, helped=None),
            stored("e", helped=None),
            stored("f", RemedyKind.TRIGGER, identity=OTHER),
        ]
    )
    assert (figures["attempts"], figures["helped"], figures["dry"], figures["told"]) == (3, 2, 1, 1)
    assert figures["without_person"] == 0.667
    assert {name: row["share"] for name, row in figures["by_remedy"].items()} == {"soft_reset": 0.5, "trigger": 1.0}
    assert list(figures["by_firmware"]) == ["Acme One 1.2", "Other"]
    assert list(figures["by_vendor"]) == ["Acme", "Other"]


@pytest.mark.parametrize("found", [[], [stored("a", helped=None)]])
def test_without_anything_judged_there_is_no_share(found: list[StoredAttempt]) -> None:
    figures = statistics(found)
    assert (figures["attempts"], figures["share"], figures["mean_recovery_s"]) == (0, None, None)
