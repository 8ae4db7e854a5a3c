"""The configuration between shape and settings: what the checks look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from pathlib import Path as FilePath

from sitectl.config import files
from sitectl.config.issues import Findings, Path
from sitectl.config.models import Configuration
from sitectl.config.models_station import Evse, Station
from sitectl.config.notation import Refusal, parse_phases
from sitectl.model.circuit import Wiring
from sitectl.model.electrical import UNKNOWN_ROTATION, PhaseRotation
from sitectl.model.station import StationKind, dc_watts_per_ampere


@dataclass(frozen=True, slots=True)
class Draft:
    """`config` is what has the right shape; `data` is all that was written, so that a name with a faulty body still
    counts as a name. Faults go to `findings`."""

    config: Configuration
    data: Mapping[str, object]
    findings: Findings
    directory: FilePath
    """Files named in the configuration are relative to it."""
    home: FilePath
    """The same, but where `directory` holds a copy of another one: that."""

    def section(self, *path: str) -> Mapping[str, object]:
        """What was written at `path`, empty unless it is a mapping."""
        here: object = self.data
        for part in path:
            here = here.get(part) if isinstance(here, Mapping) else None
        return here if isinstance(here, Mapping) else {}

    @property
    def wiring(self) -> Wiring:
        """How the tree is wired, as its root says."""
        said = (circuit.wiring for circuit in self.config.circuits.values() if circuit.parent is None)
        return Wiring(next(said, None) or Wiring.WYE)

    def file(self, name: str) -> FilePath:
        """A file that the configuration names, to be read.

        What the service manager hands over goes before the file of that name, which this user may not be allowed to
        read.
        """
        if (laid := files.handed_over(name)) is not None:
            return laid
        own = self.directory / name
        return own if self.home == self.directory or own.exists() else self.home / name

    def place(self, name: str) -> FilePath:
        """Where the configuration lets the daemon write or listen."""
        return self.home / name


@dataclass(frozen=True, slots=True)
class EvseDraft:
    """One EVSE with what it has from its station filled in. `fallback_a` None is auto, `phases` None was not said."""

    station: str
    number: int
    circuit: str
    max_a: float
    min_a: float
    phases: str | None
    fallback_a: float | None
    priority: int
    own: frozenset[str]
    """Keys that stand at the EVSE itself, not at the station."""
    of_station: frozenset[str]
    kind: StationKind
    max_w: float | None
    min_w: float | None
    w_per_a: float | None
    is_listed: bool
    """Under `evses`; otherwise the station's keys are its own."""

    @property
    def path(self) -> Path:
        """Where it is described."""
        return ("stations", self.station, "evses", str(self.number)) if self.is_listed else ("stations", self.station)

    def path_of(self, key: str) -> Path:
        """Where the value of `key` is written: at the EVSE, else at the station."""
        return (*self.path, key) if key in self.own else ("stations", self.station, key)

    def is_written(self, key: str) -> bool:
        """Whether anybody wrote a value for `key`; otherwise it has its default."""
        return key in self.own or key in self.of_station

    @property
    def rotation(self) -> PhaseRotation:
        """Where its phases are wired; unknown unless said."""
        return rotation(self.phases)


def rotation(phases: str | None) -> PhaseRotation:
    """`phases` of a draft, which has been parsed before."""
    parsed = parse_phases(phases) if phases is not None else UNKNOWN_ROTATION
    return UNKNOWN_ROTATION if isinstance(parsed, Refusal) else parsed


def evses_of(name: str, station: Station, nominal_voltage_v: float = 230.0) -> Iterator[EvseDraft]:
    """The EVSEs of a station; without `evses`, one with number 1 and the station's own values.

    A DC station is on three phases unless it is said which, and its bounds in watts become amperes.
    """
    kind = StationKind(station.kind)
    w_per_a = dc_watts_per_ampere(nominal_voltage_v) if kind is StationKind.DC else None
    of_station = frozenset(station.model_fields_set)
    listed = station.evses or {"1": Evse()}
    for number in sorted(listed, key=int):
        evse = listed[number]
        own = frozenset(evse.model_fields_set)
        max_a = _max_a(station.max_a if evse.max_a is None else evse.max_a, station.max_w, w_per_a)
        yield EvseDraft(
            station=name,
            number=int(number),
            circuit=station.circuit,
            max_a=max_a,
            min_a=_min_a(station.min_a if evse.min_a is None else evse.min_a, station.min_w, w_per_a),
            phases=evse.phases or station.phases or ("L1L2L3" if kind is StationKind.DC else None),
            fallback_a=_fallback_a(station, evse, max_a),
            priority=station.priority if evse.priority is None else evse.priority,
            own=own,
            of_station=of_station,
            kind=kind,
            max_w=station.max_w,
            min_w=station.min_w,
            w_per_a=w_per_a,
            is_listed=station.evses is not None,
        )


def _max_a(max_a: float, max_w: float | None, w_per_a: float | None) -> float:
    """On the grid of limits, so that all the watts can be told; the watts are bounded again when they are."""
    return max_a if max_w is None or w_per_a is None else min(max_a, ceil(max_w / w_per_a * 10 - 1e-6) / 10)


def _min_a(min_a: float, min_w: float | None, w_per_a: float | None) -> float:
    return min_a if min_w is None or w_per_a is None else ceil(min_w / w_per_a * 10 - 1e-6) / 10


def _fallback_a(station: Station, evse: Evse, max_a: float) -> float | None:
    """What it draws without us; where no charging profile binds it, that is all it can; where we switch its phases,
    nothing unless it is said."""
    if station.control in ("start_stop", "none"):
        return max_a
    said_a = evse.fallback_a if "fallback_a" in evse.model_fields_set else station.fallback_a
    return 0.0 if said_a is None and station.switches_phases else said_a
