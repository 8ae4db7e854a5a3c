import pytest

from sitectl.alerts.pace import Pace


def test_news_goes_when_it_is_quiet_and_after_a_minute_whatever_goes_on() -> None:
    pace = Pace(12.0, 0.0)
    assert pace.gathered_at(100.0, 100.0) == 110.0
    assert pace.gathered_at(100.0, 120.0) == 130.0
    assert pace.gathered_at(100.0, 159.0) == 160.0


def test_there_are_so_many_messages_an_hour_and_three_at_once_at_most() -> None:
    pace, now, sent = Pace(12.0, 0.0), 0.0, []
    while now < 7200.0:
        now = max(now, pace.allowed_at(now))
        pace.spend(now)
        sent.append(now)
    assert sent[0] == 0.0
    assert sent[1] == pytest.approx(300.0)
    assert sum(1 for at in sent if at < 3600.0) == 12
    pace.at, pace.left = 0.0, 0.0
    burst = 0
    while pace.allowed_at(50_000.0) == 50_000.0:
        pace.spend(50_000.0)
        burst += 1
    assert burst == 3
