"""One phase or three, at stations that can be told (`switches_phases`): one where the minimum of three does not fit.

A station changes over only from nothing: its limit is 0 and shows to be obeyed, and at least 300 s have passed since it
was last told to begin or to pause, so between two changes too. Then three phases are tried first, and one where their
minimum is refused. Who charges by one is paused for a change when three have had room for it and 2 A more for two
minutes, and would carry at least a quarter more power; the pause is one like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sitectl.allocator.admission import Refusal, Shares
from sitectl.allocator.compiled import CompiledSite
from sitectl.allocator.demand import Demand
from sitectl.allocator.rules import AllocatorMemory
from sitectl.model.electrical import ALL_PHASES
from sitectl.model.ids import EvseId
from sitectl.model.snapshot import EvseSnapshot

APART_S = 300.0
ROOMY_S = 120.0
ROOM = 20
"""Tenths of an ampere above the minimum that must be free on every phase."""

MORE = 1.25
NOTHING = 10
"""Tenths: what is drawn below this is no charging."""


class Switching:
    """The choices of one cycle. Puts the phases that are tried first into `demand`."""

    def __init__(self, plan: CompiledSite, demand: Demand, now: float) -> None:
        self._plan, self._demand, self._now = plan, demand, now
        self.by_one: set[int] = set()
        """Who begins by one phase because three do not fit."""
        self._able = [n for n in demand.taking if n in plan.switching and demand.evses[n].form.is_profile]
        self._free = [n for n in self._able if self._is_free(n)]
        for number in self._free:
            evse = demand.evses[number]
            one = evse.told_phases == 1 and not self._rested(evse)
            demand.key[number] = self._key(number, one=one)
        self._choosing = [n for n in self._free if self._rested(demand.evses[n]) or demand.evses[n].told_phases is None]

    def settle(
        self, memory: AllocatorMemory, shares: Shares, share: Callable[[], Shares]
    ) -> tuple[Shares, Mapping[EvseId, float]]:
        """Try one phase for whom three are too much, and pause who should change to three; returns the shares, and for
        the next cycle since when three would have room."""
        demand = self._demand
        refused = [n for n in self._choosing if shares.refused.get(n, (None,))[0] is Refusal.ROW]
        for number in refused:
            demand.key[number] = self._key(number, one=True)
        if refused:
            shares = share()
        self.by_one = {n for n in refused if shares.target[n] > 0}
        for number in refused:
            if number not in self.by_one:
                demand.key[number] = self._key(number, one=False)
        roomy = {
            demand.evses[n].id: memory.roomy.get(demand.evses[n].id, self._now)
            for n in self._able
            if self._has_room(n, shares)
        }
        changing = [n for n in self._able if self._now - roomy.get(demand.evses[n].id, self._now) >= ROOMY_S]
        for number in changing:
            demand.lower(number, 0, "it changes from one phase to three, which have room for it again")
        return (share(), roomy) if changing else (shares, roomy)

    def phases(self, number: int, target: int) -> int | None:
        """What its limit says of phases: as told while it charges, as chosen when it begins."""
        if number not in self._able:
            return None
        if not target or number not in self._free:
            return self._demand.evses[number].told_phases
        return 1 if (self._demand.key[number] & 7).bit_count() == 1 else 3

    def _is_free(self, number: int) -> bool:
        return self._demand.offered[number] <= 0 and self._demand.force[number] <= NOTHING

    def _rested(self, evse: EvseSnapshot) -> bool:
        return evse.state_since is None or self._now - evse.state_since >= APART_S

    def _key(self, number: int, *, one: bool) -> int:
        mask = 1 << self._demand.evses[number].plan.rotation.phases[0] if one else (1 << len(ALL_PHASES)) - 1
        return self._plan.node[number] * 8 + mask

    def _has_room(self, number: int, shares: Shares) -> bool:
        """Whether three phases would carry more for one that charges by one, and have room for it."""
        demand, evse, target = self._demand, self._demand.evses[number], shares.target[number]
        if evse.told_phases != 1 or demand.offered[number] <= 0 or target <= 0 or not self._rested(evse):
            return False
        rows = set(self._plan.path_rows[self._key(number, one=False)])
        others = rows.difference(self._plan.path_rows[demand.key[number]])
        most = min((target, *(shares.slack[row] for row in others)))
        return bool(others) and most >= demand.minimum[number] + ROOM and most * len(ALL_PHASES) >= target * MORE
