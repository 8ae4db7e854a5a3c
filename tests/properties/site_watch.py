"""What must hold at every step and in every cycle of a site's life, and what is counted meanwhile."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sitectl.model.commands import OfferLimit
from sitectl.model.electrical import ALL_PHASES
from sitectl.model.ids import CircuitId, EvseId
from sitectl.model.metering import Freshness
from sitectl.model.snapshot import EvseSnapshot
from sitectl.site.cycle import Decision
from sitectl.site.owner import SETTLE_S

if TYPE_CHECKING:
    from tests.properties.site_life import World

REACTION_S = 15.0
"""A base-load step may keep a fuse above its rating this long: meter, cycle, transport, reaction and ramp (12 s), and 3
s of patience before somebody at its minimum is paused."""

BLOCKED_S = 24.0
"""The same where answers get lost: a station takes one call at a time, a cut may wait 30 s, and others go instead."""

Flows = dict[CircuitId, list[float]]


@dataclass
class Figures:
    """What came out."""

    commands: Counter[str] = field(default_factory=Counter)
    ev_hours: float = 0.0
    longest_over_s: float = 0.0
    worst_ratio: float = 0.0
    quiet_commands: Counter[str] = field(default_factory=Counter)
    lapsed: int = 0
    unused_a: float = 0.0

    def per_ev_hour(self) -> float:
        """Limits that changed, for every hour that a car was plugged in."""
        changes = sum(n for kind, n in self.commands.items() if kind != "renewal")
        return changes / max(self.ev_hours, 1e-9)


class Watch:
    """Looks at one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.figures = Figures()
        self.last: dict[EvseId, OfferLimit] = {}
        self.handed: set[EvseId] = set()
        self.over_s: dict[tuple[CircuitId, int], float] = {}

    # --- at every step ---

    def step(self, flows: Flows, dt_s: float) -> None:
        """Fuses, ledger, and figures."""
        self._fuses(flows, dt_s)
        self._ledger()
        if self.world.measuring:
            self._measure(dt_s)

    def _fuses(self, flows: Flows, dt_s: float) -> None:
        world, figures, now = self.world, self.figures, self.world.clock.monotonic()
        blind = world.site is None or not world.meter_up or now < world.blind_until
        blind = blind or bool(world.excused) or any(station.unbound() for station in world.stations.values())
        allowed_s = BLOCKED_S if world.troubles.answer_lost or world.troubles.disobedient else REACTION_S
        for circuit, currents in flows.items():
            rated_a = world.topology.circuits[circuit].rated_a
            for phase, current in enumerate(currents):
                key = circuit, phase
                if current <= rated_a + 0.5:
                    self.over_s[key] = 0.0
                elif not (blind or self._is_helpless(circuit, phase)):
                    self.over_s[key] = self.over_s.get(key, 0.0) + dt_s
                if world.measuring:
                    figures.worst_ratio = max(figures.worst_ratio, current / rated_a)
                figures.longest_over_s = max(figures.longest_over_s, self.over_s.get(key, 0.0))
                assert figures.longest_over_s <= allowed_s, (now, key, currents)

    def _is_helpless(self, circuit: CircuitId, phase: int) -> bool:
        """Everybody is told to pause: whose call got lost is told again when the time for its answer is over."""
        if not self.world.troubles.request_lost or self.world.site is None or self.world.site.decision is None:
            return False
        seen, targets = self.world.site.decision.snapshot, self.world.site.decision.allocation.targets
        below = [view for view in seen.evses.values() if circuit in self.world.topology.paths[view.plan.circuit]]
        sharing = [view for view in below if phase in view.phases and view.id in targets]
        return all(view.offered_a == 0.0 and targets[view.id].limit_a == 0.0 for view in sharing)

    def _ledger(self) -> None:
        """The ledger counts every EVSE at no less than what its station may lawfully draw."""
        site = self.world.site
        if site is None:
            return
        now = self.world.clock.monotonic()
        for station in self.world.stations.values():
            for number, bay in station.bays.items():
                held = site.state.evses[bay.plan.id]
                counts_a = held.counts_a(now, site.state.stations[bay.plan.id.station])
                lawful_a = station.lawful_a(number)
                excused = bay.plan.id in self.world.excused
                assert excused or counts_a >= lawful_a - 1e-6, (now, str(bay.plan.id), counts_a, lawful_a, held)

    def _measure(self, dt_s: float) -> None:
        for station in self.world.stations.values():
            for number, bay in station.bays.items():
                if bay.running is None:
                    continue
                self.figures.ev_hours += dt_s / 3600.0
                told = self.last.get(bay.plan.id)
                if self.world.quiet and told is not None and told.form.is_profile:
                    self.figures.lapsed += station.lawful_a(number) != told.offer.limit_a

    # --- at every command and in every cycle ---

    def handed_over(self, command: OfferLimit) -> None:
        """The process hands over a limit."""
        evse = command.offer.evse
        self.handed.add(evse)
        before = self.last.get(evse)
        kind = "first"
        if before is not None and before.offer.transaction == command.offer.transaction:
            change = command.offer.limit_a - before.offer.limit_a
            kind = "raise" if change > 0 else "cut" if change < 0 else "renewal"
        self.last[evse] = command
        if self.world.measuring:
            self.figures.commands[kind] += 1
            if self.world.quiet and kind != "renewal":
                self.figures.quiet_commands[kind] += 1

    def cycle(self, decision: Decision) -> None:
        """What was decided, and what of it has left already."""
        seen, offers, world = decision.snapshot, decision.allocation.offers, self.world
        assert not decision.violations, decision.violations
        raised = {id for id, limit in offers.items() if limit.limit_a > had_a(seen.evses[id])}
        settling = seen.at <= world.began_at + SETTLE_S
        kept = {id for id, view in seen.evses.items() if settling and view.offered_a is None}
        missing = set(offers) - raised - self.handed - kept
        assert not missing, ("cuts leave in the very cycle", seen.at, missing)
        self.handed.clear()
        if not raised:
            return
        assert seen.raises_allowed
        for name, circuit in world.topology.circuits.items():
            below = [view for view in seen.evses.values() if name in world.topology.paths[view.plan.circuit]]
            rising = [view for view in below if view.id in raised]
            now = seen.circuits[name]
            assert not rising or now.meter in (None, Freshness.FRESH, Freshness.LOST), (seen.at, name, now)
            for phase in {phase for view in rising for phase in view.phases}:
                worst_a = sum(max(v.counts_a, told_a(decision, v)) for v in below if phase in v.phases)
                assert worst_a + now.base_load_a[phase] <= circuit.rated_a + 1e-6, (seen.at, name, phase)

    # --- at the end ---

    def settled(self) -> None:
        """Nothing has changed for long: what is free is used, and what may be drawn is known."""
        site = self.world.site
        assert site is not None
        assert site.decision is not None
        seen, allocation = site.decision.snapshot, site.decision.allocation
        for id, target in allocation.targets.items():
            view = seen.evses[id]
            assert view.offered_a is not None, id
            assert abs(view.offered_a - target.limit_a) <= 1.05 or view.offered_a == 0.0, (id, view.offered_a, target)
            recent = any(at is not None and seen.at - at < 90.0 for at in (view.last_raise_at, view.last_cut_at))
            assert recent or view.counts_a <= view.offered_a + 1.0, view
        for name, circuit in seen.circuits.items():
            if circuit.meter is not None:
                for phase in ALL_PHASES:
                    beyond_a = circuit.base_load_a[phase] - self.world.base_below(name)[phase]
                    self.figures.unused_a = max(self.figures.unused_a, beyond_a)
                    assert beyond_a > -1.0, (name, phase, circuit, self.world.base)


def had_a(view: EvseSnapshot) -> float:
    """What an EVSE had before: its limit, or what it counts at while it was told none."""
    return view.counts_a if view.offered_a is None else view.offered_a


def told_a(decision: Decision, view: EvseSnapshot) -> float:
    """The highest of what an EVSE was told and is told now."""
    offer = decision.allocation.offers.get(view.id)
    return max(view.offered_a or 0.0, offer.limit_a if offer is not None else 0.0)
