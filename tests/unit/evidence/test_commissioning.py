"""Each step is judged by what is true now: green, red, open, confirmed by hand, or not there at all."""

from dataclasses import replace

import pytest

from sitectl.evidence.commissioning import STEPS, Light, Step, commissioning, everything, finished, left
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

AT = "2026-11-20T06:11:00Z"
WIRED = {"phases": "L1L2L3", "circuit": "grid", "meter": "main (sheet x, unit 1)"}
DEVICE = {"vendor": "Acme", "model": "Box", "serial": "A1", "firmware": "1.2", "control": "tx_profile", **WIRED}
MAIN = {"sheet": "x", "unit": "1"}
LIMIT_TEST = {"verdict": "followed", "meter_s": 3.1, "of": DEVICE}
PHASE_TEST = {"verdict": "well", "first": None, "of": DEVICE}
PROVEN = EvseFacts(
    wiring="L1L2L3",
    control="tx_profile",
    proven=True,
    tests={"limit_test": LIMIT_TEST, "phase_test": PHASE_TEST},
    basis=DEVICE,
)
WELL = SiteFacts(
    name="depot",
    time_known=True,
    timezone="Europe/Berlin",
    meters={"main": MeterFacts("fresh", tested=True, tested_at=AT, basis=MAIN, tested_of=MAIN)},
    circuits={"grid": CircuitFacts(100, 30, 60, metered=True, ratio=0.9, phase="L1")},
    stations={"CP01": StationFacts(True, True, "configured", evses={"1": PROVEN})},
    authorization="uplink",
    uplinks={"central": UplinkFacts("online", 1)},
    signals={"dso": SignalFacts("closed", frozenset({"open", "closed"}))},
    transferred=True,
    recorded="2026-11-20T07:00:00Z",
)
WELL = replace(WELL, recorded_of=everything(WELL))


def step(facts: SiteFacts, key: str) -> Step:
    return next(one for one in commissioning(facts) if one.key == key)


def with_evse(**changed: object) -> SiteFacts:
    evse = replace(PROVEN, **changed)  # type: ignore[arg-type]
    return replace(WELL, stations={"CP01": StationFacts(True, True, "pinned", evses={"1": evse})})


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
        ("meters", {"meters": {"main": MeterFacts("lost", tested=True, tested_of={})}}),
        ("meters", {"meters": {"main": MeterFacts("fresh", tested=False, tested_of={})}}),
        ("meters", {"meters": {"main": MeterFacts("fresh", tested=True, mistrust="stands still", tested_of={})}}),
        ("tree", {"circuits": {"grid": CircuitFacts(100, 50, 60, metered=True)}}),
        ("stations", {"stations": {"CP01": StationFacts(True, False, "pinned", evses={"1": PROVEN})}}),
        ("tokens", {"authorization": "list"}),
        ("tokens", {"uplinks": {}}),
        ("uplinks", {"uplinks": {"central": UplinkFacts("refused", text="401")}}),
        ("signals", {"signals": {"dso": SignalFacts("lost", frozenset({"open", "closed"}), "no answer")}}),
    ],
)
def test_what_is_wrong_is_red_says_what_to_do_and_cannot_be_confirmed(key: str, changed: dict[str, object]) -> None:
    said = {one: Confirmation("ada", AT, "never mind", left(WELL, one)) for one in STEPS}
    facts = replace(WELL, confirmed=said, **changed)  # type: ignore[arg-type]
    assert step(facts, key).light is Light.RED
    assert step(facts, key).do
    assert not finished(commissioning(facts))


@pytest.mark.parametrize(
    ("key", "changed"),
    [
        ("site", {"warnings": ("a", "b")}),
        ("meters", {"meters": {"main": MeterFacts("fresh", basis=MAIN)}}),
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
    said = replace(facts, confirmed={key: Confirmation("ada", AT, "done by phone", left(facts, key))})
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
        ("phases", {"tests": {"phase_test": {"verdict": "a current transformer is wrong", "of": DEVICE}}}, Light.RED),
        (
            "phases",
            {"tests": {"phase_test": {"verdict": "it is wired to L2, and the configuration says L1", "of": DEVICE}}},
            Light.RED,
        ),
        ("phases", {"tests": {"phase_test": {"verdict": "the meter moved by itself", "of": DEVICE}}}, Light.OPEN),
        ("limits", {"tests": {}}, Light.OPEN),
        ("limits", {"tests": {"limit_test": {"verdict": "not followed", "station_s": None, "of": DEVICE}}}, Light.RED),
        ("limits", {"tests": {"limit_test": {"verdict": "followed", "station_s": 21.0, "of": DEVICE}}}, Light.RED),
        ("limits", {"tests": {"limit_test": {"verdict": 7, "station_s": "soon", "of": DEVICE}}}, Light.OPEN),
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
    many = {
        f"CP{n:03}": StationFacts(True, True, "pinned", evses={"1": replace(PROVEN, proven=False)}) for n in range(100)
    }
    found = step(replace(WELL, stations=many), "probe")
    assert "and 94 more" in found.evidence[-1]
    assert "CP000" in found.do
    post = {"POST": StationFacts(True, True, "pinned", evses={"1": PROVEN, "2": replace(PROVEN, proven=False)})}
    assert "probe POST --evse 2" in step(replace(WELL, stations=post), "probe").do


# --- what lapses ---


def read_as(unit: str) -> MeterFacts:
    return MeterFacts("fresh", basis={"sheet": "x", "unit": unit})


def refusing(messages: int) -> UplinkFacts:
    return UplinkFacts("online", 1, dead=messages)


def switched(input: str) -> SignalFacts:
    return SignalFacts("closed", input=input)


def with_test_of(test: str, **then: object) -> SiteFacts:
    """The site, with this test made when the device, or its wiring, was another one."""
    kept = {"limit_test": LIMIT_TEST, "phase_test": PHASE_TEST}
    return with_evse(tests=kept | {test: kept[test] | {"of": DEVICE | then}})


@pytest.mark.parametrize(
    ("key", "test", "then"),
    [
        ("limits", "limit_test", {"serial": "A0"}),
        ("limits", "limit_test", {"firmware": "1.1"}),
        ("limits", "limit_test", {"model": "Post"}),
        ("limits", "limit_test", {"control": "default_profile"}),
        ("phases", "phase_test", {"vendor": "Other"}),
        ("phases", "phase_test", {"serial": "A0"}),
        ("phases", "phase_test", {"phases": "L2L3L1"}),
        ("phases", "phase_test", {"circuit": "garage"}),
        ("phases", "phase_test", {"meter": "main (sheet y, unit 1)"}),
    ],
)
def test_what_was_tested_of_something_else_is_red_until_it_is_tested_again(
    key: str, test: str, then: dict[str, str]
) -> None:
    facts = with_test_of(test, **then)
    facts = replace(facts, confirmed={key: Confirmation("ada", AT, "never mind", left(facts, key))})
    found = step(facts, key)
    (field, was), now = next(iter(then.items())), DEVICE[next(iter(then))]
    assert found.light is Light.RED
    assert f"CP01 was tested before {field} {was} became {now}" in found.evidence
    assert found.do == f"With a car at it, `sitectl station {test.replace('_', '-')} CP01` again."


@pytest.mark.parametrize(
    ("key", "test", "then"),
    [
        ("limits", "limit_test", {"phases": "L2L3L1", "circuit": "garage", "meter": "other ()"}),
        ("phases", "phase_test", {"firmware": "1.1", "control": "default_profile"}),
        ("phases", "phase_test", {"phases": ""}),
        ("limits", "limit_test", {"serial": ""}),
    ],
)
def test_what_a_test_does_not_rest_on_or_nobody_knew_does_not_make_it_lapse(
    key: str, test: str, then: dict[str, str]
) -> None:
    assert step(with_test_of(test, **then), key).light is Light.GREEN


def test_a_test_of_which_nobody_noted_what_it_is_of_counts_for_nothing() -> None:
    for of in ({}, {"of": "a text"}, {"of": None}):
        facts = with_evse(tests={"limit_test": {"verdict": "followed", "meter_s": 3.1, **of}})
        assert step(facts, "limits").light is Light.RED
        assert "CP01 was tested before anybody noted of what" in step(facts, "limits").evidence


def test_a_fault_that_was_found_in_a_device_that_is_gone_is_no_fault_of_the_new_one() -> None:
    bad = {
        "phase_test": {"verdict": "it is wired to L2, and the configuration says L1", "of": DEVICE | {"serial": "A0"}}
    }
    found = step(with_evse(tests=bad | {"limit_test": LIMIT_TEST}), "phases")
    assert "contradicted" not in " ".join(found.evidence)
    assert "serial A0 became A1" in " ".join(found.evidence)


def test_phases_that_were_written_down_otherwise_than_they_were_found_are_red() -> None:
    tests = {"phase_test": PHASE_TEST | {"first": "L2", "of": DEVICE | {"phases": ""}}}
    assert step(with_evse(tests=tests), "phases").light is Light.RED
    as_found = DEVICE | {"phases": "L2L3L1"}
    assert step(with_evse(tests=tests, basis=as_found), "phases").light is Light.GREEN


@pytest.mark.parametrize("then", [{"sheet": "x", "unit": "2"}, {"sheet": "x", "unit": "1", "ratio": "4"}, None])
def test_a_meter_that_is_read_otherwise_is_tested_again(then: dict[str, str] | None) -> None:
    for ok in (True, False):
        main = MeterFacts("fresh", tested=ok, tested_at=AT, basis=MAIN, tested_of=then)
        found = step(replace(WELL, meters={"main": main}), "meters")
        assert found.light is Light.RED
        assert "main was tested before" in found.evidence[-1]
        assert found.do == "Run `sitectl meter test main` again."


@pytest.mark.parametrize(
    ("key", "then", "now"),
    [
        ("meters", {"meters": {"main": read_as("2")}}, {"meters": {"main": read_as("1")}}),
        ("site", {"warnings": ("a",)}, {"warnings": ("a", "b")}),
        ("uplinks", {"uplinks": {"c": refusing(2)}}, {"uplinks": {"c": refusing(3)}}),
        ("signals", {"signals": {"dso": switched("box:0")}}, {"signals": {"dso": switched("box:1")}}),
        ("stations", {"knocking": ("X1",)}, {"knocking": ("X1", "X2")}),
    ],
)
def test_a_confirmation_holds_for_what_was_left_to_do_then(
    key: str, then: dict[str, object], now: dict[str, object]
) -> None:
    before, after = replace(WELL, **then), replace(WELL, **now)  # type: ignore[arg-type]
    said = {key: Confirmation("ada", AT, "as it is", left(before, key))}
    assert step(replace(before, confirmed=said), key).light is Light.BY_HAND
    lapsed = step(replace(after, confirmed=said), key)
    assert lapsed.light is Light.OPEN
    assert "as it is" in lapsed.evidence[-2]
    assert lapsed.evidence[-1].startswith("that was before ")
    assert lapsed.do.endswith("Or confirm it anew.")
    anew = {key: Confirmation("ada", AT, "as it is", left(after, key))}
    assert step(replace(after, confirmed=anew), key).light is Light.BY_HAND


def test_a_confirmation_of_a_station_lapses_with_its_exchange_and_holds_while_less_is_left() -> None:
    two = {id: StationFacts(True, True, "pinned", evses={"1": replace(PROVEN, tests={})}) for id in ("CP01", "CP02")}
    facts = replace(WELL, stations=two)
    said = {"limits": Confirmation("ada", AT, "no car today", left(facts, "limits"))}
    assert step(replace(facts, confirmed=said), "limits").light is Light.BY_HAND
    one_left = two | {"CP01": StationFacts(True, True, "pinned", evses={"1": PROVEN})}
    assert step(replace(facts, stations=one_left, confirmed=said), "limits").light is Light.BY_HAND
    other = replace(PROVEN, tests={}, basis=DEVICE | {"serial": "B7"})
    exchanged = two | {"CP02": StationFacts(True, True, "pinned", evses={"1": other})}
    found = step(replace(facts, stations=exchanged, confirmed=said), "limits")
    assert found.light is Light.OPEN
    assert found.evidence[-1] == "that was before serial A1 became B7 (CP02)"


def test_a_confirmation_of_which_nobody_noted_what_it_is_of_holds_no_longer() -> None:
    facts = replace(WELL, transferred=False, confirmed={"files": Confirmation("ada", AT, "never")})
    assert step(facts, "files").light is Light.OPEN


def test_a_record_is_made_anew_when_the_site_is_another_one() -> None:
    assert step(WELL, "record").light is Light.GREEN
    for changed in (
        with_evse(basis=DEVICE | {"firmware": "1.3"}),
        replace(WELL, circuits={"grid": CircuitFacts(80, 10, 60, metered=True)}),
        replace(WELL, meters={"main": MeterFacts("fresh", basis=MAIN | {"unit": "2"})}),
        replace(WELL, recorded_of=None),
    ):
        found = step(changed, "record")
        assert found.light is Light.OPEN
        assert found.evidence[-1].startswith("that was before ")


def test_a_station_that_comes_again_is_waited_for() -> None:
    coming = StationFacts(True, False, "pinned", expected=True, evses={"1": PROVEN})
    found = step(replace(WELL, stations={"CP01": coming}), "stations")
    assert (found.light, found.evidence[-1]) == (Light.OPEN, "coming again: CP01")
