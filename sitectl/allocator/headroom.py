"""What every row can carry for stations at this moment, before reserves: its limit less the base load.

Negative headroom is carried on, not clipped: it ends in an alarm, and in cuts that bring the row back as far as
cuts can.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, floor

from sitectl.allocator.compiled import CompiledSite
from sitectl.base.units import deci
from sitectl.model.electrical import ALL_PHASES
from sitectl.model.ids import CircuitId
from sitectl.model.limits import Ceiling
from sitectl.model.snapshot import SiteSnapshot


@dataclass(frozen=True, slots=True)
class Ceilings:
    """The lowest ceiling in force on each node and each EVSE, in tenths with its owner, and those that fit nothing
    here."""

    node: Mapping[int, tuple[int, Ceiling]]
    evse: Mapping[int, tuple[int, Ceiling]]
    unknown: Sequence[Ceiling]


@dataclass(frozen=True, slots=True)
class Headroom:
    """Per row `limit` and `room` (scaled tenths; room may be negative). `held`: nodes below which nothing may rise.

    `over`: rows whose meter shows more than their limit.
    `unsure`: by row, how much less a raise must reckon with: what the base load may be above its estimate.
    `stopped`: nodes below which nothing may charge, with the circuit whose lost meter says so.
    """

    limit: list[int]
    room: list[int]
    unsure: Mapping[int, int]
    over: frozenset[int]
    held: list[bool]
    stopped: Mapping[int, CircuitId]


def read_ceilings(plan: CompiledSite, snapshot: SiteSnapshot) -> Ceilings:
    """Sort the ceilings by what they bound. One on EVSE 0 bounds the station as a whole; what is not a number
    counts as 0."""
    node: dict[int, tuple[int, Ceiling]] = {}
    evse: dict[int, tuple[int, Ceiling]] = {}
    unknown: list[Ceiling] = []
    for ceiling in snapshot.ceilings:
        if ceiling.expires_at is not None and ceiling.expires_at <= snapshot.at:
            continue
        found: dict[int, tuple[int, Ceiling]] = node
        number: int | None = None
        if ceiling.circuit is not None:
            number = plan.circuit_node.get(ceiling.circuit)
        elif ceiling.evse is not None and ceiling.evse.evse == 0 and ceiling.evse.station in plan.post_node:
            number = plan.post_node[ceiling.evse.station]
        elif ceiling.evse is not None:
            found = evse
            alone = plan.alone.get(ceiling.evse.station) if ceiling.evse.evse == 0 else None
            number = plan.index.get(ceiling.evse) if alone is None else alone
        if number is None:
            unknown.append(ceiling)
            continue
        tenths = deci(min(ceiling.ceiling_a, 1e6)) if ceiling.ceiling_a > 0 else 0
        if number not in found or tenths < found[number][0]:
            found[number] = (tenths, ceiling)
    return Ceilings(node, evse, unknown)


def headroom(plan: CompiledSite, snapshot: SiteSnapshot, ceilings: Ceilings) -> Headroom:
    """Rated current, lowered by ceilings, less margin and base load; the root also carries what unlisted stations may
    draw."""
    limit = list(plan.rated)
    for node, (tenths, _) in ceilings.node.items():
        for row in (row for phase in ALL_PHASES for row in plan.rows_of(node, phase)):
            limit[row] = min(limit[row], tenths * plan.scale)
    room = list(limit)
    unsure: dict[int, int] = {}
    over: set[int] = set()
    held = [False] * len(plan.parent)
    stopped: dict[int, CircuitId] = {}
    for name, node in plan.circuit_node.items():
        circuit, margin_a = snapshot.circuits[name], plan.topology.circuits[name].reserve_a
        for phase, base_a in enumerate(circuit.base_load_a):
            for row in plan.rows_of(node, phase):
                carries = limit[row] // plan.scale
                room[row] = floor(carries - (base_a + margin_a) * 10 + 1e-6) * plan.scale
                if circuit.unsure_a[phase] > 0.0:
                    unsure[row] = ceil(circuit.unsure_a[phase] * 10 - 1e-6) * plan.scale
                if circuit.measured_a is not None and circuit.measured_a[phase] * 10 > carries:
                    over.add(row)
        held[node] = not circuit.settled
        if circuit.stop:
            stopped[node] = name
    root = len(plan.parent) - 1
    quarantine = -deci(-snapshot.quarantine_reserve_a) * plan.scale
    for row in (row for phase in ALL_PHASES for row in plan.rows_of(root, phase)):
        room[row] -= quarantine
    for node in range(root - 1, -1, -1):
        above = plan.parent[node]
        held[node] = held[node] or held[above]
        if above in stopped and node not in stopped:
            stopped[node] = stopped[above]
    return Headroom(limit, room, unsure, frozenset(over), held, stopped)
