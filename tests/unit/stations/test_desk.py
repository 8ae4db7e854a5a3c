import pytest

from sitectl.stations.desk import relay_deadline_s
from tests.unit.stations.twins import CP, Yard, in_yard


@pytest.mark.parametrize(
    ("key", "value", "deadline_s"),
    [
        ("MessageTimeout", "60", 10.0),
        ("MessageTimeout", "15", 6.0),
        ("messageTimeout", '"5"', 2.0),
        ("MessageTimeout", "0", 10.0),
        ("MessageTimeout", "soon", 10.0),
        ("HeartbeatInterval", "5", 10.0),
    ],
)
def test_a_station_waits_for_a_central_as_long_as_its_own_patience_allows(
    key: str, value: str, deadline_s: float
) -> None:
    @in_yard()
    async def test(yard: Yard) -> None:
        record = yard.stations.book.records[CP]
        assert relay_deadline_s(record) == 10.0
        record.configuration = {key: (value, True)}
        assert relay_deadline_s(record) == deadline_s

    test()
