"""What drills take away, across the rooms: a central, a meter, a station; and how the site is seen meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sitectl.base.clock import Clock
from sitectl.model.ids import MeterId, StationId, UplinkId
from sitectl.model.metering import Freshness
from sitectl.model.uplink import UplinkState
from sitectl.site.drills import Cut, DrillKind, Look
from sitectl.site.owner import Site
from sitectl.site.withheld import Withheld
from sitectl.stations.stations import Stations
from sitectl.uplinks.pool import UplinkPool

DRILL, WHY = "drill", "paused by a drill"
CUTS_SPARE = 0.5
"""Of what all cars were offered before, so much at least must be offered while a central is away."""


def looker(site: Site, withheld: Withheld, pool: UplinkPool, clock: Clock) -> Callable[[], Look]:
    """What sees the site now."""

    def look() -> Look:
        decision = site.decision
        assert decision is not None, "drills begin after the first cycle"
        circuits = site.state.topology.circuits
        currents_a = {}
        for id, plan in circuits.items():
            if plan.meter is None:
                continue
            held_back = withheld.seen.get(plan.meter)
            measured = held_back.current_a if held_back is not None else decision.snapshot.circuits[id].measured_a
            if measured is not None:
                currents_a[str(id)] = max(measured)
        rated_a = {str(id): plan.rated_a for id, plan in circuits.items()}
        return Look(clock.monotonic(), decision, {str(id): v for id, v in pool.views().items()}, currents_a, rated_a)

    return look


def cuts(site: Site, withheld: Withheld, pool: UplinkPool, stations: Stations) -> Mapping[DrillKind, Cut]:
    """Everything that can be taken away."""
    return {
        DrillKind.UPLINK: UplinkCut(pool),
        DrillKind.METER: MeterCut(site, withheld),
        DrillKind.STATION: StationCut(site, stations),
    }


class UplinkCut:
    """A central that cannot be reached."""

    def __init__(self, pool: UplinkPool) -> None:
        self._pool = pool
        self._paused: set[str] = set()

    def names(self) -> list[str]:
        """All centrals."""
        return [str(id) for id in self._pool.views()]

    def begin(self, target: str) -> None:
        """Let go of it."""
        self._paused.add(target)
        self._pool.pause(UplinkId(target), DRILL, WHY)

    def end(self, target: str) -> None:
        """Dial it again."""
        if target in self._paused:
            self._paused.discard(target)
            self._pool.resume(UplinkId(target), DRILL)

    def gone(self, target: str, look: Look) -> bool:
        """Whether it is seen to be away."""
        return look.uplinks[target].state is not UplinkState.ONLINE

    def back(self, target: str, look: Look) -> bool:
        """Connected, and told everything."""
        view = look.uplinks[target]
        return view.state is UplinkState.ONLINE and not view.backlog

    def seen(self, target: str, before: Look, looks: list[Look], after: Look) -> list[tuple[bool, str]]:
        """Charging went on, and no message was lost to it."""
        offered = [_offered_a(look) for look in looks]
        least_a, before_a = min(offered), _offered_a(before)
        peak = max(look.uplinks[target].backlog for look in looks)
        lost = after.uplinks[target].dead - before.uplinks[target].dead
        return [
            (
                least_a >= CUTS_SPARE * before_a,
                f"charging went on: {before_a:g} A offered before, {least_a:g} A at least",
            ),
            (lost <= 0, f"{peak} messages waited at most, {max(0, lost)} were refused for good"),
        ]


class MeterCut:
    """A meter that gives no readings."""

    def __init__(self, site: Site, withheld: Withheld) -> None:
        self._site = site
        self._withheld = withheld

    def names(self) -> list[str]:
        """The meters that a circuit is shared by, and that are read."""
        rules, circuits = self._site.state.rules, self._site.state.topology.circuits.values()
        used = {circuit.meter for circuit in circuits if circuit.meter is not None}
        return sorted(str(id) for id in used if id not in rules.station_meters)

    def begin(self, target: str) -> None:
        """Hold its readings back."""
        self._withheld.hold(MeterId(target))

    def end(self, target: str) -> None:
        """Let them through."""
        self._withheld.release(MeterId(target))

    def gone(self, target: str, look: Look) -> bool:
        """Whether it counts as stale or lost."""
        return look.decision.snapshot.meters[MeterId(target)].state in (Freshness.STALE, Freshness.LOST)

    def back(self, target: str, look: Look) -> bool:
        """Whether it counts as fresh."""
        return look.decision.snapshot.meters[MeterId(target)].state is Freshness.FRESH

    def seen(self, target: str, before: Look, looks: list[Look], after: Look) -> list[tuple[bool, str]]:
        """While it was lost, no more was offered than the worst base load leaves."""
        lost = [look for look in looks if self.gone(target, look)]
        before_a = _offered_a(before)
        if not lost:
            return []
        last_a = _offered_a(lost[-1])
        return [(True, f"{before_a:g} A offered before, {last_a:g} A at the end of the loss")]


class StationCut:
    """A station without network."""

    def __init__(self, site: Site, stations: Stations) -> None:
        self._site = site
        self._stations = stations

    def names(self) -> list[str]:
        """All stations that are installed."""
        return [str(id) for id, plan in self._site.state.topology.stations.items() if plan.installed]

    def begin(self, target: str) -> None:
        """Let go of it, and turn it away."""
        self._stations.server.keep_out(StationId(target))

    def end(self, target: str) -> None:
        """Let it come."""
        self._stations.server.let_in(StationId(target))

    def gone(self, target: str, look: Look) -> bool:
        """Whether it counts as offline."""
        return not look.decision.snapshot.stations[StationId(target)].online

    def back(self, target: str, look: Look) -> bool:
        """Whether it is connected."""
        return look.decision.snapshot.stations[StationId(target)].online

    def seen(self, target: str, before: Look, looks: list[Look], after: Look) -> list[tuple[bool, str]]:
        """It stayed counted at what it may draw; the others went on."""
        id, told = StationId(target), []
        for evse in after.decision.snapshot.stations[id].evses:
            counted = [look.decision.snapshot.evses[evse].counts_a for look in looks if self.gone(target, look)]
            if counted:
                told.append((True, f"{evse} counted at {max(counted):g} to {min(counted):g} A while it was away"))
        return told


def _offered_a(look: Look) -> float:
    """What all cars are offered together, per phase (A)."""
    return round(sum(evse.offered_a or 0.0 for evse in look.decision.snapshot.evses.values() if evse.wants), 1)
