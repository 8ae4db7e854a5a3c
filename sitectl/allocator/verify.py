"""An independent second check of what is about to go out, by another route: whole micro-amperes straight from the
topology, sharing no row, no rounding and no sum with the allocator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isqrt
from operator import add

from sitectl.model.circuit import Topology
from sitectl.model.electrical import ALL_PHASES, Phase
from sitectl.model.ids import CircuitId, EvseId, StationId
from sitectl.model.limits import ChargingLimit
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot

MICRO = 1_000_000
Sums = list[int]
PLACES = {frozenset(pair): place for place, pair in enumerate(((0, 1), (1, 2), (2, 0)))}


def verify(
    topology: Topology, snapshot: SiteSnapshot, offers: Mapping[EvseId, ChargingLimit], step_a: float = 0.1
) -> list[str]:
    """What is wrong with these offers; empty: they may go out. Never raises for odd numbers: they are violations.

    On every circuit and post, per phase (as a vector where stations are between lines), the highest of what each EVSE
    may lawfully draw and its new offer, plus base load and reserve, stays within the rating and its ceilings; where it
    is above already, nothing rises, and neither does anything on base load that may be higher than it looks. Every
    single offer is 0 or within minimum, maximum and ceilings, on the step grid. No raise lifts a phase too far above
    another where a circuit bounds that.
    """
    try:
        alone, summed = _singly(topology, snapshot, offers, step_a), _summed(topology, snapshot, offers)
        return alone + summed + _tilted(topology, snapshot, offers)
    except (ValueError, OverflowError, KeyError) as error:
        return [f"the snapshot cannot be checked: {error!r}"]


def _singly(
    topology: Topology, snapshot: SiteSnapshot, offers: Mapping[EvseId, ChargingLimit], step_a: float
) -> list[str]:
    wrong: list[str] = []
    ceilings = _ceilings(snapshot)
    stopped = {name for name, circuit in snapshot.circuits.items() if circuit.stop}
    for evse, limit in offers.items():
        installed, offer = snapshot.evses[evse].plan, round(limit.limit_a * MICRO)
        if offer == 0:
            continue
        bounds = [round(installed.max_a * MICRO), round(topology.stations[evse.station].max_a * MICRO)]
        bounds += [ceilings[key] for key in (evse, EvseId(evse.station, 0)) if key in ceilings]
        if offer > min(bounds):
            wrong.append(f"{evse}: {limit.limit_a} A is above its maximum of {min(bounds) / MICRO:g} A")
        if offer < round(installed.min_a * MICRO):
            wrong.append(f"{evse}: {limit.limit_a} A is neither 0 nor at least its minimum of {installed.min_a:g} A")
        if installed.max_w is not None and offer - 100_000 > installed.max_w / topology.nominal_voltage_v / 2.7 * MICRO:
            wrong.append(f"{evse}: {limit.limit_a} A is more than {installed.max_w:g} W and a step")
        told = snapshot.evses[evse].told_phases
        if limit.phases in (None, told):
            pass
        elif not (installed.switches_phases and limit.phases in (1, 3)):
            wrong.append(f"{evse}: nothing is known of its charging by {limit.phases} phases")
        elif snapshot.evses[evse].counts_a > 1.0:
            wrong.append(
                f"{evse}: it may still draw {snapshot.evses[evse].counts_a:g} A by other phases than {limit.phases}"
            )
        if offer % round(step_a * MICRO):
            wrong.append(f"{evse}: {limit.limit_a} A is not a multiple of {step_a:g} A")
        if not stopped.isdisjoint(topology.paths[installed.circuit]):
            wrong.append(f"{evse}: nothing may charge here while the meter is lost")
    return wrong


def _summed(topology: Topology, snapshot: SiteSnapshot, offers: Mapping[EvseId, ChargingLimit]) -> list[str]:
    circuits, posts = _sums(topology, snapshot, offers)
    conductor = _vector_sum if topology.wiring.is_triangle else _plain_sum
    ceilings = _ceilings(snapshot)
    wrong: list[str] = []
    for name, installed in topology.circuits.items():
        limit = min(round(installed.rated_a * MICRO), ceilings.get(name, MICRO * MICRO))
        base, unsure = snapshot.circuits[name].base_load_a, snapshot.circuits[name].unsure_a
        reserve = installed.reserve_a + (snapshot.quarantine_reserve_a if name == topology.root else 0.0)
        for phase in ALL_PHASES:
            room = limit - round((base[phase] + unsure[phase] + reserve) * MICRO)
            before, after = (conductor(sums, phase) for sums in circuits[name])
            wrong += _exceeded(f"circuit {name} {phase.name}", room, before, after)
    for station, both in posts.items():
        limit = min(round(topology.stations[station].max_a * MICRO), ceilings.get(EvseId(station, 0), MICRO * MICRO))
        for phase in ALL_PHASES:
            before, after = (conductor(sums, phase) for sums in both)
            wrong += _exceeded(f"station {station} {phase.name}", limit, before, after)
    return wrong


def _sums(
    topology: Topology, snapshot: SiteSnapshot, offers: Mapping[EvseId, ChargingLimit]
) -> tuple[dict[CircuitId, tuple[Sums, Sums]], dict[StationId, tuple[Sums, Sums]]]:
    """Of every circuit and post, before and after the offers: by phase; where stations are between lines by pair of
    lines, and in fourth place of those that are on all three."""
    triangle = topology.wiring.is_triangle
    nothing = [0] * (4 if triangle else 3)
    circuits: dict[CircuitId, tuple[Sums, Sums]] = {name: ([*nothing], [*nothing]) for name in topology.circuits}
    posts: dict[StationId, tuple[Sums, Sums]] = {
        station.id: ([*nothing], [*nothing]) for station in topology.stations.values() if len(station.evses) > 1
    }
    for evse in snapshot.evses.values():
        now = round(max(evse.counts_a, evse.offered_a or 0.0) * MICRO)
        new = round(offers[evse.id].limit_a * MICRO) if evse.id in offers else 0
        if not max(now, new):
            continue
        phases = evse.phases or ALL_PHASES
        places: Iterable[int] = (PLACES.get(frozenset(phases), 3),) if triangle else phases
        told = places if triangle or not new else _phases_of(evse, offers[evse.id])
        as_before = told is places
        then = max(now, new) if as_before else now
        into = [circuits[evse.plan.circuit], *([posts[evse.id.station]] if evse.id.station in posts else [])]
        for before, after in into:
            for place in places:
                before[place] += now
                after[place] += then
            for place in () if as_before else told:
                after[place] += max(0, new - now) if place in places else new
    for name in sorted(topology.circuits, key=lambda name: -len(topology.paths[name])):
        parent = topology.circuits[name].parent
        if parent is not None:
            for above, below in zip(circuits[parent], circuits[name], strict=True):
                above[:] = map(add, above, below)
    return circuits, posts


def _phases_of(evse: EvseSnapshot, limit: ChargingLimit | None) -> tuple[Phase, ...]:
    """Where it draws by a new limit."""
    if limit is not None and limit.phases is not None and limit.limit_a:
        return evse.plan.rotation.phases[: limit.phases]
    return evse.phases or ALL_PHASES


def _tilted(topology: Topology, snapshot: SiteSnapshot, offers: Mapping[EvseId, ChargingLimit]) -> list[str]:
    """Raises that lift one phase of a circuit too far above another, as everybody is told then. Cuts may."""
    wrong: list[str] = []
    for name, circuit in topology.circuits.items():
        if circuit.imbalance_a is None:
            continue
        base = snapshot.circuits[name].average_base_a or snapshot.circuits[name].base_load_a
        before, after = [round(a * MICRO) for a in base], [round(a * MICRO) for a in base]
        risen: set[tuple[int, int]] = set()
        for evse in snapshot.evses.values():
            if name not in topology.paths[evse.plan.circuit]:
                continue
            takes = evse.wants and evse.controllable and evse.offered_a is not None
            now_a = evse.offered_a if takes and evse.offered_a is not None else evse.counts_a
            now, phases = round(now_a * MICRO), evse.phases or ALL_PHASES
            then = round(offers[evse.id].limit_a * MICRO) if evse.id in offers else now
            told = _phases_of(evse, offers.get(evse.id))
            for phase in phases:
                before[phase] += now
            for phase in told:
                after[phase] += then
                if then > now:
                    risen |= {(phase, other) for other in ALL_PHASES if other not in told}
        for heavy, light in sorted(risen):
            apart, most = after[heavy] - after[light], round(circuit.imbalance_a * MICRO)
            if apart > most + len(snapshot.evses) and apart > before[heavy] - before[light]:
                text = (
                    f"L{heavy + 1} rises to {apart / MICRO:g} A above L{light + 1}, more than {circuit.imbalance_a:g} A"
                )
                wrong.append(f"circuit {name}: {text}")
    return wrong


def _plain_sum(sums: Sums, phase: int) -> int:
    return sums[phase]


def _vector_sum(sums: Sums, line: int) -> int:
    """The current of a line as a phasor: one pair leads by 30 degrees, the other lags; those on all three lines may be
    at either angle, or between them."""
    lead, lag, every = sums[line], sums[(line + 2) % 3], sums[3]
    both = lead + lag
    balanced = lead * lead + lead * lag + lag * lag + isqrt(3 * (every * both) ** 2) + every * every
    ahead, behind = lead + every, lag + every
    squares = balanced, ahead * ahead + ahead * lag + lag * lag, lead * lead + lead * behind + behind * behind
    return isqrt(max(squares))


def _exceeded(where: str, room: int, before: int, after: int) -> list[str]:
    """One micro-ampere of grace for the rounding of the inputs."""
    if after > room + 1 and after > before:
        return [f"{where}: {after / MICRO:g} A may be drawn of {room / MICRO:g} A"]
    return []


def _ceilings(snapshot: SiteSnapshot) -> dict[EvseId | CircuitId | None, int]:
    """The lowest ceiling on each EVSE, station (as EVSE 0) and circuit; what is not a number above 0 counts as 0."""
    lowest: dict[EvseId | CircuitId | None, int] = {}
    for ceiling in snapshot.ceilings:
        if ceiling.expires_at is None or ceiling.expires_at > snapshot.at:
            key = ceiling.circuit if ceiling.circuit is not None else ceiling.evse
            bound = round(min(ceiling.ceiling_a, MICRO) * MICRO) if ceiling.ceiling_a > 0 else 0
            lowest[key] = min(bound, lowest.get(key, bound))
    return lowest
