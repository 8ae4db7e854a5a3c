"""Charging profiles as a station of OCPP 1.6 obeys them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sitectl.simulator.profiles import Profile, ProfileStore

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def raw(
    limit: float,
    purpose: str = "TxProfile",
    *,
    profile_id: int = 1,
    stack: int = 0,
    kind: str = "Absolute",
    **more: Any,
) -> dict[str, Any]:
    schedule: dict[str, Any] = {
        "chargingRateUnit": more.pop("unit", "A"),
        "chargingSchedulePeriod": more.pop("periods", [{"startPeriod": 0, "limit": limit}]),
    }
    start = more.pop("start", NOW - timedelta(seconds=60) if kind != "Relative" else None)
    if start is not None:
        schedule["startSchedule"] = text(start)
    if "duration" in more:
        schedule["duration"] = more.pop("duration")
    return {
        "chargingProfileId": profile_id,
        "stackLevel": stack,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": schedule,
        **more,
    }


def store(*profiles: tuple[int, dict[str, Any]]) -> ProfileStore:
    kept = ProfileStore()
    for connector, profile in profiles:
        kept.install(connector, Profile.read(profile), NOW)
    return kept


def test_no_profile_no_limit() -> None:
    assert store().limit_a(1, NOW, NOW) is None


def test_tx_profile_replaces_tx_default_even_when_it_is_higher() -> None:
    kept = store((0, raw(6, "TxDefaultProfile")), (1, raw(20, profile_id=2)))
    assert kept.limit_a(1, NOW, NOW) == 20
    assert kept.limit_a(2, NOW, NOW) == 6
    assert kept.limit_a(1, NOW, None) == 6


def test_charge_point_max_is_a_lid_shared_by_active_connectors() -> None:
    kept = store((0, raw(24, "ChargePointMaxProfile")), (1, raw(20, profile_id=2)))
    assert kept.limit_a(1, NOW, NOW) == 20
    assert kept.limit_a(1, NOW, NOW, sharing=2) == 12
    assert kept.limit_a(2, NOW, NOW) == 24


def test_highest_valid_stack_level_wins_and_a_lower_one_shows_when_it_ends() -> None:
    kept = store((1, raw(6, "TxDefaultProfile")), (1, raw(16, "TxDefaultProfile", profile_id=2, stack=3, duration=300)))
    assert kept.limit_a(1, NOW, NOW) == 16
    assert kept.limit_a(1, later(239), NOW) == 16
    assert kept.limit_a(1, later(240), NOW) == 6


def test_a_tx_profile_that_ends_gives_way_to_tx_default() -> None:
    kept = store((0, raw(6, "TxDefaultProfile")), (1, raw(16, profile_id=2, duration=300)))
    assert kept.limit_a(1, later(240), NOW) == 6


def test_connectors_own_default_hides_the_one_on_connector_0_at_equal_stack() -> None:
    kept = store((0, raw(6, "TxDefaultProfile")), (1, raw(10, "TxDefaultProfile", profile_id=2)))
    assert (kept.limit_a(1, NOW, NOW), kept.limit_a(2, NOW, NOW)) == (10, 6)


def test_schedule_in_the_future_and_validity_window() -> None:
    assert store((1, raw(10, start=later(5)))).limit_a(1, NOW, NOW) is None
    kept = store((1, raw(10, validFrom=text(later(10)), validTo=text(later(20)))))
    assert [kept.limit_a(1, later(s), NOW) for s in (9, 10, 19, 20)] == [None, 10, 10, None]


def test_relative_schedules_count_from_the_start_of_the_transaction() -> None:
    periods = [{"startPeriod": 0, "limit": 16}, {"startPeriod": 60, "limit": 8}]
    kept = store((1, raw(0, kind="Relative", periods=periods, duration=120)))
    assert [kept.limit_a(1, later(s), later(100)) for s in (100, 159, 160, 220)] == [16, 16, 8, None]


def test_recurring_schedules_repeat() -> None:
    profile = raw(16, "TxDefaultProfile", kind="Recurring", recurrencyKind="Daily", start=NOW, duration=3600)
    kept = store((1, profile))
    assert kept.limit_a(1, later(3 * 86_400 + 60), None) == 16
    assert kept.limit_a(1, later(3 * 86_400 + 3_600), None) is None


def test_watts_count_for_the_named_number_of_phases_or_three() -> None:
    assert store((1, raw(11_040, unit="W"))).limit_a(1, NOW, NOW) == 16
    one_phase = [{"startPeriod": 0, "limit": 3_680, "numberPhases": 1}]
    assert store((1, raw(0, unit="W", periods=one_phase))).limit_a(1, NOW, NOW) == 16


def test_equal_id_or_equal_purpose_and_stack_replaces() -> None:
    kept = store((1, raw(16)), (1, raw(10, profile_id=2)), (1, raw(12, "TxDefaultProfile", profile_id=2, stack=4)))
    assert len(kept) == 1
    assert kept.limit_a(1, NOW, NOW) == 12


def test_tx_profiles_die_with_the_transaction() -> None:
    kept = store((1, raw(16)), (2, raw(10, profile_id=2)), (1, raw(6, "TxDefaultProfile", profile_id=3)))
    kept.end_transaction(1)
    assert kept.limit_a(1, NOW, NOW) == 6
    assert kept.limit_a(2, NOW, NOW) == 10


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ((2, 1, "TxProfile", 9), 2),
        ((None, 1, None, None), 1),
        ((None, None, "TxDefaultProfile", 0), 2),
        ((None, None, None, None), 0),
        ((77, None, None, None), 3),
    ],
)
def test_clear_goes_by_id_alone_or_by_all_other_fields(query: tuple[Any, Any, Any, Any], left: int) -> None:
    kept = store((1, raw(16)), (2, raw(10, profile_id=2)), (1, raw(6, "TxDefaultProfile", profile_id=3)))
    assert kept.clear(*query) is (left < 3)
    assert len(kept) == left


def test_composite_merges_all_purposes_and_names_every_change() -> None:
    kept = store((0, raw(6, "TxDefaultProfile")), (1, raw(16, profile_id=2, duration=120)))
    assert kept.composite(1, NOW, 600, NOW, 32) == [{"startPeriod": 0, "limit": 16}, {"startPeriod": 60, "limit": 6}]
    assert kept.composite(0, NOW, 600, None, 32) == [{"startPeriod": 0, "limit": 32}]


@pytest.mark.parametrize(
    "broken",
    [
        {},
        raw(-1),
        raw(16, "MyProfile"),
        raw(16, kind="Sometimes"),
        raw(16, unit="kW"),
        raw(16, periods=[]),
        raw(16, periods=[{"startPeriod": 5, "limit": 6}]),
        raw(16, kind="Recurring", recurrencyKind="Hourly"),
        raw(16, validTo="tomorrow"),
    ],
)
def test_what_is_no_profile_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError, TypeError)):
        Profile.read(broken)
