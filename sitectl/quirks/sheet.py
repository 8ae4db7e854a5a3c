"""Sheets of station models: whom they fit, and what they state.

A sheet fits a station by vendor, model and firmware as it names itself when it boots: vendors and models in whatever
case, a model that ends in `*` by its beginning, firmware by bounds on the first number that stands in it ("V1.38.00" is
1.38.0). So that of any two sheets it can be said whether one is narrower than the other, nothing more is understood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf

from sitectl.model.station import StationIdentity

Version = tuple[float, ...]

_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9}){0,7}")
_TERM = re.compile(r"(>=|>|<=|<|=)\s*(\d{1,9}(?:\.\d{1,9}){0,7})")


@dataclass(frozen=True, slots=True)
class Bounds:
    """Firmware between two versions; `after` and `before` say whether the bound itself is out."""

    low: Version = (0.0,)
    high: Version = (inf,)
    after: bool = False
    before: bool = False

    def holds(self, version: Version) -> bool:
        """Whether this firmware is between them."""
        return self._low <= (_padded(version), 0) <= self._high

    def within(self, other: Bounds) -> bool:
        """Whether all firmware between these is between those."""
        return other._low <= self._low and self._high <= other._high

    def meets(self, other: Bounds) -> bool:
        """Whether there is firmware between both."""
        return max(self._low, other._low) <= min(self._high, other._high)

    @property
    def _low(self) -> tuple[Version, int]:
        """As a place in the order of versions: a bound that is out lies just behind itself."""
        return _padded(self.low), int(self.after)

    @property
    def _high(self) -> tuple[Version, int]:
        return _padded(self.high), -int(self.before)


ANY_FIRMWARE = Bounds()


def _padded(version: Version) -> Version:
    return (*version, *(0.0,) * (8 - len(version)))


def version_in(text: str) -> Version | None:
    """The first number in a firmware's name; None where there is none."""
    found = _NUMBER.search(text)
    return None if found is None else tuple(float(part) for part in found[0].split("."))


def parse_bounds(text: str) -> Bounds | None:
    """`>=6 <7`, `<=1.8.21`, `=55.5`; None where it is no such thing, or nothing lies between."""
    if _TERM.sub("", text).strip(" ,"):
        return None
    low: Version = (0.0,)
    high: Version = (inf,)
    after = before = False
    terms = _TERM.findall(text)
    for sign, number in terms:
        version = tuple(float(part) for part in number.split("."))
        if sign in (">", ">=", "="):
            low, after = version, sign == ">"
        if sign in ("<", "<=", "="):
            high, before = version, sign == "<"
    bounds = Bounds(low, high, after, before)
    return bounds if terms and bounds.meets(bounds) else None


@dataclass(frozen=True, slots=True)
class Pattern:
    """One combination that a sheet fits. Texts in lower case; `model` None: any; with a `*` at its end: a beginning."""

    vendor: str
    model: str | None = None
    firmware: Bounds = ANY_FIRMWARE

    def fits(self, identity: StationIdentity) -> bool:
        """Whether this is such a station."""
        if identity.vendor.strip().lower() != self.vendor or not self._model_fits(identity.model.strip().lower()):
            return False
        if self.firmware == ANY_FIRMWARE:
            return True
        version = version_in(identity.firmware)
        return version is not None and self.firmware.holds(version)

    def _model_fits(self, model: str) -> bool:
        if self.model is None:
            return True
        return model.startswith(self.model[:-1]) if self.model.endswith("*") else model == self.model

    def narrower(self, other: Pattern) -> bool:
        """Whether all stations that this fits are fitted by the other too, and some others beside them."""
        return self != other and self._within(other)

    def _within(self, other: Pattern) -> bool:
        if self.vendor != other.vendor or not self.firmware.within(other.firmware):
            return False
        return other.model is None or (self.model is not None and _within(self.model, other.model))

    def meets(self, other: Pattern) -> bool:
        """Whether there may be a station that both fit."""
        if self.vendor != other.vendor or not self.firmware.meets(other.firmware):
            return False
        if self.model is None or other.model is None:
            return True
        return _within(self.model, other.model) or _within(other.model, self.model)


def _within(model: str, other: str) -> bool:
    return model.startswith(other[:-1]) if other.endswith("*") else model == other


@dataclass(frozen=True, slots=True)
class StationSheet:
    """One sheet. `flags`: what it states, by the name of the flag in the vocabulary (`group.key`), in its terms.

    Without `patterns` it fits nobody by itself: the configuration names it.
    """

    id: str
    title: str
    flags: Mapping[str, object]
    patterns: tuple[Pattern, ...] = ()
    sources: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
