"""What both repair steps promise of whatever stations send: never to raise, to leave what is well, to mend once."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from sitectl.config.schemas import load_schemas
from sitectl.ocpp.frame import Call, parse
from sitectl.ocpp.schema import Validator
from sitectl.ocpp.versions import Version
from sitectl.quirks.meaning import meant
from sitectl.quirks.payload import repair_payload
from sitectl.quirks.text import repair_text
from sitectl.quirks.vocabulary import Quirks

VALIDATOR = Validator(load_schemas(Version.V16))
ACTIONS = ("MeterValues", "StatusNotification", "StopTransaction", "StartTransaction", "BootNotification")
EVERYTHING = Quirks(
    wrap=frozenset({"meterValue", "transactionData", "sampledValue"}),
    error_codes={"Error": "OtherError"},
    units={"C": "Celsius", "kwh": "kWh"},
    stale_transaction_ids=True,
    register_of_transaction=True,
    available_while_charging=True,
    harmless_faults=frozenset({"NoPPDetected"}),
)
"""All form is mended; of the meaning what can be told apart."""

WORDS = """meterValue transactionData sampledValue unit value measurand errorCode status info connectorId
    transactionId vendorErrorCode format timestamp"""
KEYS = st.sampled_from(WORDS.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)
PAYLOADS = st.dictionaries(KEYS, JSON, max_size=6)
PIECES = st.lists(
    st.sampled_from(('[2,"1","A",', "{", "}", "[", "]", ",", ":", '"a"', '"transactionId"', "1", "null", "\\", '"'))
    | st.text(max_size=4),
    max_size=30,
).map("".join)

STAMP = "2026-01-01T12:00:00Z"
SAMPLES = st.fixed_dictionaries(
    {"value": st.integers(0, 10**6).map(str)},
    optional={
        "unit": st.sampled_from(("Wh", "kWh", "A", "Celsius", "W")),
        "measurand": st.sampled_from(("Energy.Active.Import.Register", "Current.Import", "Temperature")),
        "phase": st.sampled_from(("L1", "L2", "L3", "N")),
    },
)
ENTRIES = st.lists(
    st.fixed_dictionaries({"timestamp": st.just(STAMP), "sampledValue": st.lists(SAMPLES, min_size=1, max_size=4)}),
    min_size=1,
    max_size=3,
)
VALID = st.one_of(
    st.tuples(
        st.just("MeterValues"),
        st.fixed_dictionaries({"connectorId": st.integers(0, 3), "meterValue": ENTRIES}),
    ),
    st.tuples(
        st.just("StopTransaction"),
        st.fixed_dictionaries(
            {"transactionId": st.integers(), "meterStop": st.integers(), "timestamp": st.just(STAMP)},
            optional={"transactionData": ENTRIES},
        ),
    ),
    st.tuples(
        st.just("StatusNotification"),
        st.fixed_dictionaries(
            {
                "connectorId": st.integers(0, 3),
                "errorCode": st.sampled_from(("NoError", "OtherError", "GroundFailure")),
                "status": st.sampled_from(("Available", "Charging", "Faulted", "Finishing")),
            },
            optional={"info": st.text(max_size=50)},
        ),
    ),
)


@given(st.binary(max_size=300) | PIECES.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_a_text_is_mended_once_or_not_at_all_whatever_it_is(data: bytes) -> None:
    mended = repair_text(data)
    if mended is None:
        return
    assert mended[1]
    again = repair_text(mended[0])
    if _is_json(mended[0]):
        assert again is None or orjson.loads(again[0]) == orjson.loads(mended[0])


@given(st.binary(max_size=300) | PIECES.map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_a_frame_that_parses_strictly_is_never_mended(data: bytes) -> None:
    strict = parse(data, repair=lambda text: None)
    mended = parse(data, repair=repair_text)
    if _is_json(data):
        assert mended == strict
        assert not isinstance(mended, Call) or not mended.mended


def _is_json(data: bytes) -> bool:
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return True


@given(st.sampled_from(ACTIONS), PAYLOADS)
def test_a_payload_is_mended_once_or_not_at_all_whatever_it_is(action: str, payload: dict[str, Any]) -> None:
    before = json.dumps(payload)
    mended, what = repair_payload(action, payload, EVERYTHING)
    assert json.dumps(payload) == before, "the payload as it came is kept"
    assert (mended is payload) == (not what)
    again, more = repair_payload(action, mended, EVERYTHING)
    assert again is mended
    assert not more


@given(st.sampled_from(ACTIONS), PAYLOADS, st.dictionaries(st.integers(1, 3), st.integers(), max_size=2))
def test_its_meaning_is_read_without_a_fault_whatever_it_is(
    action: str, payload: dict[str, Any], running: dict[int, int]
) -> None:
    before = json.dumps(payload)
    meant(action, payload, EVERYTHING, running, dict.fromkeys(running, 5000.0))
    assert json.dumps(payload) == before


@given(VALID)
def test_what_is_valid_keeps_its_form(said: tuple[str, dict[str, Any]]) -> None:
    action, payload = said
    assert not list(VALIDATOR.deviations(action, "request", payload))
    assert repair_payload(action, payload, EVERYTHING) == (payload, ())
    assert repair_payload(action, payload, EVERYTHING)[0] is payload


@given(VALID, st.dictionaries(st.integers(1, 3), st.integers(1, 100), max_size=2))
def test_what_is_valid_is_valid_however_it_is_meant(said: tuple[str, dict[str, Any]], running: dict[int, int]) -> None:
    action, payload = said
    read = meant(action, payload, EVERYTHING, running, dict.fromkeys(running, 5000.0))
    assert not list(VALIDATOR.deviations(action, "request", read))
