"""Which sampled values a central gets of what a station said: those that it has asked for. Signed ones are not touched.

What control needs is asked of the stations beside it, and must not leak to a central that wants less.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sitectl.model.transaction import OutboxKind, Payload
from sitectl.ocpp.v16.meter_values import REGISTER

Wanted = frozenset[str] | None
"""Measurands; None: whatever comes."""

PERIODIC, CLOCK = "Sample.Periodic", "Sample.Clock"
_OF_THE_TRANSACTION = ("Transaction.Begin", "Transaction.End")


@dataclass(frozen=True, slots=True)
class Measured:
    """What one central wants, by the four keys of OCPP 1.6."""

    sampled: Wanted = None
    aligned: Wanted = None
    stop_sampled: Wanted = None
    stop_aligned: Wanted = None

    def of(self, kind: OutboxKind, context: str) -> Wanted:
        """For one context in MeterValues, or in the data of a StopTransaction."""
        stop = kind is OutboxKind.STOP
        if context == CLOCK:
            return self.stop_aligned if stop else self.aligned
        if context == PERIODIC:
            return self.stop_sampled if stop else self.sampled
        return self.stop_sampled if stop and context in _OF_THE_TRANSACTION else None


EVERYTHING = Measured()


def wanted(payload: Payload, kind: OutboxKind, measured: Measured) -> Payload | None:
    """The payload with what is wanted of its meter values; None: a MeterValues of which nothing is left."""
    key = {OutboxKind.METER: "meterValue", OutboxKind.STOP: "transactionData"}.get(kind, "")
    elements = payload.get(key)
    if measured == EVERYTHING or not isinstance(elements, list):
        return payload
    cut = [_cut(element, kind, measured) for element in elements]
    left = [element for element in cut if element is not None]
    if len(left) == len(elements) and all(new is old for new, old in zip(left, elements, strict=True)):
        return payload
    if left:
        return {**payload, key: left}
    return None if kind is OutboxKind.METER else {name: value for name, value in payload.items() if name != key}


def _cut(element: Any, kind: OutboxKind, measured: Measured) -> Any:
    """One meter value with what is wanted of it; itself where nothing is to be cut; None where nothing is left."""
    values = element.get("sampledValue") if isinstance(element, dict) else None
    if not isinstance(values, list) or any(_signed(value) for value in values):
        return element
    left = [value for value in values if _is_wanted(value, kind, measured)]
    if len(left) == len(values):
        return element
    return {**element, "sampledValue": left} if left else None


def _is_wanted(value: Any, kind: OutboxKind, measured: Measured) -> bool:
    if not isinstance(value, dict):
        return True
    measurands = measured.of(kind, value.get("context") or PERIODIC)
    return measurands is None or (value.get("measurand") or REGISTER) in measurands


def _signed(value: Any) -> bool:
    return isinstance(value, dict) and value.get("format") == "SignedData"
