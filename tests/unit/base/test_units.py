from datetime import UTC, datetime, timedelta, timezone

import pytest

from sitectl.base.units import amperes, deci, floor_step, format_utc, from_deci, parse_timestamp, watts


@pytest.mark.parametrize(
    ("a", "floored"),
    [
        (0.0, 0.0),
        (0.1 + 0.2, 0.3),
        (1.1 * 3, 3.3),
        (15.999999999999998, 16.0),
        (15.99, 15.9),
        (6.05, 6.0),
        (-0.05, -0.1),
    ],
)
def test_floor_step_stays_on_the_grid(a: float, floored: float) -> None:
    assert floor_step(a) == floored


def test_floor_step_keeps_every_tenth() -> None:
    assert [floor_step(n / 10) for n in range(10_000)] == [n / 10 for n in range(10_000)]


@pytest.mark.parametrize(
    ("a", "step", "floored"), [(7.9, 1.0, 7.0), (7.9, 0.5, 7.5), (7.9, 0.25, 7.75), (11.0, 0.3, 10.8)]
)
def test_floor_step_takes_any_step(a: float, step: float, floored: float) -> None:
    assert floor_step(a, step) == floored


def test_deci_is_the_grid_as_integers() -> None:
    assert [deci(a) for a in (16.0, 0.1 + 0.2, 15.95, 15.999999999, -0.05)] == [160, 3, 159, 160, -1]
    assert from_deci(deci(6.3)) == 6.3


def test_watts_and_amperes_are_inverse() -> None:
    assert watts(16.0, 230.0, 3) == 11_040.0
    assert amperes(11_040.0, 230.0, 3) == 16.0


def test_format_utc_converts_and_cuts() -> None:
    moment = datetime(2026, 11, 20, 7, 11, 0, 999_999, timezone(timedelta(hours=1)))
    assert format_utc(moment) == "2026-11-20T06:11:00Z"


def test_format_utc_refuses_a_moment_without_zone() -> None:
    with pytest.raises(ValueError, match="aware"):
        format_utc(datetime(2026, 11, 20))


@pytest.mark.parametrize(
    ("text", "moment", "had_zone"),
    [
        ("2026-11-20T06:11:00Z", datetime(2026, 11, 20, 6, 11, tzinfo=UTC), True),
        ("2026-11-20T06:11:00z", datetime(2026, 11, 20, 6, 11, tzinfo=UTC), True),
        ("2026-11-20T06:11:00.5Z", datetime(2026, 11, 20, 6, 11, 0, 500_000, UTC), True),
        ("2026-11-20T06:11:00.1234567Z", datetime(2026, 11, 20, 6, 11, 0, 123_456, UTC), True),
        ("2026-11-20T06:11:00+02:00", datetime(2026, 11, 20, 4, 11, tzinfo=UTC), True),
        ("2026-11-20T06:11:00+02", datetime(2026, 11, 20, 4, 11, tzinfo=UTC), True),
        ("2026-11-20T06:11:00-0530", datetime(2026, 11, 20, 11, 41, tzinfo=UTC), True),
        ("2026-11-20 06:11", datetime(2026, 11, 20, 6, 11, tzinfo=UTC), False),
        (" 2026-11-20T06:11:00 ", datetime(2026, 11, 20, 6, 11, tzinfo=UTC), False),
        ("2016-12-31T23:59:60Z", datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC), True),
    ],
)
def test_parse_timestamp_is_tolerant(text: str, moment: datetime, had_zone: bool) -> None:
    assert parse_timestamp(text) == (moment, had_zone)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "2026-11-20",
        "2026-02-30T00:00:00Z",
        "2026-11-20T24:00:00Z",
        "2026-11-20T06:11:00+25:00",
        "0001-01-01T00:00:00+01:00",
        "٢٠٢٦-11-20T06:11:00Z",
        "2026-11-20T06:11:00Zjunk",
    ],
)
def test_parse_timestamp_knows_what_is_none(text: str) -> None:
    assert parse_timestamp(text) is None
