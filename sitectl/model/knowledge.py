"""What is known of one station beyond the standard: by its sheets, by what was seen, and by what was learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sitectl.model.station import StationIdentity


@dataclass(frozen=True, slots=True)
class KnownFlag:
    """One deviation that a sheet states. `says`: what it means; `sheet`: which one has the word on it."""

    flag: str
    value: object
    says: str
    sheet: str


@dataclass(frozen=True, slots=True)
class KnownSheet:
    """One sheet that fits. `notes` are for who installs it, `sources` where all of it was reported."""

    id: str
    title: str
    notes: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StationKnowledge:
    """All of it. `deviations`: what was seen that the standard does not say, each once; `learned`: facts by name, None
    where nothing is known."""

    identity: StationIdentity
    sheets: Sequence[KnownSheet] = ()
    flags: Sequence[KnownFlag] = ()
    deviations: Sequence[str] = ()
    learned: Mapping[str, object] = field(default_factory=dict)
