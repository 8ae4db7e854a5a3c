"""Where a payload is not what its schema wants. A deviation is an observation: who reads it decides what it means."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deviation:
    """One departure from the standard. `path` is dotted ("meterValue.0.timestamp", "" for the payload as a whole).

    `rule` names what is broken, in the words of JSON Schema ("required", "type", "enum", "maxLength", "format", ...).
    """

    path: str
    rule: str
    message: str
