"""What others do, on the same worlds: no control at all, an equal split fixed for ever, a loop that counts draws, and a
tree of one current a circuit (the highest phase), as open systems do it. Their limits travel as ours do.
"""

from __future__ import annotations

import asyncio
from typing import Any

from sitectl.model import events
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.ids import CircuitId, EvseId
from tests.onehertz.posts import Bay, Held, Post
from tests.onehertz.world import World

NOTHING = PhaseCurrents(0.0, 0.0, 0.0)


class Uncontrolled:
    """Everybody takes what it can. The others build on it: what was read last, and a way to tell a limit."""

    every_s = 10.0

    def begin(self, world: World) -> None:
        self.world = world
        self.read: dict[EvseId, PhaseCurrents] = {}
        self.offered: dict[EvseId, tuple[int, float]] = {}
        self.metered: dict[CircuitId, PhaseCurrents] = {}
        for post in world.posts.values():
            self.connect(post)

    def connect(self, post: Post) -> None:
        post.line = object()  # type: ignore[assignment]
        for bay in post.bays.values():
            if bay.car is not None and not bay.told:
                self.world.tell_start(bay)

    def disconnect(self, post: Post) -> None:
        post.line = None

    def post(self, event: Any) -> None:
        match event:
            case events.EvseMetered(reading):
                own, bay = reading.current_a or NOTHING, self.bay(reading.evse)
                self.read[reading.evse] = bay.plan.rotation.to_grid(own)
            case events.TransactionStarted(evse) | events.TransactionEnded(evse):
                self.read.pop(evse, None)
                self.offered.pop(evse, None)
            case events.MeterRead(reading):
                for meter in self.world.scene.meters:
                    if meter.id == reading.meter:
                        self.metered[meter.circuit] = reading.current_a

    async def run(self) -> None:
        while True:
            self.think()
            await asyncio.sleep(self.every_s)

    def think(self) -> None:
        """Nothing."""

    def bay(self, evse: EvseId) -> Bay:
        return self.world.posts[evse.station].bays[evse.evse]

    def active(self) -> list[Bay]:
        """Connectors with a transaction, in the order of the plan."""
        return [bay for bay in self.world.bays() if bay.car is not None and bay.told]

    def tell(self, bay: Bay, limit_a: float) -> None:
        """Tell a limit if it is another one; it arrives after the station's delay."""
        post, id = self.world.posts[bay.plan.id.station], bay.transaction
        if self.offered.get(bay.plan.id) == (id, limit_a):
            return
        self.offered[bay.plan.id] = (id, limit_a)
        self.world.told(bay, limit_a)

        def arrive() -> None:
            if bay.transaction == id and bay.car is not None:
                post.hold(bay, Held(limit_a))

        asyncio.get_running_loop().call_later(post.random.uniform(*post.spec.transport_s), arrive)


class EqualSplit(Uncontrolled):
    """A share for every connector that exists, fixed when the site was built: the rating less the worst base load."""

    def __init__(self, worst_base_a: float) -> None:
        self.worst_base_a = worst_base_a

    def think(self) -> None:
        root = self.world.topology.circuits[self.world.topology.root]
        left_a, bays = root.rated_a - self.worst_base_a, self.world.bays()
        wired = max(sum(phase in bay.plan.rotation.phases for bay in bays) for phase in range(3))
        places = wired if left_a / wired >= 6.0 else int(left_a // 6.0)
        share_a = int(left_a / max(places, 1) * 10.0) / 10.0
        for place, bay in enumerate(bays):
            if bay.car is not None and bay.told:
                self.tell(bay, min(bay.plan.max_a, share_a) if place < places else 0.0)


class DrawCounting(Uncontrolled):
    """Free current is the rating less what the meter shows; who draws less than offered is counted at its draw.

    Per phase; the meter's newest value plus the chargers' newest readings, whatever their age. The share of what is
    left goes to all in equal parts, whole ampere, 6 A at least or nothing.
    """

    def __init__(self, every_s: float = 10.0) -> None:
        self.every_s = every_s

    def think(self) -> None:
        root = self.world.topology.root
        shown = self.metered.get(root)
        if shown is None:
            return
        bays = self.active()
        rated_a = self.world.topology.circuits[root].rated_a
        room = [rated_a - a for a in self.base_a(shown, bays)]
        limits = dict.fromkeys((bay.plan.id for bay in bays), 0.0)
        admitted = []
        for bay in bays:
            phases = self.phases_of(bay)
            if all(room[phase] >= 6.0 for phase in phases):
                admitted.append(bay)
                limits[bay.plan.id] = 6.0
                for phase in phases:
                    room[phase] -= 6.0
        rising = True
        while rising:
            rising = False
            for bay in admitted:
                phases, limit_a = self.phases_of(bay), limits[bay.plan.id]
                counts_a = self.counts_a(bay, limit_a)
                more = 1.0 if counts_a >= limit_a else 0.0
                if limit_a + 1.0 <= bay.plan.max_a and all(room[phase] >= more for phase in phases):
                    limits[bay.plan.id] += 1.0
                    rising = True
                    for phase in phases:
                        room[phase] -= more
        for bay in bays:
            self.tell(bay, limits[bay.plan.id])

    def base_a(self, shown: PhaseCurrents, bays: list[Bay]) -> list[float]:
        drawn = [sum(self.read.get(bay.plan.id, NOTHING)[phase] for bay in bays) for phase in range(3)]
        return [max(0.0, a - b) for a, b in zip(shown, drawn, strict=True)]

    def phases_of(self, bay: Bay) -> tuple[int, ...]:
        """The phases on which it was seen to draw; all that are wired before that."""
        read = self.read.get(bay.plan.id, NOTHING)
        seen = tuple(phase for phase in range(3) if read[phase] > 1.0)
        return seen or tuple(int(phase) for phase in bay.plan.rotation.phases)

    def counts_a(self, bay: Bay, limit_a: float) -> float:
        """A car that clearly draws less than it was offered counts at its draw, and keeps its offer."""
        told, read = self.offered.get(bay.plan.id), self.read.get(bay.plan.id)
        if told is None or read is None or told[0] != bay.transaction:
            return limit_a
        drawn_a = max(read)
        return drawn_a if drawn_a < told[1] - 2.0 else limit_a


class HighestPhase(DrawCounting):
    """One number a circuit: its highest phase. Every car counts on it in full, however it is wired."""

    def think(self) -> None:
        root = self.world.topology.root
        shown = self.metered.get(root)
        if shown is None:
            return
        bays = self.active()
        drawn = [sum(self.read.get(bay.plan.id, NOTHING)[phase] for bay in bays) for phase in range(3)]
        base_a = max(max(0.0, a - b) for a, b in zip(shown, drawn, strict=True))
        left_a = self.world.topology.circuits[root].rated_a - base_a
        places = min(len(bays), int(left_a // 6.0)) if left_a >= 6.0 else 0
        for place, bay in enumerate(bays):
            share_a = float(int(left_a / places)) if place < places else 0.0
            self.tell(bay, min(bay.plan.max_a, share_a))
