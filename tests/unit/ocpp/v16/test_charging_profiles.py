"""The two profiles that we install, and those of a central."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sitectl.model.commands import InstallFallback, OfferLimit
from sitectl.model.ids import EvseId, StationId
from sitectl.model.ladder import LadderStep, LimitForm, forms_of
from sitectl.model.limits import Offer, OfferKind
from sitectl.model.schedule import ProfileKind, ProfilePurpose, Recurrency, SchedulePeriod
from sitectl.ocpp.v16.charging_profiles import (
    Invalid,
    ProfilesCleared,
    ProfileSet,
    ProfileStyle,
    dynamic,
    fallback,
    profile_set,
    profiles_cleared,
    without_defaults,
)
from sitectl.ocpp.versions import ErrorCode

STATION = StationId("CP01")
NOW = datetime(2026, 11, 20, 6, 11, tzinfo=UTC)


def offer(limit_a: float, kind: OfferKind = OfferKind.DYNAMIC, evse: int = 2) -> Offer:
    return Offer(EvseId(STATION, evse), 7, limit_a, kind, 0.0)


def test_the_dynamic_limit():
    assert dynamic(OfferLimit(offer(16.28), 55, NOW, 300, cut=False)) == {
        "connectorId": 2,
        "csChargingProfiles": {
            "chargingProfileId": 6,
            "transactionId": 55,
            "stackLevel": 8,
            "chargingProfilePurpose": "TxProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "duration": 300,
                "startSchedule": "2026-11-20T06:11:00Z",
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.2}],
            },
        },
    }


@pytest.mark.parametrize(
    ("watts", "phases", "limit"), [(False, 1, 16.0), (False, 3, 16.0), (True, 1, 3680.0), (True, 3, 11040.0)]
)
def test_by_how_many_phases_is_said_where_that_is_ours_to_say(watts: bool, phases: int, limit: float):
    told = replace(offer(16.0), phases=phases)
    made = dynamic(OfferLimit(told, 55, NOW, 300, cut=False), ProfileStyle(watts=watts))
    period = made["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert period == [{"startPeriod": 0, "limit": limit, "numberPhases": phases}]


@pytest.mark.parametrize("style", [ProfileStyle(), ProfileStyle(watts=True, phases=1)])
def test_a_dc_station_is_told_watts_in_every_form(style: ProfileStyle):
    for form in (LimitForm(), LimitForm(watts=True)):
        told = dynamic(OfferLimit(offer(100.0), 55, NOW, 300, cut=False, form=form, limit_w=62100.0), style)
        schedule = told["csChargingProfiles"]["chargingSchedule"]
        assert schedule["chargingRateUnit"] == "W"
        assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 62100.0}]
    none = fallback(InstallFallback(offer(0.0, OfferKind.FALLBACK), limit_w=0.0), style)
    assert none["csChargingProfiles"]["chargingSchedule"]["chargingRateUnit"] == "W"


def test_the_fallback_never_ends():
    assert fallback(InstallFallback(offer(6.0, OfferKind.FALLBACK))) == {
        "connectorId": 2,
        "csChargingProfiles": {
            "chargingProfileId": 5,
            "stackLevel": 0,
            "chargingProfilePurpose": "TxDefaultProfile",
            "chargingProfileKind": "Absolute",
            "chargingSchedule": {
                "startSchedule": "2000-01-01T00:00:00Z",
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.0}],
            },
        },
    }


def said(form: LimitForm) -> tuple[dict, dict]:
    """The call, and the profile in it, for 16 A."""
    payload = dynamic(OfferLimit(offer(16.0), 55, NOW, 300, cut=False, form=form))
    return payload, payload["csChargingProfiles"]


@pytest.mark.parametrize(
    ("step", "connector", "purpose"),
    [
        (LadderStep.TX_PROFILE, 2, "TxProfile"),
        (LadderStep.TX_DEFAULT, 2, "TxDefaultProfile"),
        (LadderStep.TX_DEFAULT_STATION, 0, "TxDefaultProfile"),
        (LadderStep.CHARGE_POINT_MAX, 0, "ChargePointMaxProfile"),
    ],
)
def test_every_step_of_the_ladder(step, connector, purpose):
    payload, profile = said(LimitForm(step))
    assert (payload["connectorId"], profile["chargingProfilePurpose"]) == (connector, purpose)
    assert ("transactionId" in profile) == (step is LadderStep.TX_PROFILE)
    assert profile["stackLevel"] == 8
    schedules = [said(form)[1]["chargingSchedule"] for form in forms_of(step)]
    assert [schedule["chargingRateUnit"] for schedule in schedules] == ["A", "W", "A", "A"]
    assert ["startSchedule" in schedule for schedule in schedules] == [True, True, False, True]
    assert ["duration" in schedule for schedule in schedules] == [
        True,
        True,
        True,
        step is LadderStep.TX_PROFILE,
    ], "in the fallback's place there is none below it"
    assert [said(form)[1]["stackLevel"] for form in forms_of(step)] == [8, 8, 8, 0]


def test_the_fallback_lies_below_the_limits_of_its_form():
    def place(form: LimitForm) -> tuple[int, str, int]:
        payload = fallback(InstallFallback(offer(6.0, OfferKind.FALLBACK), form))
        profile = payload["csChargingProfiles"]
        return payload["connectorId"], profile["chargingProfilePurpose"], profile["chargingProfileId"]

    assert place(LimitForm()) == place(LimitForm(LadderStep.TX_DEFAULT)) == (2, "TxDefaultProfile", 5)
    assert place(LimitForm(LadderStep.TX_DEFAULT_STATION)) == (0, "TxDefaultProfile", 5)
    assert place(LimitForm(LadderStep.CHARGE_POINT_MAX)) == (0, "ChargePointMaxProfile", 5)
    only = LimitForm(LadderStep.TX_DEFAULT, lowest=True)
    assert place(only)[2] == said(only)[1]["chargingProfileId"], "each takes the place of the other"
    assert without_defaults() == {"chargingProfilePurpose": "TxDefaultProfile"}


@pytest.mark.parametrize(("max_stack", "stack"), [(0, 1), (1, 1), (5, 5), (8, 8), (2**31, 8)])
def test_stack_levels(max_stack, stack):
    payload = dynamic(OfferLimit(offer(6), 1, NOW, 300, cut=True), ProfileStyle(max_stack=max_stack))
    assert payload["csChargingProfiles"]["stackLevel"] == stack


@pytest.mark.parametrize(("phases", "limit_w"), [(1, 3748.9), (3, 11246.5)])
def test_in_watt(phases, limit_w):
    style = ProfileStyle(watts=True, phases=phases, nominal_voltage_v=229.99)
    schedule = dynamic(OfferLimit(offer(16.3), 1, NOW, 300, cut=True), style)["csChargingProfiles"]["chargingSchedule"]
    assert schedule["chargingRateUnit"] == "W"
    [period] = schedule["chargingSchedulePeriod"]
    assert period["numberPhases"] == phases
    assert period["limit"] == pytest.approx(limit_w, abs=0.11)
    assert period["limit"] <= 16.3 * 229.99 * phases


def test_profile_ids_of_different_evses_differ():
    ids = {
        build(command)["csChargingProfiles"]["chargingProfileId"]
        for evse in range(1, 9)
        for build, command in (
            (dynamic, OfferLimit(offer(6, evse=evse), 1, NOW, 300, cut=True)),
            (fallback, InstallFallback(offer(6, evse=evse))),
        )
    }
    assert len(ids) == 16
    assert min(ids) > 0


# --- a central's ---


def sent(connector=1, schedule=None, **changes) -> dict:
    profile = {
        "chargingProfileId": 4,
        "stackLevel": 2,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 10.0}],
            **(schedule or {}),
        },
        **changes,
    }
    return {"connectorId": connector, "csChargingProfiles": {k: v for k, v in profile.items() if v is not None}}


def read(payload, voltage=230.0):
    return profile_set(payload, STATION, NOW, voltage)


def test_a_whole_profile():
    result = read(
        sent(
            schedule={
                "duration": 3600,
                "startSchedule": "2026-11-20T07:00:00+01:00",
                "chargingSchedulePeriod": [{"startPeriod": 60, "limit": 8}, {"startPeriod": 0, "limit": 10.25}],
            },
            chargingProfileKind="Recurring",
            recurrencyKind="Daily",
            validFrom="2026-11-20T00:00:00Z",
            validTo="2026-11-21T00:00:00Z",
        )
    )
    assert isinstance(result, ProfileSet)
    profile = result.profile
    assert (profile.id, profile.evse, profile.stack_level) == (4, EvseId(STATION, 1), 2)
    assert (profile.purpose, profile.kind) == (ProfilePurpose.TX_DEFAULT, ProfileKind.RECURRING)
    assert profile.recurrency is Recurrency.DAILY
    assert profile.schedule.periods == (SchedulePeriod(0, 10.2), SchedulePeriod(60, 8.0))
    assert profile.schedule.start == datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
    assert (profile.schedule.duration_s, profile.received) == (3600, NOW)
    assert (profile.valid_from, profile.valid_to) == (
        datetime(2026, 11, 20, tzinfo=UTC),
        datetime(2026, 11, 21, tzinfo=UTC),
    )
    assert (profile.transaction, result.uplink_transaction_id) == (None, None)


@pytest.mark.parametrize(("phases", "limit_a"), [(None, 16.0), (3, 16.0), (1, 48.0), (2, 24.0), (0, 16.0), (9, 16.0)])
def test_watt_become_ampere(phases, limit_a):
    period = {"startPeriod": 0, "limit": 11040, "numberPhases": phases}
    result = read(sent(schedule={"chargingRateUnit": "W", "chargingSchedulePeriod": [period]}))
    assert result.profile.schedule.periods == (SchedulePeriod(0, limit_a),)


def test_a_profile_of_a_transaction():
    result = read(sent(chargingProfilePurpose="TxProfile", transactionId=4711))
    assert (result.profile.purpose, result.uplink_transaction_id) == (ProfilePurpose.TX, "4711")
    assert read(sent(transactionId=4711)).uplink_transaction_id is None


def test_a_station_maximum():
    result = read(sent(0, chargingProfilePurpose="ChargePointMaxProfile"))
    assert (result.profile.purpose, result.profile.evse.evse) == (ProfilePurpose.STATION_MAX, 0)


def test_empty_texts_are_as_good_as_missing():
    result = read(sent(schedule={"startSchedule": ""}, validTo=""))
    assert (result.profile.schedule.start, result.profile.valid_to) == (None, None)


def test_a_relative_schedule_has_no_start():
    result = read(sent(schedule={"startSchedule": "2026-11-20T07:00:00Z"}, chargingProfileKind="Relative"))
    assert result.profile.schedule.start is None


def test_a_negative_limit_is_zero():
    result = read(sent(schedule={"chargingSchedulePeriod": [{"startPeriod": 0, "limit": -5}]}))
    assert result.profile.schedule.periods == (SchedulePeriod(0, 0.0),)


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, ErrorCode.FORMAT_VIOLATION),
        ({"connectorId": -1, "csChargingProfiles": {}}, ErrorCode.FORMAT_VIOLATION),
        ({"connectorId": 1, "csChargingProfiles": 3}, ErrorCode.FORMAT_VIOLATION),
        (sent(chargingProfileId=None), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(stackLevel=-1), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(chargingProfilePurpose="Other"), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(chargingProfileKind="Recurring"), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(1, chargingProfilePurpose="ChargePointMaxProfile"), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(0, chargingProfilePurpose="TxProfile"), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(schedule={"chargingRateUnit": "VA"}), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(schedule={"duration": "long"}), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(schedule={"startSchedule": "noon"}), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(validFrom="noon"), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(validTo="2026-13-01T00:00:00Z"), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(chargingProfilePurpose="TxProfile", transactionId="x"), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(schedule={"chargingSchedulePeriod": []}), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (sent(schedule={"chargingSchedulePeriod": [{"startPeriod": 0}]}), ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        (
            sent(schedule={"chargingSchedulePeriod": [{"startPeriod": -1, "limit": 6}]}),
            ErrorCode.PROPERTY_CONSTRAINT_VIOLATION,
        ),
    ],
)
def test_what_cannot_be_understood(payload, code):
    result = read(payload)
    assert isinstance(result, Invalid)
    assert result.code is code
    assert result.description


def cleared(**payload) -> list[bool]:
    """Which of three profiles a ClearChargingProfile clears."""
    profiles = [
        read(sent(0, chargingProfilePurpose="ChargePointMaxProfile", chargingProfileId=1, stackLevel=0)).profile,
        read(sent(1, chargingProfileId=2, stackLevel=0)).profile,
        read(sent(1, chargingProfileId=3, stackLevel=1)).profile,
    ]
    result = profiles_cleared(payload)
    assert isinstance(result, ProfilesCleared)
    return [result.matches(profile) for profile in profiles]


def test_clearing():
    assert cleared() == [True, True, True]
    assert cleared(id=2) == [False, True, False]
    assert cleared(id=2, connectorId=0, stackLevel=7) == [False, True, False]
    assert cleared(connectorId=1) == [False, True, True]
    assert cleared(connectorId=0) == [True, False, False]
    assert cleared(stackLevel=0) == [True, True, False]
    assert cleared(stackLevel=0, chargingProfilePurpose="TxDefaultProfile") == [False, True, False]
    assert cleared(chargingProfilePurpose="TxProfile") == [False, False, False]


@pytest.mark.parametrize(
    "payload", [{"id": "x"}, {"connectorId": {}}, {"chargingProfilePurpose": "All"}, {"stackLevel": "top"}]
)
def test_a_filter_that_cannot_be_read_clears_nothing(payload):
    assert isinstance(profiles_cleared(payload), Invalid)
