"""Credits: who has waited how long for a place, against those who have one.

Each waiting car earns credit with time, all alike (a priority decides before that, and how fast a car charges is no
matter of turns); whoever charges keeps what he has. Credits are compared among those who compete for a row: whoever
begins to wait begins with the least credit of those who charge through it, so that nobody is behind for having come
late; and where nobody has waited for a quantum the old ones are forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sitectl.allocator.compiled import CompiledSite
from sitectl.allocator.demand import Demand
from sitectl.allocator.rules import AllocatorMemory, Credit, SharingRules
from sitectl.model.ids import EvseId

NEVER = float("inf")
SELDOM_S = 4 * 3600.0
"""Who has said when it leaves is served by its laxity, and who drew nothing when it could has had its turn: for want of
a turn alone they get somebody's place only after so long. Each change is a start more, and no energy more."""


class Turns:
    """The credits of one cycle, in seconds, by EVSE number; absent: 0."""

    def __init__(
        self,
        plan: CompiledSite,
        demand: Demand,
        memory: AllocatorMemory,
        rules: SharingRules,
        now: float,
    ) -> None:
        self._plan, self._demand, self._now = plan, demand, now
        self.quantum_s = rules.quantum_s
        self.promised = {plan.index[id] for id in memory.promised if id in plan.index}
        """Who was given a place and has not been told of it yet."""
        self.since: dict[int, float] = {}
        """Since when those wait who waited in the last cycle."""
        self.credit: dict[int, float] = {}
        self._contended = {row: at for row, at in memory.contended.items() if now - at <= rules.quantum_s}
        self._held: dict[int, Credit] = {}
        for id, held in memory.credits.items():
            number = plan.index.get(id)
            if number is None or demand.evses[number].transaction != held.transaction:
                continue
            self._held[number] = held
            self.credit[number] = held.seconds
            if held.since is not None:
                self.since[number] = held.since
                self.credit[number] += now - held.since

    def patience_s(self, number: int) -> float:
        """So much longer than somebody who charges it must have waited to get his place."""
        patient = number in self._demand.urgency or self._demand.evses[number].satisfied
        return max(self.quantum_s, SELDOM_S) if patient else self.quantum_s

    def quanta(self, number: int) -> int:
        """The credit in whole quanta: it orders those who wait."""
        return int(self.credit.get(number, 0.0) / self.quantum_s)

    def waited_s(self, number: int) -> float:
        """For how long it has waited without a place in between."""
        return self._now - self.since.get(number, self._now)

    def begin(self, numbers: Iterable[int], row: int, charging: Sequence[int]) -> None:
        """These begin to wait for `row`, through which those charge: level with the least of them."""
        credit, contended = self.credit, self._contended
        if row not in contended:
            for other in charging:
                if other in credit and contended.keys().isdisjoint(self._plan.path_rows[self._demand.key[other]]):
                    del credit[other]
        level = min((credit.get(other, 0.0) for other in charging), default=0.0)
        for number in numbers:
            own = credit.get(number, 0.0) if row in contended else 0.0
            if own or level:
                credit[number] = max(own, level)
            else:
                credit.pop(number, None)
        contended[row] = self._now

    def leave(self, number: int, staying: Iterable[int]) -> None:
        """Somebody gives his place: he keeps his credit, unless he came to it past all who wait and is far behind."""
        credit, behind_s = self.credit, 2.0 * self.quantum_s
        own, least = credit.get(number, 0.0), NEVER
        for other in staying:  # mostly the first says that it is not so
            least = min(least, credit.get(other, 0.0))
            if least - behind_s <= own:
                break
        else:
            own = max(own, least - behind_s) if least < NEVER else own
        credit[number] = own

    def goes_on(self, rows: Iterable[int]) -> None:
        """Somebody waits for these rows, as before."""
        self._contended.update(dict.fromkeys(rows, self._now))

    def credits(self, waiting: Iterable[int]) -> Mapping[EvseId, Credit]:
        """For the next cycle. `waiting`: who earns until then."""
        evses, ids, credit, held = self._demand.evses, self._plan.ids, self.credit, self._held
        kept: dict[EvseId, Credit] = {}
        for number in waiting:
            if number in self.since:
                kept[ids[number]] = held[number]
            else:
                kept[ids[number]] = Credit(credit.get(number, 0.0), evses[number].transaction, self._now)
        for number, seconds in credit.items():
            id = ids[number]
            if seconds and id not in kept:
                kept[id] = Credit(seconds, evses[number].transaction, None)
        return kept

    def waited(self, kept: Mapping[EvseId, Credit]) -> Mapping[EvseId, float]:
        """Of what is kept for the next cycle, what has been waited up to now (s)."""
        credit, index = self.credit, self._plan.index
        return {id: seconds for id in kept if (seconds := credit.get(index[id], 0.0))}

    def contended(self) -> Mapping[int, float]:
        """For the next cycle: the rows that somebody waits for, or did within a quantum, and when last."""
        return self._contended
