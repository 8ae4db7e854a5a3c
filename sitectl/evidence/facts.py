"""What is known of a site, as far as a judgement of its commissioning rests on it. Plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sitectl.evidence.lapse import Basis


@dataclass(frozen=True, slots=True)
class MeterFacts:
    """A meter. `state`: fresh, late, stale or lost. `tested`: how `meter test` went; None: never. `mistrust`: why it is
    not believed. `basis`: how it is configured; `tested_of`: how it was then, None: nobody noted it."""

    state: str
    tested: bool | None = None
    tested_at: str = ""
    mistrust: str = ""
    physical: bool = True
    """Not reckoned from others."""
    basis: Basis = field(default_factory=dict)
    tested_of: Basis | None = None


@dataclass(frozen=True, slots=True)
class CircuitFacts:
    """A circuit, ampere on its worst phase. `holds`: within what the breaker bears if the controller dies now."""

    rated_a: float
    fallback_a: float
    base_load_worst_a: float
    metered: bool
    holds: bool = True
    ratio: float | None = None
    for_s: float | None = None
    phase: str = ""


@dataclass(frozen=True, slots=True)
class EvseFacts:
    """An EVSE. `wiring`: where its phases lie, "" while unknown. `control`: how limits are told to it. `proven`: it was
    seen to obey. `by_choice`: the configuration says how it is controlled. `tests`: outcomes by kind, each with what it
    is `of`. `basis`: what it is now: device, firmware, control, phases, circuit and meter."""

    wiring: str = ""
    control: str = ""
    proven: bool = False
    by_choice: bool = False
    contradicted: bool = False
    tests: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    basis: Basis = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StationFacts:
    """A listed, installed station. `credential`: how it shows who it is: configured, pinned, open, or "" (never).
    `expected`: it was let go of just now, and comes again."""

    seen: bool
    online: bool
    credential: str = ""
    expected: bool = False
    evses: Mapping[str, EvseFacts] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SignalFacts:
    """A relay contact: how it stands, and which positions were seen since it is configured as it is."""

    contact: str
    seen: frozenset[str] = frozenset()
    why: str = ""
    input: str = ""


@dataclass(frozen=True, slots=True)
class UplinkFacts:
    """A central CSMS: how it stands, and what it did not take."""

    state: str
    stations: int = 0
    dead: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A person says that a step is done, or does not apply: who, when, and why. `of`: what was left to do then, by
    name; None: nobody noted it."""

    by: str
    at: str
    note: str
    of: Mapping[str, Basis] | None = None


@dataclass(frozen=True, slots=True)
class SiteFacts:
    """Everything. `window`: until when newcomers are pinned, "" when they are not. `transferred`: a file has been
    fetched from, or brought to, a station. `warnings`: of the configuration. `recorded`: when the last record was made;
    `recorded_of`: of what, None: nobody noted it."""

    name: str
    time_known: bool
    timezone: str
    warnings: tuple[str, ...] = ()
    meters: Mapping[str, MeterFacts] = field(default_factory=dict)
    circuits: Mapping[str, CircuitFacts] = field(default_factory=dict)
    stations: Mapping[str, StationFacts] = field(default_factory=dict)
    knocking: tuple[str, ...] = ()
    window: str = ""
    authorization: str = "uplink"
    tokens: int = 0
    offline_unknown: str = "reject"
    uplinks: Mapping[str, UplinkFacts] = field(default_factory=dict)
    signals: Mapping[str, SignalFacts] = field(default_factory=dict)
    transferred: bool = False
    recorded: str = ""
    recorded_of: Mapping[str, Basis] | None = None
    confirmed: Mapping[str, Confirmation] = field(default_factory=dict)
