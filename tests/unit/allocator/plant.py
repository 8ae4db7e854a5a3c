"""What a plant without loss or delay looks like a little later: every offer in force, everything older released."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sitectl.allocator.allocate import AllocatorMemory, SharingRules, allocate
from sitectl.allocator.compiled import CompiledSite
from sitectl.model.ids import EvseId
from sitectl.model.limits import Allocation
from sitectl.model.snapshot import SiteSnapshot


def obeyed(snapshot: SiteSnapshot, allocation: Allocation, seconds: float) -> SiteSnapshot:
    """The next moment, when everybody has followed."""
    evses = dict(snapshot.evses)
    for evse, now in snapshot.evses.items():
        if not (now.wants and now.controllable):
            continue
        before = now.counts_a if now.offered_a is None else now.offered_a
        offer = allocation.offers.get(evse)
        if offer is None:
            evses[evse] = replace(now, counts_a=before)
            continue
        new = offer.limit_a
        evses[evse] = replace(
            now,
            offered_a=new,
            counts_a=new,
            last_raise_at=snapshot.at if new > before else now.last_raise_at,
            last_cut_at=snapshot.at if new < before else now.last_cut_at,
            state_since=now.state_since if (new > 0) == (before > 0) else snapshot.at,
        )
    return replace(snapshot, at=snapshot.at + seconds, evses=evses)


class Plant:
    """A site that obeys, cycle by cycle. `served`: seconds with an offer above 0, by EVSE; `first`: when it had one."""

    def __init__(self, plan: CompiledSite, snapshot: SiteSnapshot, rules: SharingRules | None = None) -> None:
        self.plan, self.snapshot, self.rules = plan, snapshot, rules or SharingRules()
        self.memory = AllocatorMemory()
        self.began = snapshot.at
        self.served: dict[EvseId, float] = dict.fromkeys(snapshot.evses, 0.0)
        self.first: dict[EvseId, float] = {}
        self.pauses: list[tuple[EvseId, float]] = []
        """Who was paused, after how long a run."""
        self.allocation = Allocation(snapshot.at, {}, {})

    def change(self, evse: EvseId, **facts: Any) -> None:
        """Change what is seen of an EVSE."""
        evses: Mapping[EvseId, Any] = self.snapshot.evses
        self.snapshot = replace(self.snapshot, evses={**evses, evse: replace(evses[evse], **facts)})

    def run(self, seconds: float, cycle_s: float = 10.0) -> None:
        """Let time pass."""
        until = self.snapshot.at + seconds
        while self.snapshot.at < until:
            now = self.snapshot
            self.allocation, self.memory = allocate(self.plan, now, self.memory, self.rules)
            for evse, offer in self.allocation.offers.items():
                before = now.evses[evse]
                if offer.limit_a == 0 and (before.offered_a or 0) > 0:
                    self.pauses.append((evse, now.at - (before.state_since or self.began)))
            self.snapshot = obeyed(now, self.allocation, cycle_s)
            for evse, view in self.snapshot.evses.items():
                if (view.offered_a or 0.0) > 0 and view.wants:
                    self.first.setdefault(evse, now.at - self.began)
                    self.served[evse] += cycle_s
