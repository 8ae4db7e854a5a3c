import orjson
import pytest

from sitectl.mqtt.ghosts import Ghosts
from sitectl.mqtt.topics import Topics

TOPICS = Topics("sitectl")


def test_what_is_told_no_more_is_left() -> None:
    ghosts = Ghosts(TOPICS, "homeassistant")
    for topic in ("sitectl/stations/A", "sitectl/stations/B"):
        ghosts.found(topic, b"{}")
    ghosts.found("sitectl/stations/C", b"")
    assert ghosts.left({"sitectl/stations/A"}) == ["sitectl/stations/B"]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"rubbish",
        b"[]",
        b"3",
        b"{}",
        b'{"avty": []}',
        b'{"avty": [{"t": "site2/availability"}]}',
        b'{"avty": "x"}',
    ],
)
def test_devices_of_others_are_theirs(payload: bytes) -> None:
    ghosts = Ghosts(TOPICS, "homeassistant")
    ghosts.found("homeassistant/device/x/config", payload)
    assert ghosts.left(()) == []
    ghosts.found("homeassistant/device/x/config", orjson.dumps({"avty": [{"t": "sitectl/availability"}]}))
    assert ghosts.left(()) == ["homeassistant/device/x/config"]


def test_no_command_is_among_what_is_looked_at() -> None:
    assert not [one for one in Ghosts(TOPICS, "homeassistant").filters if "set" in one or "#" in one]
    assert all(one.startswith("sitectl/") for one in Ghosts(TOPICS, None).filters)
