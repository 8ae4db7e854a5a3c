"""Healing of a site that stands still: what is ordered, kept and told, and what is not."""

import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sitectl.healing.view import StationHealth
from sitectl.model.commands import Answered, NotSent, ResetKind, TriggerMessage
from sitectl.model.events import EvseStatusChanged
from sitectl.model.hands import Hand, HandKind
from sitectl.model.health import AttemptOutcome, HealingMode, RemedyKind
from sitectl.model.ids import EvseId, StationId
from sitectl.model.station import ChargingState, ConnectorStatus, EvseStatus
from sitectl.site.healer import AT_ONCE, PAUSE, in_parts
from sitectl.stations.vitals import Vitals
from tests.unit.api.quiet_site import CP01, CP02, WALL
from tests.unit.site.healing_ward import LADDER, Ward, rules

SOFT, HARD = ResetKind.ON_IDLE, ResetKind.IMMEDIATE


@pytest.fixture
async def ward(tmp_path: Path) -> Ward:
    ward = Ward(tmp_path)
    await ward.begins()
    return ward


async def test_a_fault_climbs_its_ladder_and_ends_with_a_person(ward: Ward) -> None:
    ward.fault()
    await ward.passes(1)
    assert [command.message for command in ward.ordered(TriggerMessage)] == ["StatusNotification"]
    assert not ward.resets()
    await ward.passes(12)
    assert ward.resets() == [SOFT]
    await ward.passes(130)
    assert ward.resets() == [SOFT, HARD]
    await ward.passes(15)
    ((what, where, do),) = ward.healer.findings()
    assert (what.partition(":")[0], where, do) == ("It is sick", "CP01:1", "Go there.")
    assert [one.attempt.remedy.kind for one in ward.shelf.kept.values()] == list(LADDER)
    assert [one.attempt.helped for one in ward.shelf.kept.values()] == [False, False, False, None]


async def test_what_helped_is_kept_with_how_long_it_took(ward: Ward) -> None:
    ward.fault()
    await ward.passes(12)
    assert ward.resets() == [SOFT]
    ward.well()
    await ward.passes(8)
    kept = list(ward.shelf.kept.values())[-1]
    assert (kept.attempt.helped, kept.attempt.outcome) == (True, AttemptOutcome.DONE)
    assert kept.since is not None
    (recovered,) = ward.notes.of("healing.recovered")
    assert (recovered["by"], recovered["rule"]) == ("soft_reset", "other")
    types = [type for type, *_ in ward.notes if type.startswith("healing.")]
    assert types[:3] == ["healing.symptom", "healing.attempt", "healing.done"]
    assert not ward.healer.findings()


async def test_observe_decides_and_records_everything_and_touches_nothing(tmp_path: Path) -> None:
    ward = Ward(tmp_path, rules(HealingMode.OBSERVE))
    await ward.begins()
    ward.fault()
    await ward.passes(200)
    assert not ward.door.asked
    kinds = [(one.attempt.remedy.kind, one.attempt.dry) for one in ward.shelf.kept.values()]
    assert kinds[:3] == [(RemedyKind.TRIGGER, True), (RemedyKind.SOFT_RESET, True), (RemedyKind.HARD_RESET, True)]
    assert all(data["dry"] for data in ward.notes.of("healing.attempt") if data["remedy"] != "tell")


async def test_the_mode_that_was_said_goes_before_the_configured_one_and_is_kept(ward: Ward) -> None:
    assert (ward.healer.mode, ward.healer.mode_source) == (HealingMode.ACT, "")
    await ward.healer.set_mode(HealingMode.OFF, "anna")
    assert (ward.made().mode, ward.healer.mode_source) == (HealingMode.OFF, "anna")
    ward.fault()
    await ward.passes(30)
    assert not ward.door.asked
    assert not ward.shelf.kept
    await ward.healer.set_mode(None, "anna")
    assert ward.healer.mode is HealingMode.ACT
    await ward.overlay.keep("heal_mode", "site", "nonsense", source="x")
    assert ward.healer.mode is HealingMode.ACT


async def test_a_station_that_is_paused_is_left_alone_for_as_long_as_was_said(ward: Ward) -> None:
    await ward.healer.pause(CP01, "anna", "I am here", for_s=3600.0)
    assert ward.healer.paused()[CP01].why == "I am here"
    entry = ward.overlay.of(PAUSE)[CP01]
    assert entry.expires == WALL + timedelta(hours=1)
    ward.fault()
    await ward.passes(30)
    assert not ward.door.asked
    assert await ward.healer.resume(CP01, "anna")
    await ward.passes(2)
    assert ward.ordered(TriggerMessage)
    assert not await ward.healer.resume(CP01, "anna")


async def test_who_resumes_a_station_has_looked_at_it(ward: Ward) -> None:
    ward.vitals.security_event(CP01, "TamperDetectionActivated", "lid")
    await ward.healer.resume(CP01, "anna")
    assert not ward.vitals.of(CP01).faults


async def test_a_tamper_alarm_outlives_a_restart_until_somebody_has_looked(ward: Ward) -> None:
    ward.vitals.changed = ward.healer.changed
    ward.vitals.security_event(CP01, "TamperDetectionActivated", "lid")
    await ward.settled()
    ward.vitals = Vitals(ward.quiet.clock)
    ward.healer = ward.made()
    await ward.healer.recall()
    assert ward.vitals.of(CP01).faults[0].info == "lid"
    await ward.healer.resume(CP01, "anna")
    ward.vitals = Vitals(ward.quiet.clock)
    ward.healer = ward.made()
    await ward.healer.recall()
    assert not ward.vitals.of(CP01).faults


async def test_a_danger_and_an_update_outlive_a_restart_until_the_station_says_otherwise(ward: Ward) -> None:
    ward.vitals.changed = ward.healer.changed
    ward.vitals.status(CP01, 1, EvseStatus(ConnectorStatus.FAULTED, error_code="GroundFailure"))
    ward.vitals.status(CP02, 1, EvseStatus(ConnectorStatus.FAULTED, error_code="ReaderFailure"))
    ward.vitals.firmware(CP02, "Installing")
    await ward.passes(2)
    ward.vitals = Vitals(ward.quiet.clock)
    ward.healer = ward.made()
    await ward.healer.recall()
    assert ward.vitals.of(CP01).faults[1].code == "GroundFailure"
    assert not ward.vitals.of(CP02).faults, "what is no danger is asked for again"
    assert ward.vitals.of(CP02).firmware == "Installing"
    ward.vitals.changed = ward.healer.changed
    ward.vitals.status(CP01, 1, EvseStatus(ConnectorStatus.AVAILABLE))
    ward.vitals.firmware(CP02, "Installed")
    await ward.passes(2)
    ward.vitals = Vitals(ward.quiet.clock)
    ward.healer = ward.made()
    await ward.healer.recall()
    assert not ward.vitals.of(CP01).faults
    assert not ward.vitals.of(CP02).firmware


async def test_nothing_is_done_that_is_not_on_disk(ward: Ward) -> None:
    ward.shelf.full = True
    ward.fault()
    await ward.passes(5)
    assert not ward.door.asked
    ward.shelf.full = False
    await ward.passes(2)
    assert ward.ordered(TriggerMessage), "it begins with the first step when the disk takes it again"
    assert not ward.resets()


async def test_a_danger_is_told_and_never_reset(tmp_path: Path) -> None:
    ward = Ward(tmp_path)
    await ward.begins()
    ward.fault("GroundFailure")
    await ward.passes(200)
    assert not ward.door.asked


async def test_no_reset_under_a_car_that_charges(ward: Ward) -> None:
    ward.quiet.charge(EvseId(CP01, 1), 10.0)
    ward.quiet.pass_s(2, 11.0, 12.0, 13.0)
    ward.fault()
    await ward.passes(60)
    assert not ward.resets()
    assert ward.ordered(TriggerMessage)


async def test_a_car_that_came_between_the_decision_and_the_reset_is_spared(ward: Ward) -> None:
    ward.fault()
    await ward.passes(9)
    assert not ward.resets()
    order = ward.door.order

    async def slow(station: StationId, kind: ResetKind, by: str, guard: object = None) -> object:
        ward.quiet.charge(EvseId(CP01, 1), 10.0)  # while the order waits for its turn at the station
        return await order(station, kind, by, guard)  # type: ignore[arg-type]

    ward.door.order = slow  # type: ignore[method-assign, assignment]
    await ward.passes(3)
    assert not ward.resets()
    assert ward.door.guarded == ["a car has begun to charge at EVSE 1"]
    (done,) = [data for data in ward.notes.of("healing.done") if data["remedy"] == "soft_reset"]
    assert done["outcome"] == "not done"


@pytest.mark.parametrize("said", ["danger", "pause", "observe", "firmware", "status"])
async def test_what_is_said_between_the_decision_and_the_reset_holds_it_back(ward: Ward, said: str) -> None:
    ward.fault()
    await ward.passes(9)
    order = ward.door.order

    async def slow(station: StationId, kind: ResetKind, by: str, guard: object = None) -> object:
        if said == "danger":
            ward.fault("GroundFailure")
        elif said == "pause":
            await ward.healer.pause(CP01, "anna")
        elif said == "observe":
            await ward.healer.set_mode(HealingMode.OBSERVE, "anna")
        elif said == "status":
            charges = EvseStatus(ConnectorStatus.OCCUPIED, ChargingState.CHARGING)
            ward.quiet.site.post(EvseStatusChanged(EvseId(CP01, 1), ward.quiet.clock.at, charges))
        else:
            ward.vitals.firmware(CP01, "Installing")
        return await order(station, kind, by, guard)  # type: ignore[arg-type]

    ward.door.order = slow  # type: ignore[method-assign, assignment]
    await ward.passes(3)
    assert not ward.resets()
    assert len(ward.door.guarded) == 1


async def test_a_restart_goes_on_where_the_ladder_was(ward: Ward) -> None:
    ward.fault()
    await ward.passes(12)
    assert ward.resets() == [SOFT]
    ward.shelf.kept = {
        id: replace(one, attempt=replace(one.attempt, begun=WALL)) for id, one in ward.shelf.kept.items()
    }
    ward.healer = ward.made()
    await ward.healer.recall()
    await ward.passes(5)
    assert ward.resets() == [SOFT], "what was under way is waited for"
    await ward.passes(140)
    assert ward.resets() == [SOFT, HARD], "and the next step follows, not the first again"


async def test_others_are_at_work_first_and_their_resets_count(ward: Ward) -> None:
    ward.fault()
    ward.busy[CP01] = "a phase test"
    await ward.passes(30)
    assert not ward.door.asked
    ward.busy.clear()
    hand = ward.hands.begin(CP01, HandKind.HARD_RESET, "central main")
    await ward.passes(5)
    assert not ward.door.asked, "its order is not answered yet"
    ward.hands.end(hand, Answered("Accepted", {}))
    for _ in range(4):
        ward.others_reset(Hand(CP01, HandKind.HARD_RESET, "central main", ward.quiet.clock.at))
    await ward.passes(300)
    assert ward.ordered(TriggerMessage)
    assert not ward.resets(), "the budget of the day is used up"


async def test_what_was_refused_goes_on_at_once(ward: Ward) -> None:
    ward.door.outcome = lambda asked: Answered("Rejected", {})
    ward.fault()
    await ward.passes(4)
    assert ward.resets() == [SOFT]
    assert next(one.attempt.outcome for one in ward.shelf.kept.values()) is AttemptOutcome.REFUSED


async def test_stations_do_not_wait_for_one_another(ward: Ward) -> None:
    ward.fault()
    ward.fault(station=CP02)
    await ward.passes(2)
    assert {command.evse.station for command in ward.ordered(TriggerMessage)} == {CP01, CP02}


async def test_a_hand_that_fails_inside_is_an_outcome(ward: Ward) -> None:
    def fails(asked: object) -> Answered:
        raise RuntimeError("bug")

    ward.door.outcome = fails
    ward.fault()
    await ward.passes(3)
    assert "failed inside" in ward.notes.of("healing.done")[0]["said"]
    ward.door.outcome = lambda asked: NotSent("offline")
    await ward.passes(3)
    assert ward.notes.of("healing.done")[-1]["outcome"] == "not done"


async def test_rules_that_say_the_same_after_a_reload_are_the_same(ward: Ward) -> None:
    before = ward.healer.rules
    ward.rules = replace(ward.rules)
    assert ward.healer.rules is before
    ward.rules = rules(HealingMode.OBSERVE)
    assert ward.healer.rules is ward.rules
    assert ward.healer.mode is HealingMode.OBSERVE


# --- many at once ---


def picture(n: int) -> StationHealth:
    return StationHealth(StationId(f"S{n:04}"))


def test_many_that_changed_at_once_are_looked_at_a_few_at_a_time() -> None:
    before = {one.id: one for one in map(picture, range(3 * AT_ONCE))}
    now = {one.id: one for one in map(picture, range(3 * AT_ONCE + 1))}
    parts = list(in_parts(before, now, ()))
    assert len(parts) == 4
    assert parts[-1] == now
    for one, other in itertools.pairwise([before, *parts]):
        assert sum(other[id] is not one.get(id) for id in other) <= AT_ONCE
        assert set(one) <= set(other), "nobody is forgotten between two parts"


def test_few_changes_are_one_look_and_what_left_is_left_out() -> None:
    before = {one.id: one for one in map(picture, range(200))}
    now = {id: one for id, one in before.items() if one.id != "S0007"} | {StationId("S0001"): picture(1)}
    assert list(in_parts(before, now, before)) == [now]


def test_what_is_remembered_from_before_a_restart_is_in_the_first_part() -> None:
    now = {one.id: one for one in map(picture, range(200))}
    first = next(in_parts({}, now, {StationId("S0199"), StationId("GONE")}))
    assert len(first) == AT_ONCE + 1
    assert "S0199" in first
