from sitectl.alerts.watch import RETURNS_WITHIN_S, Watch
from sitectl.model.alerts import by_key
from tests.unit.alerts.builders import problem

CP01, CP02 = problem("CP01"), problem("CP02")


def settled(**told: object) -> Watch:
    return Watch(30.0, started_at=-1000.0, **told)  # type: ignore[arg-type]


def test_a_problem_is_told_once_when_it_has_stood_for_its_time() -> None:
    watch = settled()
    assert watch.look([CP01], 0.0).began == []
    assert watch.look([CP01], 29.9).began == []
    assert watch.look([CP01], 30.0).began == [CP01]
    assert [watch.look([CP01], float(at)).began for at in (31, 100, 5000)] == [[], [], []]


def test_what_passes_at_once_is_never_told() -> None:
    watch = settled()
    watch.look([CP01], 0.0)
    watch.look([], 20.0)
    watch.look([CP01], 25.0)
    assert watch.look([CP01], 40.0).began == []
    assert watch.look([], 200.0).ended == []


def test_the_end_is_told_when_it_has_been_away_for_twice_that() -> None:
    watch = settled(told=by_key([CP01]))
    assert watch.look([], 100.0).ended == []
    assert watch.look([], 159.9).ended == []
    assert watch.look([], 160.0).ended == [(CP01, 60.0)]
    assert watch.look([], 161.0).ended == []


def test_another_count_or_error_behind_the_colon_is_the_same_problem() -> None:
    watch = settled(told=by_key([problem("CP01", "Uplink offline: refused")]))
    news = watch.look([problem("CP01", "Uplink offline: timed out")], 100.0)
    assert (news.began, news.ended) == ([], [])


def test_what_flaps_has_to_stay_away_longer_each_time() -> None:
    watch, now, told = settled(), 0.0, []
    for minute in range(180):  # a minute here, a minute away
        now = minute * 60.0
        for second in range(60):
            news = watch.look([CP01] if minute % 2 == 0 else [], now + second)
            told += ["began"] * len(news.began) + ["ended"] * len(news.ended)
    assert told.count("began") <= 3, told
    assert len(watch.look([], now + 2 * RETURNS_WITHIN_S).ended) == 1


def test_after_a_start_nothing_new_is_told_until_stations_had_time_to_come_back() -> None:
    watch = Watch(30.0, started_at=0.0)
    assert watch.look([CP01, CP02], 0.0).began == []
    assert watch.look([CP01], 119.0).began == []
    assert watch.look([CP01], 120.0).began == [CP01]


def test_what_was_told_before_a_restart_is_told_no_second_time_and_its_end_is() -> None:
    watch = Watch(30.0, started_at=0.0, told=by_key([CP01, CP02]))
    assert watch.look([CP01], 0.0).began == []
    news = watch.look([CP01], 130.0)
    assert ([p for p, _ in news.ended], list(watch.told.values())) == ([CP02], [CP01])
