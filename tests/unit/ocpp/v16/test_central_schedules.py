"""GetCompositeSchedule: the question and the answer."""

from datetime import UTC, datetime

import pytest

from sitectl.config.schemas import load_schemas
from sitectl.ocpp.schema import Validator
from sitectl.ocpp.v16.central_schedules import ScheduleAsked, composite_schedule, schedule_asked
from sitectl.ocpp.v16.charging_profiles import Invalid
from sitectl.ocpp.versions import ErrorCode, Version

VALIDATOR = Validator(load_schemas(Version.V16))
NOW = datetime(2026, 11, 20, 6, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("payload", "meaning"),
    [
        ({"connectorId": 1, "duration": 60}, ScheduleAsked(1, 60)),
        ({"connectorId": 0, "duration": 0, "chargingRateUnit": "W"}, ScheduleAsked(0, 0, "W")),
        ({"connectorId": "2", "duration": 60.0, "chargingRateUnit": "a"}, ScheduleAsked(2, 60, "A")),
    ],
)
def test_questions(payload, meaning):
    assert schedule_asked(payload) == meaning


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({}, ErrorCode.FORMAT_VIOLATION),
        ({"connectorId": 1}, ErrorCode.FORMAT_VIOLATION),
        ({"connectorId": "x", "duration": 60}, ErrorCode.FORMAT_VIOLATION),
        ({"connectorId": 1, "duration": 60, "chargingRateUnit": "V"}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"connectorId": 1, "duration": 60, "chargingRateUnit": {}}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"connectorId": 1, "duration": -1}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
        ({"connectorId": -1, "duration": 60}, ErrorCode.PROPERTY_CONSTRAINT_VIOLATION),
    ],
)
def test_what_is_no_question(payload, code):
    result = schedule_asked(payload)
    assert isinstance(result, Invalid)
    assert result.code is code
    assert result.description


@pytest.mark.parametrize(("unit", "phases"), [("A", None), ("W", None), ("W", 1)])
def test_the_answer_is_by_the_book(unit, phases):
    payload = composite_schedule(1, NOW, 3600, [(0, 16.0), (60, 6.5)], unit, phases)
    assert VALIDATOR.deviations("GetCompositeSchedule", "response", payload) == ()
    periods = payload["chargingSchedule"]["chargingSchedulePeriod"]
    assert [period["limit"] for period in periods] == [16.0, 6.5]
    assert all(period.get("numberPhases") == phases for period in periods)
