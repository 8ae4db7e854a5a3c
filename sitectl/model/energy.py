"""Energy by quarters of an hour: of each EVSE, and of each circuit.

A quarter is numbered by the quarters of an hour since 1970 in UTC; every zone's days begin with one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

QUARTER_S = 900
QUARTER_US = QUARTER_S * 1_000_000


class PlaceKind(StrEnum):
    """Where energy is counted: at an EVSE; at a circuit's meter in both directions; at all EVSEs below a circuit."""

    EVSE = "evse"
    IMPORT = "import"
    EXPORT = "export"
    STATIONS = "stations"


class Place(NamedTuple):
    """One place; `name` is a station or a circuit, `evse` is 0 for a circuit."""

    kind: PlaceKind
    name: str
    evse: int = 0


class Note(StrEnum):
    """Why a quarter has no value; `CLOCK`: the value stands, but the clock did not show this quarter once and whole."""

    BEGAN = "began"
    """Nothing was counted at its beginning yet."""
    METER = "meter"
    """The meter was not read when it began or ended."""
    STATION = "station"
    """The station was away, or a transaction began where nobody heard of it."""
    RESET = "reset"
    """The register ran backwards, or further than can be."""
    NO_REGISTER = "no_register"
    """Neither an energy register nor a power is told."""
    PART = "part"
    """Of one of the places below there is no value."""
    CLOCK = "clock"
    """The clock was set."""
    DOWN = "down"
    """Nobody counted: this service did not run, or the place was not configured. Never stored: it has no row."""
    SUM = "sum"
    """No quarter but several, whose energy is known in sum only. Never stored: a lump says it."""


class QuarterEnergy(NamedTuple):
    """What flowed in one quarter (Wh), None: not known. `again`: the clock has shown this quarter before."""

    place: Place
    quarter: int
    wh: int | None
    note: Note | None = None
    again: bool = False


class Lump(NamedTuple):
    """What flowed from the beginning of quarter `first` to the end of `last`: known as one amount only (Wh)."""

    place: Place
    first: int
    last: int
    wh: int


class Counted(NamedTuple):
    """How far a place was counted, to go on from after a restart.

    `quarter`: since whose beginning it is known, `since_wh`: so much since then (None: nothing is known); `register_wh`
    stood at `at_us` (microseconds since 1970) within `transaction` (empty: none ran).
    """

    place: Place
    quarter: int | None
    since_wh: float
    register_wh: float | None
    transaction: str
    at_us: int


@dataclass(frozen=True, slots=True)
class EnergyBatch:
    """What is written at once: a quarter of every place."""

    rows: Sequence[QuarterEnergy] = ()
    lumps: Sequence[Lump] = ()
    counted: Sequence[Counted] = ()


class Span(NamedTuple):
    """One quarter as it is told, or (note SUM) the sum of several: from the beginning of one to before another."""

    place: Place
    first: int
    end: int
    wh: int | None
    note: Note | None


class PeriodEnergy(NamedTuple):
    """What flowed at one place from the beginning of quarter `first` to before quarter `end`.

    `wh` None: not known in whole; `known_wh` is what is known of it, `missing` how many quarters are not, `notes` why.
    """

    place: Place
    first: int
    end: int
    wh: int | None
    known_wh: int
    missing: int
    notes: tuple[Note, ...]


@dataclass(frozen=True, slots=True)
class WantedPlaces:
    """Which places are asked for; None: all."""

    circuit: str | None = None
    station: str | None = None
    evse: int | None = None

    def takes(self, place: Place) -> bool:
        """Whether this one is."""
        if place.kind is PlaceKind.EVSE:
            of_station = self.station in (None, place.name) and self.evse in (None, place.evse)
            return of_station and (self.circuit is None or self.station is not None)
        return self.circuit in (None, place.name) and (self.station is None or self.circuit is not None)


EVERYWHERE = WantedPlaces()
