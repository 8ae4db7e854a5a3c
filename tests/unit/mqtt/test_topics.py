import pytest

from sitectl.model.ids import CircuitId, EvseId, MeterId, StationId, UplinkId
from sitectl.mqtt.topics import Topics, decoded, encoded, evse_number


@pytest.mark.parametrize(
    ("id", "level"),
    [
        ("CP01", "CP01"),
        ("DE*ABC*E01", "DE%2AABC%2AE01"),
        ("a/b c+#~é", "a%2Fb%20c%2B%23%7E%C3%A9"),
        ("_.-", "_.-"),
        ("100%", "100%25"),
    ],
)
def test_ids_are_one_level_and_come_back(id: str, level: str) -> None:
    assert encoded(id) == level
    assert decoded(level) == id


@pytest.mark.parametrize("level", ["a%2fb", "a b", "%C3", "%41", "a*b", "%"])
def test_what_we_would_write_otherwise_is_no_id(level: str) -> None:
    assert decoded(level) is None


def test_every_topic_stands_where_it_is_promised() -> None:
    topics = Topics("sites/one")
    assert topics.availability == "sites/one/availability"
    assert topics.site == "sites/one/site"
    assert topics.events == "sites/one/events"
    assert topics.circuit(CircuitId("g 1")) == "sites/one/circuits/g%201"
    assert topics.meter(MeterId("main")) == "sites/one/meters/main"
    assert topics.uplink(UplinkId("central")) == "sites/one/uplinks/central"
    assert topics.evse(EvseId(StationId("CP*1"), 2)) == "sites/one/stations/CP%2A1/evses/2"


def test_evses_count_from_one() -> None:
    assert [evse_number(text) for text in ("1", "12", "0", "-1", "01", "x", "1000", "²")] == [1, 12, *[None] * 6]
