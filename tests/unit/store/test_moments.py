from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from sitectl.store.moments import from_us, to_us


@given(st.datetimes(timezones=st.just(UTC)))
def test_moments_survive_to_the_microsecond(moment: datetime) -> None:
    assert from_us(to_us(moment)) == moment


def test_a_moment_in_another_zone_is_the_same_moment_in_utc() -> None:
    berlin = datetime(2026, 11, 20, 7, 0, tzinfo=timezone(timedelta(hours=1)))
    assert from_us(to_us(berlin)) == datetime(2026, 11, 20, 6, 0, tzinfo=UTC)


def test_nothing_stays_nothing() -> None:
    assert to_us(None) is None
    assert from_us(None) is None
