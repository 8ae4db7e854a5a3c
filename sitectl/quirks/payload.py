"""`repair_payload`: the form of a message, before it is validated. What is well-formed stays as it is, the same object.

Only what a station's sheet says is mended: a field that comes alone where a list of them belongs, its own words for
error codes and units. The raw frame is kept by whoever calls this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sitectl.model.transaction import Payload
from sitectl.quirks.vocabulary import Quirks

SAMPLED = ("meterValue", "transactionData")
"""Where a message carries sampled values."""

_LISTS: Mapping[str, tuple[str, ...]] = {
    "MeterValues": ("meterValue",),
    "StopTransaction": ("transactionData",),
}
"""The lists at the top of each message; `sampledValue` lies in their entries."""


def repair_payload(action: str, payload: Payload, quirks: Quirks) -> tuple[Payload, tuple[str, ...]]:
    """The payload in the form of the standard, and what was mended in it. Never raises, whatever the payload holds."""
    mended: list[str] = []
    if quirks.wrap:
        payload = _wrapped(action, payload, quirks, mended)
    if quirks.units:
        payload = _with_units(action, payload, quirks.units, mended)
    if quirks.error_codes and action == "StatusNotification":
        payload = _with_code(payload, quirks.error_codes, mended)
    return payload, tuple(mended)


def _wrapped(action: str, payload: Payload, quirks: Quirks, mended: list[str]) -> Payload:
    for key in _LISTS.get(action, ()):
        value = payload.get(key)
        if key in quirks.wrap and isinstance(value, dict):
            mended.append(f"{key} came as an object")
            payload, value = {**payload, key: [value]}, [value]
        if "sampledValue" in quirks.wrap and isinstance(value, list):
            inner = [_wrapped_sample(entry) for entry in value]
            if any(new is not old for new, old in zip(inner, value, strict=True)):
                mended.append("sampledValue came as an object")
                payload = {**payload, key: inner}
    return payload


def _wrapped_sample(entry: Any) -> Any:
    if isinstance(entry, dict) and isinstance(sampled := entry.get("sampledValue"), dict):
        return {**entry, "sampledValue": [sampled]}
    return entry


def _with_units(action: str, payload: Payload, units: Mapping[str, str], mended: list[str]) -> Payload:
    def change(sample: Payload) -> Payload:
        unit = sample.get("unit")
        if not isinstance(unit, str) or unit not in units or sample.get("format") == "SignedData":
            return sample
        mended.append(f"unit {unit[:20]}")
        return {**sample, "unit": units[unit]}

    return with_samples(action, payload, change)


def _with_code(payload: Payload, codes: Mapping[str, str], mended: list[str]) -> Payload:
    """The code of the standard; its own word stays readable where the standard has room for words."""
    code = payload.get("errorCode")
    if not isinstance(code, str) or code not in codes:
        return payload
    mended.append(f"errorCode {code[:40]}")
    return {**payload, "errorCode": codes[code], "info": payload.get("info") or code[:50]}


def with_samples(action: str, payload: Payload, change: Any) -> Payload:
    """The payload with `change` done to each of its sampled values; the same object where that changes none."""
    for key in _LISTS.get(action, ()):
        values = payload.get(key)
        if isinstance(values, list):
            changed = [_changed(entry, change) for entry in values]
            if any(new is not old for new, old in zip(changed, values, strict=True)):
                payload = {**payload, key: changed}
    return payload


def _changed(entry: Any, change: Any) -> Any:
    if not isinstance(entry, dict) or not isinstance(samples := entry.get("sampledValue"), list):
        return entry
    changed = [change(sample) if isinstance(sample, dict) else sample for sample in samples]
    same = all(new is old for new, old in zip(changed, samples, strict=True))
    return entry if same else {**entry, "sampledValue": changed}
