"""The form that 1.6 gives the fields of transaction messages: a strict central refuses a number written as text.

Stations write them as they like, and we read them all. A refusal would hold up all that waits behind the message, and
in the end make a dead letter of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sitectl.model.transaction import Payload
from sitectl.ocpp.v16.copies import is_signed
from sitectl.ocpp.v16.fields import as_number

_WHOLE: Mapping[str, tuple[str, ...]] = {
    "StartTransaction": ("connectorId", "meterStart"),
    "StopTransaction": ("meterStop",),
    "MeterValues": ("connectorId",),
}
_TEXTS: Mapping[str, tuple[str, ...]] = {"StartTransaction": ("idTag",), "StopTransaction": ("idTag",)}
_REASONS = {
    word.lower(): word
    for word in (
        "DeAuthorized",
        "EmergencyStop",
        "EVDisconnected",
        "HardReset",
        "Local",
        "Other",
        "PowerLoss",
        "Reboot",
        "Remote",
        "SoftReset",
        "UnlockCommand",
    )
}
_VALUES: Mapping[str, str] = {"StopTransaction": "transactionData", "MeterValues": "meterValue"}


def whole(value: Any) -> int | None:
    """A whole number as the ledger reads it: also from a text, or with a fraction (cut); None for what is no number."""
    if type(value) is int:
        return value
    number = as_number(value)
    return None if number is None else int(number)


def formed(action: str, payload: Payload) -> Payload:
    """The payload with numbers and texts where they belong, and without meter values that have no value. A reason that
    1.6 does not have is "Other".

    What is neither is left out. Signed values are not touched, nor what stands beside them; a list of meter values of
    which nothing is left goes.
    """
    made = dict(payload)
    for key in _WHOLE.get(action, ()):
        if (number := whole(made.pop(key, None))) is not None:
            made[key] = number
    for key in _TEXTS.get(action, ()):
        if (value := made.get(key)) is not None and not isinstance(value, str):
            made[key] = str(value)
    if action == "StopTransaction" and (reason := made.pop("reason", None)):
        made["reason"] = _REASONS.get(str(reason).strip().lower(), "Other")
    listed = _VALUES.get(action, "")
    if listed in made and (left := _parts(made.pop(listed))):
        made[listed] = left
    return {key: made[key] for key in payload if key in made}


def _parts(parts: Any) -> list[Any]:
    listed = parts if isinstance(parts, list) else [parts]
    formed_parts = (_part(part) for part in listed if isinstance(part, dict))
    return [part for part in formed_parts if part is not None]


def _part(part: Payload) -> Payload | None:
    """One meter value; itself where nothing is to be put right, None where it has no values."""
    values = part.get("sampledValue")
    if is_signed(part):
        return part
    if not isinstance(values, list):
        values = [values]
    left = [_sampled(value) for value in values if isinstance(value, dict) and value.get("value") is not None]
    if not left:
        return None
    return part if left == part.get("sampledValue") else {**part, "sampledValue": left}


def _sampled(value: Payload) -> Payload:
    return value if isinstance(value["value"], str) else {**value, "value": str(value["value"])}
