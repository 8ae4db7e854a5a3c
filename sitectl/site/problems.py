"""What is wrong on the site, in words that tell a technician what to do. Pure; `ProblemBook` adds since when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from sitectl.allocator.breaker import NORMAL
from sitectl.model.electrical import NO_CURRENT, PhaseCurrents
from sitectl.model.health import Finding, Problem
from sitectl.model.ids import CircuitId
from sitectl.model.ladder import LadderStep
from sitectl.model.metering import Freshness
from sitectl.model.snapshot import CircuitSnapshot, EvseSnapshot, StationSnapshot
from sitectl.model.station import Obeys
from sitectl.site.cycle import Decision
from sitectl.state.lifetime import RAM_LIFETIME_S
from sitectl.state.site_state import SiteState
from sitectl.state.source import source

BASE_LOAD_TOLERANCE = 0.05
"""The estimate may be so far above the truth while cars follow their limits."""


@dataclass(slots=True)
class ProblemBook:
    """Remembers since when each problem stands.

    Its name is where it is and its wording up to the colon: what follows (a count, the newest error) may change while
    the problem stays the same.
    """

    standing: dict[tuple[str, str], Problem] = field(default_factory=dict)
    began: tuple[Problem, ...] = ()
    ended: tuple[Problem, ...] = ()
    """What the last update brought and took."""

    def update(self, findings: Iterable[Finding], wall: datetime) -> tuple[Problem, ...]:
        """The problems as they stand now; those that went are forgotten."""
        before, self.standing = self.standing, {}
        for what, where, do in findings:
            key = (where, what.partition(":")[0])
            since = before[key].since if key in before else wall
            self.standing[key] = Problem(what, where, since, do)
        self.began = tuple(problem for key, problem in self.standing.items() if key not in before)
        self.ended = tuple(problem for key, problem in before.items() if key not in self.standing)
        return tuple(self.standing.values())


def findings(state: SiteState, decision: Decision) -> Iterator[Finding]:
    """Everything wrong that the site's own state shows."""
    yield from _meters(state, decision)
    yield from _circuits(state, decision)
    for station in decision.snapshot.stations.values():
        yield from _station(station, decision.snapshot.at, listed=station.id in state.topology.stations)
    for view in decision.snapshot.evses.values():
        yield from _evse(view, decision.snapshot.stations[view.id.station])
    if decision.violations:
        said = "; ".join(decision.violations[:3])
        yield (f"The sharing was rejected by its check: {said}", "site", "Report this; the safe plan is in force.")


def _meters(state: SiteState, decision: Decision) -> Iterator[Finding]:
    now = decision.snapshot.at
    for meter in decision.snapshot.meters.values():
        held = state.meters[meter.id]
        if held.mistrust:
            yield (
                f"Not believed: it {held.mistrust}",
                meter.id,
                "Compare it with the stations' own values phase by phase; where there is generation, set generation_a.",
            )
        elif meter.state in (Freshness.STALE, Freshness.LOST):
            failure = held.failure or "no reading yet"
            yield (
                f"No good reading: {meter.state.value}, {failure}",
                meter.id,
                "Check its power, its network and its unit number.",
            )
        if held.differs(now):
            other = state.rules.substitutes[meter.id]
            what = f"Another current than its substitute {other}: the larger import of both counts on each phase"
            yield (what, meter.id, "Find out which of the two is wrong.")
        if held.reading is not None and held.reading.doubts:
            yield (
                f"The meter is odd: {'; '.join(held.reading.doubts)}",
                meter.id,
                "Check its wiring and its settings.",
            )


def _circuits(state: SiteState, decision: Decision) -> Iterator[Finding]:
    for id, circuit in decision.snapshot.circuits.items():
        rated_a = state.topology.circuits[id].rated_a
        if circuit.meter is Freshness.LOST:
            doing = (
                "charging is stopped below it" if circuit.stop else "it is shared as if its worst base load were drawn"
            )
            yield (f"Circuit without its meter: {doing}", id, "Bring the meter back.")
        yield from _stand_in(state, id, decision.snapshot.at)
        if circuit.measured_a is not None and max(circuit.measured_a) > rated_a:
            yield (f"Above its rating of {rated_a:g} A", id, "Cuts are on their way; if it stays, switch loads off.")
        if circuit.trip > NORMAL:
            much = f"Its breaker has used up trip time: {circuit.trip:.0%}"
            yield (much, id, "Less is shared until it has cooled down; if it comes again, look for a load that jumps.")
        yield from _base_load(state, circuit)
        dead = decision.shares[id].if_dead
        if dead is not None and not dead.holds:
            cures = "Set allocation.dead_controller: proven."
            if any(s.profile_lifetime_s > RAM_LIFETIME_S for s in decision.snapshot.stations.values()):
                cures = "Set stations.X.profile_storage: ram where it is true, or allocation.dead_controller: proven."
            yield ("Not proven to hold if this box dies now", id, cures)


def _stand_in(state: SiteState, id: CircuitId, now: float) -> Iterator[Finding]:
    meter = state.topology.circuits[id].meter
    if meter is not None and (read := source(state.meters, state.rules.substitutes, meter, now)) != meter:
        yield (f"Read by the substitute {read} of meter {meter}", id, f"Bring {meter} back.")


def _unplaced(state: SiteState, id: CircuitId) -> PhaseCurrents:
    """What cars draw on phases that nobody knows yet: the estimate counts it as base load, so that nothing is over."""
    unplaced = NO_CURRENT
    for evse in map(state.evses.__getitem__, state.below[id]):
        surely, _ = evse.surely_drawn()
        unplaced = unplaced.plus((evse.measured_grid() or surely).minus(surely))
    return unplaced


def _base_load(state: SiteState, circuit: CircuitSnapshot) -> Iterator[Finding]:
    """The fallbacks are solved for the configured worst: above it, it is not sure that they fit."""
    base, worst_a = circuit.measured_base_a, state.topology.circuits[circuit.id].base_load_worst_a
    most_a = worst_a + BASE_LOAD_TOLERANCE * worst_a + 1.0
    if circuit.meter is None or base is None or max(base) <= most_a:
        return
    base_a = max(base.minus(_unplaced(state, circuit.id)))  # only here: it takes a look at every EVSE below
    if base_a > most_a:
        yield (
            f"More base load than its configured worst of {worst_a:g} A: {base_a:.0f} A",
            circuit.id,
            "Set base_load_worst_a to what may really be drawn there: the fallbacks are solved for it.",
        )


def _station(station: StationSnapshot, now: float, *, listed: bool) -> Iterator[Finding]:
    """`listed`: it stands in the configuration, be it as one that is not there yet."""
    if station.quarantined and listed:
        yield (
            "Listed as not installed, and here",
            station.id,
            "Remove installed: false; until then it is answered Pending and counted on the root.",
        )
    elif station.quarantined:
        yield (
            "An identity that nobody listed is connected" if station.online else "An unlisted identity was here",
            station.id,
            "List it under stations, or set ocpp.unknown_stations: reject; it is counted on the root until then.",
        )
    elif not station.seen:
        yield (
            "Never seen: counted at its maximum",
            station.id,
            "Connect it, or set installed: false.",
        )
    elif not station.online and now >= station.reboot_until:
        yield (
            "Offline",
            station.id,
            "Check its power and network; it is counted at its last limit, then its fallback.",
        )
    if station.pinned_now:
        yield (
            "Its credential was pinned in the commissioning window",
            station.id,
            "Check that this is the right station, and give it a password_file.",
        )


def _obedience(view: EvseSnapshot, where: str) -> Iterator[Finding]:
    """What somebody has written down as it is, is no news."""
    if view.form.step is LadderStep.NONE:
        if not view.pinned:
            yield (
                f"Out of control: its whole {view.plan.max_a:g} A are reserved",
                where,
                "Check its smart-charging settings, then `sitectl station probe`; or set its control: none.",
            )
    elif view.obeys is Obeys.IGNORES:
        yield (
            f"Accepts limits and ignores them: counted at {view.counts_a:.1f} A; next by {view.form}",
            where,
            "Check the station's smart-charging settings and firmware.",
        )
    elif view.obeys is Obeys.UNCONTROLLED:
        yield ("Refuses every limit: counted at its fallback or maximum", where, "Check its smart-charging settings.")
    elif view.form.step is LadderStep.START_STOP and not view.pinned:
        yield (
            f"Obeys no charging profile: it gets {view.plan.max_a:g} A or is stopped",
            where,
            "Check its smart-charging settings, then `sitectl station probe`; or set its control: start_stop.",
        )


def _evse(view: EvseSnapshot, station: StationSnapshot) -> Iterator[Finding]:
    where = str(view.id)
    yield from _obedience(view, where)
    if view.wiring_contradicted:
        yield (
            "The wiring that was learned fits no longer: counted on all phases",
            where,
            "Was it rewired, or its meter? Run `sitectl station phase-test`, or set its phases.",
        )
    if station.online and station.booted and view.form.is_profile and view.fallback_installed_a is None:
        yield (
            f"Has not accepted its fallback yet: counted at its maximum of {view.plan.max_a:g} A",
            where,
            "Wait a minute; if it stays, check that the station supports TxDefaultProfile.",
        )
