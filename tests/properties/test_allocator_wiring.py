"""Properties of the allocator on trees without a neutral: no line above its rating as a vector, and none left unused.

Currents are added up here as complex numbers, with every station at the worst of the angles that it may have.
"""

from __future__ import annotations

from cmath import rect
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import radians

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate, compile_site
from sitectl.allocator.compiled import PHASE_MASK
from sitectl.allocator.headroom import headroom, read_ceilings
from sitectl.allocator.safe import safe_allocation
from sitectl.allocator.verify import verify
from sitectl.model.circuit import Topology, Wiring, topology
from sitectl.model.electrical import ALL_PHASES, UNKNOWN_ROTATION, Phase, PhaseRotation
from sitectl.model.ids import EvseId
from sitectl.model.limits import ChargingLimit
from sitectl.model.snapshot import SiteSnapshot
from tests.properties.allocator_sites import dA, moments, takes, trees

PAIRS = ((Phase.L1, Phase.L2), (Phase.L2, Phase.L3), (Phase.L3, Phase.L1))
LINES = st.sampled_from([*PAIRS, *PAIRS, ALL_PHASES]).map(lambda lines: PhaseRotation(lines, line_to_line=True))
RULES = st.sampled_from(
    [SharingRules(), SharingRules(mode="strict-priority"), SharingRules(step_a=1.0), SharingRules(share="power")]
)

pytestmark = pytest.mark.timeout(1800)
FEWER = settings(max_examples=settings().max_examples * 2 // 5)
"""Every example is dear here; the whole sweep makes up for it."""


@st.composite
def triangles(draw: st.DrawFn) -> Topology:
    """A random tree whose stations are between lines, or on all three, or nobody knows."""
    site = draw(trees(classes=2))
    wiring = draw(st.sampled_from([Wiring.DELTA, Wiring.IT]))
    circuits = {name: replace(circuit, wiring=wiring) for name, circuit in site.circuits.items()}
    wired = LINES | st.just(UNKNOWN_ROTATION)
    stations = {
        name: replace(station, evses=tuple(replace(evse, rotation=draw(wired)) for evse in station.evses))
        for name, station in site.stations.items()
    }
    return topology(circuits, stations)


def currents(site: Topology, snapshot: SiteSnapshot, amperes: dict[EvseId, float]) -> dict[tuple[str, int], float]:
    """The magnitude on every line of every circuit and post."""
    at = {0: rect(1.0, 0.0), 1: rect(1.0, radians(30)), -1: rect(1.0, radians(-30))}
    found: dict[tuple[str, int], float] = {}
    for name in (*site.circuits, *(f"post {station}" for station in site.stations)):
        below = [
            evse
            for evse in snapshot.evses.values()
            if name in (*site.paths[evse.plan.circuit], f"post {evse.id.station}")
        ]
        for line in ALL_PHASES:
            pairs, every = 0j, 0.0
            for evse in below:
                lines = evse.phases or ALL_PHASES
                if len(lines) == 3:
                    every += amperes[evse.id]
                elif line in lines:
                    leads = set(lines) == {line, Phase((line + 1) % 3)}
                    pairs += amperes[evse.id] * at[1 if leads else -1]
            found[name, line] = max(abs(pairs + every * angle) for angle in at.values())
    return found


def rooms(site: Topology, snapshot: SiteSnapshot) -> dict[tuple[str, int], float]:
    found: dict[tuple[str, int], float] = {}
    for line in ALL_PHASES:
        for name, circuit in site.circuits.items():
            bounds = [circuit.rated_a] + [c.ceiling_a for c in snapshot.ceilings if c.circuit == name]
            reserve_a = circuit.reserve_a + (snapshot.quarantine_reserve_a if name == site.root else 0.0)
            found[name, line] = min(bounds) - snapshot.circuits[name].base_load_a[line] - reserve_a
        for station in site.stations.values():
            bounds = [station.max_a] + [c.ceiling_a for c in snapshot.ceilings if c.evse == (station.id, 0)]
            found[f"post {station.id}", line] = min(bounds)
    return found


@FEWER
@given(st.data(), triangles(), RULES)
def test_no_line_is_overloaded_by_what_goes_out(data: st.DataObject, site: Topology, rules: SharingRules) -> None:
    """S1, S3, S7: whatever the angles, and any state before."""
    snapshot = data.draw(moments(site))
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), rules)
    assert verify(site, snapshot, allocation.offers, rules.step_a) == []
    before = {e: max(now.counts_a, now.offered_a or 0.0) for e, now in snapshot.evses.items()}
    after = {e: max(a, allocation.offers[e].limit_a if e in allocation.offers else 0.0) for e, a in before.items()}
    room, was = rooms(site, snapshot), currents(site, snapshot, before)
    for row, amperes in currents(site, snapshot, after).items():
        assert amperes <= room[row] + 1e-6 or amperes <= was[row] + 1e-6, row
    told = {
        e: now.counts_a if now.offered_a is None or not takes(now) else now.offered_a
        for e, now in snapshot.evses.items()
    }
    new = {e: allocation.offers[e].limit_a if e in allocation.offers else a for e, a in told.items()}
    fixed = currents(site, snapshot, {e: 0.0 if takes(snapshot.evses[e]) else a for e, a in new.items()})
    for row, amperes in currents(site, snapshot, new).items():
        assert amperes <= max(room[row], fixed[row]) + 1e-6, "cuts are enough"


@FEWER
@given(st.data(), triangles())
def test_nothing_of_a_line_is_left_that_somebody_could_have(data: st.DataObject, site: Topology) -> None:
    """Q1, but for the polygon: whoever is below its cap is on a line that 0.1 A more, and 4.7 % of it, would fill."""
    snapshot = data.draw(moments(site, calm=True))
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), SharingRules())
    targets = {e: t.limit_a for e, t in allocation.targets.items()}
    used, room = currents(site, snapshot, targets), rooms(site, snapshot)
    for evse, target in targets.items():
        plan = snapshot.evses[evse].plan
        cap = min(dA(plan.max_a), dA(site.stations[evse.station].max_a)) / 10
        more = plan.min_a if target == 0.0 else 0.1
        if target < cap:
            lines = snapshot.evses[evse].phases or ALL_PHASES
            rows = product((*site.paths[plan.circuit], f"post {evse.station}"), lines)
            assert any(used[row] + 1.03 * more + 0.1 >= 0.953 * room[row] for row in rows)


@FEWER
@given(st.data(), triangles())
def test_the_fallback_plan_only_cuts_and_fits(data: st.DataObject, site: Topology) -> None:
    """S8: it adds up plainly, which is never less than the vector."""
    snapshot = data.draw(moments(site))
    allocation = safe_allocation(site, snapshot, "a test")
    assert verify(site, snapshot, allocation.offers) == []


@FEWER
@given(st.data(), triangles(), st.integers(1, 400))
def test_the_second_check_sees_what_is_too_much(data: st.DataObject, site: Topology, more: int) -> None:
    """Exactly when a line is above its room as a vector."""
    snapshot = data.draw(moments(site, calm=True))
    allocation, _ = allocate(compile_site(site), snapshot, AllocatorMemory(), SharingRules())
    targets = {e: t.limit_a for e, t in allocation.targets.items() if t.limit_a}
    if not targets:
        return
    evse = data.draw(st.sampled_from(sorted(targets)))
    plan = snapshot.evses[evse].plan
    raised = {**dict.fromkeys(snapshot.evses, 0.0), **targets, evse: (dA(targets[evse]) + more) / 10}
    offers = {e: ChargingLimit(e, raised[e], "") for e in targets}
    found = currents(site, snapshot, raised)
    over = any(found[row] > max(0.0, room + 2e-6) for row, room in rooms(site, snapshot).items())
    above = raised[evse] > min(plan.max_a, site.stations[evse.station].max_a)
    assert bool(verify(site, snapshot, offers)) is (over or above)


def exact_shares(rows: list[tuple[int, dict[int, int]]], bounds: dict[int, tuple[int, int]]) -> dict[int, Fraction]:
    """Max-min over rows with coefficients by raising one level from event to event, in fractions; quadratic."""
    share = {n: Fraction(low) for n, (low, _) in bounds.items()}
    active, level = set(bounds), Fraction(0)
    while active:
        rising = {n for n in active if bounds[n][0] <= level < bounds[n][1]}
        stops = [Fraction(bound) for n in active for bound in bounds[n] if bound > level]
        for room, counts in rows:
            speed = sum(counts.get(n, 0) for n in rising)
            if speed:
                stops.append(level + (room - sum(k * share[n] for n, k in counts.items())) / speed)
        level = max(level, min(stops, default=level))
        for n in rising:
            share[n] = level
        full = [counts for room, counts in rows if sum(k * share[n] for n, k in counts.items()) >= room]
        active -= {n for n in active if share[n] >= bounds[n][1] or any(counts.get(n) for counts in full)}
    return share


@FEWER
@given(st.data(), triangles())
def test_filling_is_exact_with_coefficients(data: st.DataObject, site: Topology) -> None:
    """Q2: nobody gets less than the max-min share of its class over the sides of the polygons, put down on the grid."""
    snapshot = data.draw(moments(site, calm=True))
    plan = compile_site(site)
    assert plan.path_terms is not None
    allocation, _ = allocate(plan, snapshot, AllocatorMemory(), SharingRules())
    targets = {plan.index[e]: dA(t.limit_a) for e, t in allocation.targets.items() if t.limit_a}
    highest = min(plan.rank[n] for n in targets) if targets else 0
    first = {n for n in targets if plan.rank[n] == highest}
    counts: dict[int, dict[int, int]] = {}
    for n in targets:
        for row, k in plan.path_terms[plan.node[n] * 8 + PHASE_MASK[snapshot.evses[plan.ids[n]].phases]]:
            counts.setdefault(row, {})[n] = k
    room = headroom(plan, snapshot, read_ceilings(plan, snapshot)).room
    others = {
        row: sum(k * plan.minimum[n] for n, k in found.items() if n not in first) for row, found in counts.items()
    }
    rows = [(room[row] - others[row], {n: k for n, k in found.items() if n in first}) for row, found in counts.items()]
    shares = exact_shares(rows, {n: (plan.minimum[n], plan.maximum[n]) for n in first})
    for n, share in shares.items():
        assert targets[n] >= share // 1
