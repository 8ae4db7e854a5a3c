"""Reading fields of a payload that may be anything: what is lacking or garbled becomes a default and a deviation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, TypeVar

from sitectl.base.units import parse_timestamp
from sitectl.model.transaction import Payload
from sitectl.ocpp.deviations import Deviation

T = TypeVar("T")
E = TypeVar("E", bound=StrEnum)

LONGEST = 500
"""No text of 1.6 that we read is longer, except for the data of a DataTransfer. Longer ones are cut."""

LARGEST = 2**53
"""Integers beyond are no meter values and no ids, and would not fit everywhere."""


@dataclass(frozen=True, slots=True)
class Decoded(Generic[T]):
    """What a payload means, and where it was not what it should be."""

    value: T
    deviations: tuple[Deviation, ...] = ()


class Fields:
    """One JSON object, read field by field. `wrong` collects the deviations; parts share the list of the whole."""

    def __init__(self, payload: Mapping[str, Any], path: str = "", wrong: list[Deviation] | None = None) -> None:
        self._payload = payload
        self._path = path
        self.wrong: list[Deviation] = [] if wrong is None else wrong

    def decoded(self, value: T) -> Decoded[T]:
        """The value with the deviations met so far."""
        return Decoded(value, tuple(self.wrong))

    def deviate(self, key: str, rule: str, message: str) -> None:
        """Note that a field is not what it should be."""
        path = f"{self._path}.{key}" if self._path and key else self._path or key
        self.wrong.append(Deviation(path, rule, message[:200]))

    def unread(self, **values: object) -> bool:
        """Whether one of these fields was given and cannot be read: what bounds something must not be passed over."""
        return any(value is None and self._payload.get(key) not in (None, "") for key, value in values.items())

    def _get(self, key: str, required: bool) -> Any:
        value = self._payload.get(key)
        if value is None and required:
            self.deviate(key, "required", f"{key} is missing")
        return value

    def text(self, key: str, *, required: bool = False, longest: int = LONGEST) -> str | None:
        """A string, blanks cut; a number or boolean becomes its JSON text. Empty is as good as missing."""
        value = self._get(key, required)
        if value is None:
            return None
        if not isinstance(value, str):
            self.deviate(key, "type", f"{key} is not a string")
            if isinstance(value, dict | list):
                return None
            value = str(value).lower() if isinstance(value, bool) else str(value)
        value = value.strip()
        if not value and required:
            self.deviate(key, "minLength", f"{key} is empty")
        if len(value) > longest:
            self.deviate(key, "maxLength", f"{key} is longer than {longest} characters")
            value = value[:longest]
        return value or None

    def integer(self, key: str, *, required: bool = False) -> int | None:
        """A whole number; also from a string, or with a fraction (cut)."""
        value = self._get(key, required)
        if value is None:
            return None
        if type(value) is int and abs(value) <= LARGEST:
            return value
        self.deviate(key, "type", f"{key} is not an integer that anybody could mean")
        number = as_number(value)
        return None if number is None or abs(number) > LARGEST else int(number)

    def number(self, key: str, *, required: bool = False) -> float | None:
        """A finite number; also from a string."""
        value = self._get(key, required)
        if value is None:
            return None
        number = as_number(value)
        if number is None or isinstance(value, str):
            self.deviate(key, "type", f"{key} is not a number")
        return number

    def boolean(self, key: str, *, required: bool = False) -> bool | None:
        """True or false; also as a text or as 0 and 1."""
        value = self._get(key, required)
        if value is None or isinstance(value, bool):
            return value
        self.deviate(key, "type", f"{key} is not a boolean")
        return as_boolean(str(value))

    def moment(self, key: str, *, required: bool = False) -> tuple[datetime, bool] | None:
        """A timestamp in UTC, and whether it named its zone."""
        text = self.text(key, required=required)
        if text is None:
            return None
        parsed = parse_timestamp(text)
        if parsed is None:
            self.deviate(key, "format", f"{key} is no timestamp: {text}")
        elif not parsed[1]:
            self.deviate(key, "format", f"{key} names no zone: {text}")
        return parsed

    def choice(self, key: str, words: type[E], default: E, *, required: bool = True) -> E:
        """A word of an enumeration, in whatever case; the default when it is none."""
        text = self.text(key, required=required)
        if text is None:
            return default
        for word in words:
            if word.value == text:
                return word
        self.deviate(key, "enum", f"{key} has no value {text}")
        for word in words:
            if word.value.lower() == text.lower():
                return word
        return default

    def part(self, key: str, *, required: bool = False) -> Fields | None:
        """A nested object."""
        value = self._get(key, required)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.deviate(key, "type", f"{key} is not an object")
            return None
        return Fields(value, f"{self._path}.{key}" if self._path else key, self.wrong)

    def parts(self, key: str, *, required: bool = False) -> list[Fields]:
        """A list of objects; a single object is a list of one, and what is no object is left out."""
        found = []
        for n, value in enumerate(self.items(key, required=required)):
            if isinstance(value, dict):
                found.append(Fields(value, f"{self._path}.{key}.{n}" if self._path else f"{key}.{n}", self.wrong))
            else:
                self.deviate(f"{key}.{n}", "type", f"{key}.{n} is not an object")
        return found

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of strings; what is no string is left out."""
        return tuple(value for value in self.items(key) if isinstance(value, str))

    def items(self, key: str, *, required: bool = False) -> list[Any]:
        """A list of anything; a single value is a list of one."""
        value = self._get(key, required)
        if value is None:
            return []
        if isinstance(value, list):
            return value
        self.deviate(key, "type", f"{key} is not an array")
        return [value]


def as_number(value: Any) -> float | None:
    """A finite number from a JSON value, None when it is none."""
    if type(value) is not str and (isinstance(value, bool) or not isinstance(value, int | float | str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def as_boolean(text: str) -> bool | None:
    """A boolean from a text, tolerant of case, quotes and blanks; None when it is none."""
    return _BOOLEANS.get(text.strip().strip("\"'").strip().lower())


_BOOLEANS = {
    **dict.fromkeys(("true", "1", "yes", "on", "enabled"), True),
    **dict.fromkeys(("false", "0", "no", "off", "disabled"), False),
}


def without_nulls(payload: Payload) -> Payload:
    """The payload without null members, at any depth: null ends the connection of some stations."""
    return {key: _without_nulls(value) for key, value in payload.items() if value is not None}


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return without_nulls(value)
    if isinstance(value, list):
        return [_without_nulls(item) for item in value if item is not None]
    return value
