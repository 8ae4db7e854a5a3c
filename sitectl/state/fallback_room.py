"""Whether a fallback may be raised: only into what all other fallbacks, as they stand in the stations, leave free.

A new plan of fallbacks lowers some and raises others, and stations take them one by one, some of them days later. So a
lower one is told at once, a higher one only when the sum fits on every circuit and phase all the same: the second
inequality of "if sitectl dies now".
"""

from __future__ import annotations

from collections.abc import Collection

from sitectl.model.electrical import ALL_PHASES, Phase
from sitectl.model.ids import CircuitId, EvseId, StationId
from sitectl.model.station import EvsePlan
from sitectl.state.site_state import SiteState

TOLERANCE_A = 1e-6


def fits(state: SiteState, id: EvseId) -> bool:
    """Whether this EVSE's planned fallback fits beside what the others may fall back to now."""
    return all(_row_fits(state, circuit, id) for circuit in state.topology.paths[state.evses[id].plan.circuit])


def _row_fits(state: SiteState, circuit: CircuitId, raised: EvseId) -> bool:
    """A post never draws more than its own cable, however high its EVSEs fall back to."""
    row = state.topology.circuits[circuit]
    posts: dict[StationId, list[float]] = {}
    for id in state.below[circuit]:
        evse = state.evses[id]
        falls_to_a = evse.entry.fallback_bound_a()
        if id == raised:
            falls_to_a = max(falls_to_a, evse.plan.fallback_a)
        sums = posts.setdefault(id.station, [0.0, 0.0, 0.0])
        for phase in wired(evse.plan):
            sums[phase] += falls_to_a
    most_a = {station: state.topology.stations[station].max_a for station in posts}
    return all(
        row.base_load_worst_a + sum(min(sums[phase], most_a[station]) for station, sums in posts.items())
        <= row.rated_a + TOLERANCE_A
        for phase in wired(state.evses[raised].plan)
    )


def wired(plan: EvsePlan) -> Collection[Phase]:
    """The grid phases that the next car may draw on: all while the wiring is unknown."""
    return plan.rotation.phases if plan.rotation.known else ALL_PHASES
