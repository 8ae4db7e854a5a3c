"""Each step is judged by what is true now: green, red, open, confirmed by hand, or not there at all."""

from dataclasses import replace

import pytest

from sitectl.evidence.commissioning import STEPS, Light, Step, commissioning, finished
from sitectl.evidence.facts import (
    CircuitFacts,
    Confirmation,
    EvseFacts,
    MeterFacts,
    SignalFacts,
    SiteFacts,
    StationFacts,
    UplinkFacts,
)

PROVEN = EvseFacts(
    wiring="L1L2L3",
    control="tx_profile",
    proven=True,
    tests={"limit_test": {"verdict": "followed", "meter_s": 3.1}, "phase_test": {"verdict": "well"}},
)
WELL = SiteFacts(
    name="depot",
    time_known=True,
    timezone="Europe/Berlin",
    meters={"main": MeterFacts("fresh", tested=True, tested_at="2026-11-20T06:11:00Z")},
    circuits={"grid": CircuitFacts(100, 30, 60, metered=True, ratio=0.9, phase="L1")},
    stations={"CP01": StationFacts(True, True, "configured", {"1": PROVEN})},
    authorization="uplink",
    uplinks={"central": UplinkFacts("online", 1)},
    signals={"dso": SignalFacts("closed", frozenset({"open", "closed"}))},
    transferred=True,
    recorded="2026-11-20T07:00:00Z",
)


def step(facts: SiteFacts, key: str) -> Step:
    return next(one for one in commissioning(facts) if one.key == key)


def with_evse(**changed: object) -> SiteFacts:
    evse = replace(PROVEN, **changed)  # type: ignore[arg-type]
    return replace(WELL, stations={"CP01": StationFacts(True, True, "pinned", {"1": evse})})


def test_a_site_that_is_proven_is_green_from_first_to_last() -> None:
    steps = commissioning(WELL)
    assert [one.number for one in steps] == list(range(1, 13))
    assert [one.key for one in steps] == list(STEPS)
    assert {one.light for one in steps} == {Light.GREEN}
    assert finished(steps)
    assert all(one.evidence and not one.do for one in steps)


def test_the_record_is_no_condition_of_itself() -> None:
    steps = commissioning(replace(WELL, recorded=""))
    assert step(replace(WELL, recorded=""), "record").light is Light.OPEN
    assert finished(steps)


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("site", {"time_known": False}),
        ("meters", {"meters": {"main": MeterFacts("lost", tested=True)}}),
        ("meters", {"meters": {"main": MeterFacts("fresh", tested=False)}}),
        ("meters", {"meters": {"main": MeterFacts("fresh", tested=True, mistrust="stands still")}}),
        ("tree", {"circuits": {"grid": CircuitFacts(100, 50, 60, metered=True)}}),
        ("stations", {"stations": {"CP01": StationFacts(True, False, "pinned", {"1": PROVEN})}}),
        ("tokens", {"authorization": "list"}),
        ("tokens", {"uplinks": {}}),
        ("uplinks", {"uplinks": {"central": UplinkFacts("refused", text="401")}}),
        ("signals", {"signals": {"dso": SignalFacts("lost", frozenset({"open", "closed"}), "no answer")}}),
    ],
)
def test_what_is_wrong_is_red_says_what_to_do_and_cannot_be_confirmed(key: str, changed: dict[str, object]) -> None:
    said = {one: Confirmation("ada", "2026-11-20T06:11:00Z", "never mind") for one in STEPS}
    facts = replace(WELL, confirmed=said, **changed)  # type: ignore[arg-type]
    assert step(facts, key).light is Light.RED
    assert step(facts, key).do
    assert not finished(commissioning(facts))


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("site", {"warnings": 2}),
        ("meters", {"meters": {"main": MeterFacts("fresh")}}),
        ("stations", {"knocking": ("X1",)}),
        ("stations", {"stations": {"CP01": StationFacts(False, False)}}),
        ("stations", {"stations": {}}),
        ("uplinks", {"uplinks": {"central": UplinkFacts("online", 0)}}),
        ("uplinks", {"uplinks": {"central": UplinkFacts("online", 1, dead=2)}}),
        ("signals", {"signals": {"dso": SignalFacts("closed", frozenset({"closed"}))}}),
        ("files", {"transferred": False}),
    ],
)
def test_what_is_left_to_do_is_open_and_a_person_may_say_why(key: str, changed: dict[str, object]) -> None:
    facts = replace(WELL, **changed)  # type: ignore[arg-type]
    assert step(facts, key).light is Light.OPEN
    assert step(facts, key).do
    assert not finished(commissioning(facts))
    said = replace(facts, confirmed={key: Confirmation("ada", "2026-11-20T06:11:00Z", "done by phone")})
    assert step(said, key).light is Light.BY_HAND
    assert "done by phone" in step(said, key).evidence[-1]


@pytest.mark.parametrize(
    ("key", "changed", "light"),
    [
        ("probe", {"proven": False}, Light.OPEN),
        ("probe", {"proven": False, "by_choice": True, "control": "start_stop"}, Light.GREEN),
        ("probe", {"proven": False, "control": "none"}, Light.RED),
        ("phases", {"wiring": ""}, Light.OPEN),
        ("phases", {"contradicted": True}, Light.RED),
        ("phases", {"tests": {"phase_test": {"verdict": "a current transformer is wrong"}}}, Light.RED),
        (
            "phases",
            {"tests": {"phase_test": {"verdict": "it is wired to L2, and the configuration says L1"}}},
            Light.RED,
        ),
        ("phases", {"tests": {"phase_test": {"verdict": "the meter moved by itself"}}}, Light.OPEN),
        ("limits", {"tests": {}}, Light.OPEN),
        ("limits", {"tests": {"limit_test": {"verdict": "not followed", "station_s": None}}}, Light.RED),
        ("limits", {"tests": {"limit_test": {"verdict": "followed", "station_s": 21.0}}}, Light.RED),
        ("limits", {"tests": {"limit_test": {"verdict": 7, "station_s": "soon"}}}, Light.OPEN),
        ("limits", {"control": "none", "by_choice": True}, Light.NONE),
    ],
)
def test_what_is_known_of_an_evse(key: str, changed: dict[str, object], light: Light) -> None:
    assert step(with_evse(**changed), key).light is light


def test_a_site_without_something_needs_no_proof_of_it() -> None:
    alone = replace(WELL, meters={}, uplinks={}, signals={}, authorization="free", transferred=False)
    lights = {key: step(alone, key).light for key in ("meters", "uplinks", "signals", "files")}
    assert set(lights.values()) == {Light.NONE}
    assert finished(commissioning(alone))


def test_a_hundred_stations_are_told_in_few_words() -> None:
    many = {f"CP{n:03}": StationFacts(True, True, "pinned", {"1": replace(PROVEN, proven=False)}) for n in range(100)}
    found = step(replace(WELL, stations=many), "probe")
    assert "and 94 more" in found.evidence[-1]
    assert "CP000" in found.do
    post = {"POST": StationFacts(True, True, "pinned", {"1": PROVEN, "2": replace(PROVEN, proven=False)})}
    assert "probe POST --evse 2" in step(replace(WELL, stations=post), "probe").do
