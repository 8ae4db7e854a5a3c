"""Profiles of one central, composed by the rules of OCPP into ceilings."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.limits import Ceiling
from sitectl.model.schedule import ChargingProfile, ChargingSchedule, ProfileKind, ProfilePurpose, SchedulePeriod
from sitectl.planner.ceilings import Charging, compose

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
NOW = 500.0
A = StationId("A")
WHOLE, FIRST, SECOND = EvseId(A, 0), EvseId(A, 1), EvseId(A, 2)
RUNNING = Charging(TransactionId("t1"), NOON - timedelta(minutes=10))


def profile(
    limit_a: float, purpose: ProfilePurpose, evse: EvseId = FIRST, stack: int = 0, duration_s: int | None = None
) -> ChargingProfile:
    schedule = ChargingSchedule((SchedulePeriod(0, limit_a),), NOON - timedelta(seconds=100), duration_s)
    transaction = RUNNING.transaction if purpose is ProfilePurpose.TX else None
    return ChargingProfile(
        int(limit_a), evse, stack, purpose, ProfileKind.ABSOLUTE, schedule, NOON, transaction=transaction
    )


def limits(*profiles: ChargingProfile, running: Charging | None = RUNNING) -> dict[EvseId, float]:
    found = compose(profiles, "central", A, {FIRST: running, SECOND: None}, NOON, NOW)
    return {ceiling.evse: ceiling.ceiling_a for ceiling in found if ceiling.evse is not None}


DEFAULT, TX, MAX = ProfilePurpose.TX_DEFAULT, ProfilePurpose.TX, ProfilePurpose.STATION_MAX


def test_no_profile_no_limit() -> None:
    assert limits() == {}


def test_default_of_the_station_bounds_every_evse_of_it() -> None:
    assert limits(profile(16, DEFAULT, WHOLE)) == {FIRST: 16, SECOND: 16}


def test_a_profile_of_the_transaction_replaces_the_default_even_upwards() -> None:
    assert limits(profile(10, DEFAULT), profile(20, TX)) == {FIRST: 20}


def test_a_profile_of_another_transaction_is_none() -> None:
    other = Charging(TransactionId("t2"), NOON)
    assert limits(profile(10, DEFAULT), profile(20, TX), running=other) == {FIRST: 10}
    assert limits(profile(20, TX), running=None) == {}


def test_the_highest_valid_stack_level_wins() -> None:
    assert limits(profile(10, DEFAULT, stack=1), profile(20, DEFAULT, stack=3)) == {FIRST: 20}


def test_when_a_level_ends_the_next_lower_applies() -> None:
    assert limits(profile(10, DEFAULT, stack=1), profile(20, DEFAULT, stack=3, duration_s=99)) == {FIRST: 10}


def test_of_equal_levels_the_one_of_the_evse_itself_wins() -> None:
    assert limits(profile(10, DEFAULT, WHOLE), profile(20, DEFAULT, FIRST)) == {FIRST: 20, SECOND: 10}


def test_the_station_maximum_bounds_the_station_as_a_whole() -> None:
    assert limits(profile(25, MAX, WHOLE), profile(20, TX)) == {WHOLE: 25, FIRST: 20}


def test_a_ceiling_names_its_owner_and_expires_with_its_period() -> None:
    (ceiling,) = compose([profile(10, DEFAULT, duration_s=160)], "central", A, {FIRST: None}, NOON, NOW)
    assert ceiling == Ceiling("central/A:1", "central", 10.0, FIRST, None, NOW + 60, "charging profile of central")


def test_a_higher_level_that_begins_later_is_a_change_to_come() -> None:
    later = replace(profile(20, DEFAULT, stack=3), valid_from=NOON + timedelta(seconds=30))
    (ceiling,) = compose([profile(10, DEFAULT), later], "central", A, {FIRST: None}, NOON, NOW)
    assert (ceiling.ceiling_a, ceiling.expires_at) == (10.0, NOW + 30)
