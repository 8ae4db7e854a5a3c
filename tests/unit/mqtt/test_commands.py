"""What a message asks for, and why it is refused."""

import json
from datetime import timedelta
from typing import Any

import pytest

from sitectl.base.units import format_utc
from sitectl.mqtt.commands import LAPSES_S, MOST_BYTES, Order, Refused, read
from sitectl.mqtt.topics import Topics
from tests.unit.api.quiet_site import WALL

TOPICS = Topics("sitectl")
LIMIT = "sitectl/stations/CP01/evses/2/set/limit_a"
PATH = ("stations", "CP01", "evses", "2", "ceiling")


def asked(topic: str, payload: object, *, retained: bool = False) -> Order | Refused:
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return read(TOPICS, topic, raw, retained=retained, wall=WALL)


@pytest.mark.parametrize(
    ("topic", "payload", "order"),
    [
        (LIMIT, 10, Order("PUT", PATH, {"strict": "true"}, {"value": 10.0, "valid_s": LAPSES_S})),
        (LIMIT, b" 6.5 ", Order("PUT", PATH, {"strict": "true"}, {"value": 6.5, "valid_s": LAPSES_S})),
        (LIMIT, {"value": 0, "valid_s": 60}, Order("PUT", PATH, {"strict": "true"}, {"value": 0.0, "valid_s": 60.0})),
        (LIMIT, None, Order("DELETE", PATH)),
        (
            "sitectl/circuits/g%2Fx/set/ceiling_a",
            {"value": 40},
            Order("PUT", ("circuits", "g/x", "ceiling"), {"strict": "true"}, {"value": 40.0, "valid_s": LAPSES_S}),
        ),
        ("sitectl/stations/DE%2A1/set/reset", b"soft", Order("POST", ("stations", "DE*1", "reset"), {"hard": "false"})),
        (
            "sitectl/stations/A/set/reset",
            {"value": "hard"},
            Order("POST", ("stations", "A", "reset"), {"hard": "true"}),
        ),
        (
            "sitectl/stations/A/set/availability",
            b"inoperative",
            Order("POST", ("stations", "A", "availability"), {"operative": "false"}),
        ),
        (
            "sitectl/stations/A/set/departure",
            {"value": "17:30", "evse": 2, "energy_kwh": 20},
            Order("PUT", ("stations", "A", "evses", "2", "departure"), {}, {"at": "17:30", "energy_kwh": 20.0}),
        ),
        (
            "sitectl/stations/A/set/departure",
            5400,
            Order("PUT", ("stations", "A", "evses", "1", "departure"), {}, {"in_s": 5400.0, "energy_kwh": None}),
        ),
    ],
)
def test_each_command_is_one_question_to_the_interface(topic: str, payload: object, order: Order) -> None:
    assert asked(topic, payload) == order


@pytest.mark.parametrize(
    ("topic", "payload", "words"),
    [
        (LIMIT, b"NaN", "'NaN' is no number of ampere"),
        (LIMIT, b'{"value": NaN}', "is no number of ampere"),
        (LIMIT, b"Infinity", "is no number of ampere"),
        (LIMIT, b"1e999", "is no number of ampere"),
        (LIMIT, -1, "-1 is no number of ampere"),
        (LIMIT, True, "True is no number of ampere"),
        (LIMIT, "10", "'10' is no number of ampere"),
        (LIMIT, [10], "is no number of ampere"),
        (LIMIT, b"", "the payload is empty"),
        (LIMIT, b"\xff\xfe", "no UTF-8"),
        (LIMIT, b"1" * (MOST_BYTES + 1), "bytes at most"),
        (LIMIT, {"amps": 10}, "no such key: amps"),
        (LIMIT, {"valid_s": 10}, "has no value"),
        (LIMIT, {"value": 10, "valid_s": 0}, "valid_s=0"),
        (LIMIT, {"value": 10, "valid_s": "60"}, "valid_s='60'"),
        (LIMIT, {"value": 10, "valid_s": 1e12}, "valid_s=1000000000000.0"),
        (LIMIT, {"value": 10, "time": "yesterday"}, "not an ISO 8601 time"),
        ("sitectl/stations/CP01/evses/0/set/limit_a", 10, "count from 1"),
        ("sitectl/stations/CP 01/evses/1/set/limit_a", 10, "percent-encode"),
        ("sitectl/stations/CP01/set/reset", b"now", "write soft or hard"),
        ("sitectl/stations/CP01/set/availability", True, "write operative or inoperative"),
        ("sitectl/stations/CP01/set/departure", [1], "write a time of day"),
        ("sitectl/stations/CP01/set/departure", {"value": "17:30", "evse": 0}, "EVSEs count from 1"),
        ("sitectl/stations/CP01/set/firmware", 1, "no command 'set/firmware'"),
        ("sitectl/circuits/grid/set/limit_a", 1, "no command"),
    ],
)
def test_what_is_refused_says_why(topic: str, payload: object, words: str) -> None:
    refused = asked(topic, payload)
    assert isinstance(refused, Refused), refused
    assert words in refused.why


def test_a_retained_command_is_refused_whatever_it_says() -> None:
    refused = asked(LIMIT, 10, retained=True)
    assert isinstance(refused, Refused)
    assert "without retain" in refused.why


@pytest.mark.parametrize(
    ("age_s", "valid_s", "words"),
    [(0, 900, None), (59, 900, None), (61, 900, "stale"), (11, 10, "stale"), (-59, 900, None), (-61, 900, "clocks")],
)
def test_a_stale_command_is_refused(age_s: float, valid_s: float, words: str | None) -> None:
    body: dict[str, Any] = {"value": 10, "valid_s": valid_s, "time": format_utc(WALL - timedelta(seconds=age_s))}
    answer = asked(LIMIT, body)
    assert isinstance(answer, Order if words is None else Refused)
    assert words is None or (isinstance(answer, Refused) and words in answer.why)
