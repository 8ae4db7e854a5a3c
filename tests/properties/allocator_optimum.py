"""Exact optima of small sites by an independent solver (HiGHS in scipy): how many can be admitted, who gets what."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from sitectl.model.circuit import Topology
from sitectl.model.ids import EvseId
from sitectl.model.snapshot import SiteSnapshot
from tests.properties.allocator_sites import bounds_of, rows_of

NEGLIGIBLE = 1e-6


def matrix(site: Topology, snapshot: SiteSnapshot, who: Sequence[EvseId]) -> tuple[np.ndarray, np.ndarray]:
    """One line a row that somebody of `who` loads: 1 where he does; and what the row has for them, in tenths."""
    members, room = rows_of(site, snapshot)
    rows = [row for row, loaded in members.items() if not set(who).isdisjoint(loaded)]
    loads = np.array([[float(evse in members[row]) for evse in who] for row in rows])
    return loads.reshape(len(rows), len(who)), np.array([float(room[row]) for row in rows])


def most_admitted(site: Topology, snapshot: SiteSnapshot, who: Sequence[EvseId]) -> int:
    """How many of them can have their minimum at once."""
    loads, room = matrix(site, snapshot, who)
    minimum = np.array([float(bounds_of(site, snapshot, evse)[0]) for evse in who])
    within = LinearConstraint(loads * minimum, -np.inf, np.maximum(room, 0.0))
    can = np.array([float(min(room[loads[:, n] > 0]) >= minimum[n]) for n in range(len(who))])
    found = milp(-np.ones(len(who)), constraints=within, bounds=Bounds(0.0, can), integrality=np.ones(len(who)))
    assert found.success, found.message
    return round(-found.fun)


def fairest(site: Topology, snapshot: SiteSnapshot, who: Sequence[EvseId]) -> dict[EvseId, float]:
    """The lexicographic max-min optimum, by one linear program after another: raise the least, fix who cannot rise."""
    loads, room = matrix(site, snapshot, who)
    caps = np.array([float(bounds_of(site, snapshot, evse)[1]) for evse in who])
    share = np.full(len(who), np.nan)
    while np.isnan(share).any():
        active = [n for n in range(len(who)) if np.isnan(share[n])]
        level = _solve(loads, room, caps, share, active, 0.0, None)
        stuck = [n for n in active if _solve(loads, room, caps, share, active, level, n) <= level + 100.0 * NEGLIGIBLE]
        assert stuck, "somebody is bound at every level"
        share[stuck] = level
    return dict(zip(who, map(float, share), strict=True))


def _solve(
    loads: np.ndarray,
    room: np.ndarray,
    caps: np.ndarray,
    share: np.ndarray,
    active: list[int],
    least: float,
    one: int | None,
) -> float:
    """The highest level that all active can have; or the most that `one` can have while the others have `least`."""
    count = len(caps)
    low = np.where(np.isnan(share), max(0.0, least - NEGLIGIBLE), share)
    high = np.where(np.isnan(share), caps, share)
    aim = np.zeros(count + 1)
    aim[count if one is None else one] = -1.0
    lines = [np.append(line, 0.0) for line in loads]
    limits = list(room)
    if one is None:
        for n in active:
            line = np.zeros(count + 1)
            line[n], line[count] = -1.0, 1.0
            lines.append(line)
            limits.append(0.0)
    bounds = [*zip(low, high, strict=True), (0.0, float(caps.max()))]
    found = linprog(aim, A_ub=np.array(lines), b_ub=np.array(limits), bounds=bounds, method="highs")
    assert found.success, found.message
    return float(-found.fun)
