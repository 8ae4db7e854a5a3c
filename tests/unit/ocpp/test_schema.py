"""Validation lists deviations. The schemas here are small ones of our own; the real ones are in tests/unit/config."""

import pytest

from sitectl.ocpp.deviations import Deviation
from sitectl.ocpp.schema import MOST, Validator

DRAFTS = ["http://json-schema.org/draft-04/schema#", "http://json-schema.org/draft-06/schema#"]


def validator(draft: str = DRAFTS[0]) -> Validator:
    schema = {
        "$schema": draft,
        "type": "object",
        "properties": {
            "idTag": {"type": "string", "maxLength": 5},
            "unit": {"enum": ["A", "W"]},
            "at": {"type": "array", "items": {"type": "string", "format": "date-time"}},
            "limit": {"type": "number", "multipleOf": 0.1},
        },
        "additionalProperties": False,
        "required": ["idTag"],
    }
    return Validator({("Authorize", "request"): schema})


@pytest.mark.parametrize("draft", DRAFTS)
def test_a_good_payload(draft):
    good = {"idTag": "abc", "unit": "A", "at": ["2026-11-20T06:11:00Z"], "limit": 16.3}
    assert validator(draft).deviations("Authorize", "request", good) == ()


@pytest.mark.parametrize("draft", DRAFTS)
@pytest.mark.parametrize(
    ("payload", "path", "rule"),
    [
        ({}, "", "required"),
        ({"idTag": 5}, "idTag", "type"),
        ({"idTag": "too long"}, "idTag", "maxLength"),
        ({"idTag": "a", "unit": "V"}, "unit", "enum"),
        ({"idTag": "a", "at": ["soon"]}, "at.0", "format"),
        ({"idTag": "a", "limit": 16.05}, "limit", "multipleOf"),
        ({"idTag": "a", "more": 1}, "", "additionalProperties"),
    ],
)
def test_each_deviation_names_its_place_and_rule(draft, payload, path, rule):
    [deviation] = validator(draft).deviations("Authorize", "request", payload)
    assert (deviation.path, deviation.rule) == (path, rule)
    assert deviation.message


def test_an_action_without_a_schema():
    assert validator().deviations("Dance", "request", {}) == (Deviation("", "action", "Dance is not in the standard"),)
    assert validator().knows("Authorize")
    assert not validator().knows("Dance")


def test_the_list_and_its_messages_are_bounded():
    bad = validator().deviations("Authorize", "request", {"idTag": "x" * 10_000, "at": ["no"] * 1000})
    assert len(bad) == MOST
    assert max(len(deviation.message) for deviation in bad) <= 200
