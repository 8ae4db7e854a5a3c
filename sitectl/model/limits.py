"""Limits: what somebody asked for (Ceiling), what we decided (Allocation), what we told (Offer)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sitectl.model.electrical import ALL_PHASES, Phase, PhaseCurrents
from sitectl.model.ids import CircuitId, EvseId, TransactionId


@dataclass(frozen=True, slots=True)
class Ceiling:
    """An upper bound on one EVSE or circuit, with its source and expiry. Ampere per phase.

    `source` names the owner ("central", "operator", ...). A ceiling can only lower what the installation allows.
    `expires_at` (monotonic s) None means until withdrawn.
    """

    key: str
    source: str
    ceiling_a: float
    evse: EvseId | None = None
    circuit: CircuitId | None = None
    expires_at: float | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """When somebody wants to drive away from an EVSE (`departs_at`, monotonic s), and with how much energy more than
    at the start of the transaction (None: nobody said). It may change the order of those who charge, never a bound.

    `source` names who said it ("operator", ...). `transaction`: the one that it is for, None before that began.
    """

    evse: EvseId
    departs_at: float
    energy_wh: float | None = None
    source: str = ""
    transaction: TransactionId | None = None


@dataclass(frozen=True, slots=True)
class Urgency:
    """What a wish comes to now: its class (0 goes first, 2 is like no wish) and how long it could still wait."""

    rank: int
    laxity_s: float


class ChargingLimit(NamedTuple):
    """What we allow one EVSE (ampere per phase; 0 pauses) and why, in words that a person understands.

    `phases`: by how many it shall charge, 1 or 3; None: that is not ours to say.
    """

    evse: EvseId
    limit_a: float
    reason: str
    phases: int | None = None


class Row(NamedTuple):
    """One bound of the allocation: a circuit (or a post) on one phase. `headroom_a` is what stations may share,
    `margin_a` what was left alone before (the circuit's `reserve_a`)."""

    name: str
    phase: int
    headroom_a: float
    reserved_a: float = 0.0
    allocated_a: float = 0.0
    base_load_a: float | None = None
    margin_a: float = 0.0


@dataclass(frozen=True, slots=True)
class Allocation:
    """One control cycle's limits. `targets` is the fair share, `offers` what may go out now (cuts and raises).

    `waited_s`: how long each transaction has waited for a place, where that still counts.
    `shared_by`: what was made the same for everybody: current, power, or the part of what each needs.
    """

    at: float
    targets: Mapping[EvseId, ChargingLimit]
    offers: Mapping[EvseId, ChargingLimit]
    rows: tuple[Row, ...] = ()
    alarms: tuple[str, ...] = ()
    waited_s: Mapping[EvseId, float] = field(default_factory=dict)
    shared_by: str = "current"


class OfferKind(StrEnum):
    """How an offer lies in the station: the permanent fallback, or the limit of the running transaction."""

    FALLBACK = "fallback"
    DYNAMIC = "dynamic"


@dataclass(frozen=True, slots=True)
class Offer:
    """A limit told to a station. `seq` grows over the life of the installation; `expires_at` None never lapses.

    `expires_latest_at` is the latest moment at which the station may still hold to it, its clock error counted.
    """

    evse: EvseId
    seq: int
    limit_a: float
    kind: OfferKind
    offered_at: float
    expires_at: float | None = None
    expires_latest_at: float | None = None
    transaction: TransactionId | None = None
    lifetime_s: int = 0
    lasts: bool = False
    """It outlives its transaction: it is said by a purpose that is not bound to one."""
    phases: int | None = None
    """By how many the station was told to charge; None: it was not."""


@dataclass(frozen=True, slots=True)
class StoredLimit:
    """What must survive a restart of one EVSE's entry in the limit ledger. Times are wall clock."""

    evse: EvseId
    counts_a: float
    fallback_a: float | None
    seq: int
    expires: datetime | None
    stored: datetime
    obeys: str = "unknown"


@dataclass(frozen=True, slots=True)
class IfDead:
    """What happens on a circuit if this process dies now: worst ratio to the rating, for how long, on which phase.

    `base_a`: the base load that may come there within that time; `learned` False: the configured worst.
    """

    ratio: float
    for_s: float
    phase: str
    holds: bool
    text: str = ""
    base_a: float = 0.0
    learned: bool = False


@dataclass(frozen=True, slots=True)
class CircuitShare:
    """Totals of one circuit per phase, for people and the status page."""

    ceiling_a: PhaseCurrents
    reserved_a: PhaseCurrents
    allocated_a: PhaseCurrents
    if_dead: IfDead | None = None
    bindings: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StandingLimit:
    """What the site gives one EVSE now, for whoever asks from outside. Ampere on each of its `phases`.

    `limit_a`: told to the running transaction, None where nothing runs. `most_a`: what the installation, and what
    others have asked for, leave it at the most. `obedient` False: its station refuses limits.
    """

    limit_a: float | None
    most_a: float
    min_a: float = 6.0
    phases: tuple[Phase, ...] = ALL_PHASES
    obedient: bool = True


@dataclass(frozen=True, slots=True)
class StandingLimits:
    """The same for a whole station; `post_a` is the row that all of its EVSEs share."""

    post_a: float
    evses: Mapping[EvseId, StandingLimit]
