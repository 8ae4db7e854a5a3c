"""What the site gives a station now, for a central that asks what really holds. Pure."""

from __future__ import annotations

from collections.abc import Collection

from sitectl.model.circuit import Topology
from sitectl.model.ids import CircuitId, EvseId, StationId
from sitectl.model.limits import StandingLimit, StandingLimits
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot
from sitectl.model.station import Obeys


def standing_limits(topology: Topology, seen: SiteSnapshot, station: StationId, asking: str) -> StandingLimits | None:
    """The limits of a listed station; None for any other. What `asking` asked for itself is left out of `most_a`."""
    plan = topology.stations.get(station)
    if plan is None or not plan.installed:
        return None
    above = topology.paths[plan.circuit]
    post_a = min([plan.max_a, *_bounds_a(topology, seen, EvseId(station, 0), above, asking)])
    evses = {}
    for evse in plan.evses:
        view = seen.evses.get(evse.id)
        if view is not None:
            bounds_a = [post_a, evse.max_a, *_bounds_a(topology, seen, evse.id, topology.paths[evse.circuit], asking)]
            limit_a = _told_a(view) if view.wants else None
            known = evse.rotation.phases if evse.rotation.known else view.phases
            evses[evse.id] = StandingLimit(
                limit_a, min(bounds_a), evse.min_a, known, obedient=view.obeys is not Obeys.UNCONTROLLED
            )
    return StandingLimits(post_a, evses)


def _told_a(view: EvseSnapshot) -> float:
    """What holds in the station: the offer, else its fallback, else only its own setting."""
    if view.offered_a is not None:
        return view.offered_a
    return view.plan.max_a if view.fallback_installed_a is None else view.fallback_installed_a


def _bounds_a(
    topology: Topology, seen: SiteSnapshot, evse: EvseId, above: Collection[CircuitId], asking: str
) -> list[float]:
    """Ratings of the circuits above, and what others have asked for."""
    rated = [topology.circuits[circuit].rated_a for circuit in above]
    return rated + [
        ceiling.ceiling_a
        for ceiling in seen.ceilings
        if ceiling.source != asking
        and (ceiling.evse == evse or ceiling.circuit in above)
        and (ceiling.expires_at is None or ceiling.expires_at > seen.at)
    ]
