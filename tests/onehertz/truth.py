"""What really happened: currents against ratings, trip fractions, energy, commands. No controller is asked."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sitectl.model.circuit import Topology
from sitectl.model.electrical import ALL_PHASES
from sitectl.model.ids import CircuitId, EvseId

TRIP_EXPONENT = 10.06
DECAY_S = 600.0
COOL_BELOW = 1.13
"""The envelope through (1.13, 3600 s) and (2.55, 1 s) of IEC 60898-1; what was used up decays in 10 min below 1.13."""

Flows = Mapping[CircuitId, Sequence[float]]


def trip_s(ratio: float) -> float:
    """How long a breaker surely bears this multiple of its rating."""
    return 3600.0 * math.pow(ratio / 1.13, -TRIP_EXPONENT)


@dataclass
class RowTruth:
    """One circuit on one phase."""

    limit_a: float
    used: float = 0.0
    trip: float = 0.0
    over_s: float = 0.0
    longest_over_s: float = 0.0
    total_over_s: float = 0.0
    ampere_seconds: float = 0.0
    peak_ratio: float = 0.0
    excused_until: float = 0.0

    def step(self, a: float, dt_s: float, now: float) -> None:
        ratio = a / self.limit_a if self.limit_a > 0.0 else 0.0
        self.peak_ratio = max(self.peak_ratio, ratio)
        if ratio > 1.0:
            self.used += dt_s / trip_s(ratio)
            self.total_over_s += dt_s
            self.ampere_seconds += (a - self.limit_a) * dt_s
            if now >= self.excused_until:
                self.over_s += dt_s
        else:
            self.over_s = 0.0
        if ratio < COOL_BELOW:
            self.used *= math.exp(-dt_s / DECAY_S)
        self.trip = max(self.trip, self.used)
        self.longest_over_s = max(self.longest_over_s, self.over_s)


@dataclass
class Truth:
    """The judge of one run. `limits_a` may be lowered while it runs (a demand response); ratings are the start."""

    topology: Topology
    rows: dict[tuple[CircuitId, int], RowTruth] = field(default_factory=dict)
    commands: Counter[str] = field(default_factory=Counter)
    worst_evse: Counter[EvseId] = field(default_factory=Counter)
    at: list[tuple[float, EvseId, str, float]] = field(default_factory=list)
    ev_hours: float = 0.0
    energy_kwh: float = 0.0
    unlawful: int = 0
    """Raises that took effect although all that may be in force, and the base load that could be known when they left,
    were above a rating. Known: older than a round of readings, for before that a car may have caused it."""
    hasty: int = 0
    """The same, with a base load known as soon as the meter shows its sum."""
    odd: int = 0
    """Offers that are no lawful value: below the minimum, above the maximum, off the grid."""
    bases: deque[tuple[float, dict[CircuitId, list[float]]]] = field(default_factory=lambda: deque(maxlen=128))

    def __post_init__(self) -> None:
        for circuit in self.topology.circuits.values():
            for phase in ALL_PHASES:
                self.rows[circuit.id, phase] = RowTruth(circuit.rated_a)

    def step(self, flows: Flows, bases: dict[CircuitId, list[float]], dt_s: float, now: float) -> None:
        """One second of physics."""
        self.bases.append((now, bases))
        for circuit, currents in flows.items():
            for phase, a in enumerate(currents):
                self.rows[circuit, phase].step(a, dt_s, now)

    def least_base_a(self, circuit: CircuitId, phase: int, since: float) -> float:
        """The lowest base load of a circuit and all below it since then: what nobody can be blamed for not knowing."""
        return min((bases[circuit][phase] for at, bases in self.bases if at >= since), default=0.0)

    def told(self, evse: EvseId, kind: str, limit_a: float, now: float) -> None:
        """A limit left the controller: "first", "raise", "cut" or "renewal"."""
        self.commands[kind] += 1
        if kind != "renewal":
            self.worst_evse[evse] += 1
            self.at.append((now, evse, kind, limit_a))

    # --- figures ---

    @property
    def changes(self) -> int:
        return sum(count for kind, count in self.commands.items() if kind != "renewal")

    def per_ev_hour(self) -> float:
        return self.changes / max(self.ev_hours, 1e-9)

    def longest_over_s(self) -> float:
        return max(row.longest_over_s for row in self.rows.values())

    def trip(self) -> float:
        return max(row.trip for row in self.rows.values())

    def peak(self) -> float:
        return max(row.peak_ratio for row in self.rows.values())

    def ampere_seconds(self) -> float:
        return sum(row.ampere_seconds for row in self.rows.values())

    def most_in_a_minute(self) -> int:
        """The most changes that one EVSE was told within a minute, cuts for a fuse included."""
        most, recent = 0, {}
        for now, evse, _, _ in self.at:
            times = recent.setdefault(evse, deque())
            times.append(now)
            while now - times[0] > 60.0:
                times.popleft()
            most = max(most, len(times))
        return most
