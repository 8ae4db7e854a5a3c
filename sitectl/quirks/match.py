"""Which sheets fit a station, and what holds of them: of two that state the same flag, the more specific."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import Any

from sitectl.model.ladder import LadderStep, LimitTraits
from sitectl.model.station import StationIdentity
from sitectl.quirks.sheet import Pattern, StationSheet
from sitectl.quirks.vocabulary import STANDARD, IdentityPlace, Quirks, Zone


@dataclass(frozen=True, slots=True)
class Matched:
    """What holds of one station: by which `sheets`, the widest first, and which of them said each flag."""

    quirks: Quirks = STANDARD
    sheets: tuple[str, ...] = ()
    flags: Mapping[str, object] = field(default_factory=dict)
    said_by: Mapping[str, str] = field(default_factory=dict)


NOBODY = Matched()


@dataclass(frozen=True, slots=True)
class Tie:
    """Two sheets that state another value of a flag for the same stations, neither of them more specific."""

    one: str
    other: str
    flag: str


def match(identity: StationIdentity, sheets: Iterable[StationSheet], named: StationSheet | None = None) -> Matched:
    """What holds of a station that says to be this. `named`: the sheet that the configuration names, which goes before
    all that fit by themselves.
    """
    fitting = [(pattern, sheet) for sheet in sheets for pattern in sheet.patterns if pattern.fits(identity)]
    if not fitting and named is None:
        return NOBODY
    flags: dict[str, object] = {}
    said_by: dict[str, str] = {}
    ordered = _widest_first(fitting)
    for sheet in [*ordered, *([named] if named is not None else [])]:
        flags |= sheet.flags
        said_by |= dict.fromkeys(sheet.flags, sheet.id)
    used = dict.fromkeys([sheet.id for sheet in ordered] + ([named.id] if named is not None else []))
    return Matched(quirks_of(flags), tuple(used), flags, said_by)


def _widest_first(fitting: Sequence[tuple[Pattern, StationSheet]]) -> list[StationSheet]:
    """A sheet comes after all that it is narrower than; what ties state is equal, so their order does not matter."""
    remaining, ordered = list(fitting), list[StationSheet]()
    while remaining:
        chosen = next(
            one for one in remaining if not any(one[0].narrower(other[0]) for other in remaining if other is not one)
        )
        remaining.remove(chosen)
        ordered.append(chosen[1])
    return ordered


def ties(sheets: Sequence[StationSheet]) -> Iterator[Tie]:
    """Where no order decides. Each pair and flag once."""
    for one, other in combinations(sheets, 2):
        differing = [flag for flag, value in one.flags.items() if flag in other.flags and other.flags[flag] != value]
        if differing and any(_tied(mine, theirs) for mine, theirs in product(one.patterns, other.patterns)):
            yield from (Tie(one.id, other.id, flag) for flag in differing)


def _tied(mine: Pattern, theirs: Pattern) -> bool:
    return mine.meets(theirs) and not (mine.narrower(theirs) or theirs.narrower(mine))


def quirks_of(flags: Mapping[str, Any]) -> Quirks:
    """The flags of a sheet, which has been checked, as values."""
    changes: dict[str, Any] = {}
    for flag, value in flags.items():
        group, _, key = flag.partition(".")
        if group != "limit":
            name, make = _PLACES.get(flag, (key, _as_it_is))
            changes[name] = make(value)
    limits = _limits({flag.partition(".")[2]: value for flag, value in flags.items() if flag.startswith("limit.")})
    return replace(STANDARD, **changes, limits=limits)


def _as_it_is(value: Any) -> Any:
    return value


_PLACES: Mapping[str, tuple[str, Any]] = {
    "transport.identity": ("identity", IdentityPlace),
    "json.wrap": ("wrap", frozenset),
    "config.measurands": ("measurands", tuple),
    "config.refused_triggers": ("refused_triggers", frozenset),
    "tx.stale_ids": ("stale_transaction_ids", _as_it_is),
    "clock.zone": ("zone", Zone),
    "meter.register": ("register_of_transaction", "transaction".__eq__),
    "status.harmless_faults": ("harmless_faults", frozenset),
}
"""Flags whose field has another name or type."""


def _limits(said: Mapping[str, Any]) -> LimitTraits:
    storage, unit, kind = said.get("storage"), said.get("unit"), said.get("kind")
    return LimitTraits(
        steps=tuple(LadderStep(step) for step in said.get("steps", ())),
        watts=None if unit is None else unit == "W",
        relative=None if kind is None else kind == "relative",
        lowest=said.get("lowest_stack", False),
        phases=said.get("number_phases", True),
        forgets=said.get("forgets", False),
        in_ram=None if storage is None else storage == "ram",
        zero_ends=said.get("zero") == "ends",
    )
