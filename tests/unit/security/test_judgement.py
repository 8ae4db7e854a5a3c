from datetime import UTC, datetime, timedelta

from sitectl.security.judgement import renewal_due

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def test_two_thirds_of_a_life():
    begins, ends = NOW, NOW + timedelta(days=30)
    assert not renewal_due(begins, ends, NOW + timedelta(days=19))
    assert renewal_due(begins, ends, NOW + timedelta(days=20))
