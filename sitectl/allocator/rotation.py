"""Turns: who has waited longest gets a place from who has had his longest.

When the best waiting credit exceeds the worst charging one by a quantum, and the charging car has run for its least
time, they change places; also when both have lasted a quantum, the wait and the run, and the credit of who waits is no
less. So with K places and M equal cars that wait everybody has one within ceil(M / K) quanta.

A car that draws nothing gives its place to anybody at once, and waits an hour for the next. One that does not wake
after a pause is never paused for a turn. Other turns are taken within a priority and a class of urgency alone: between
those the order of admission decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sitectl.allocator.admission import Refusal, Shares
from sitectl.allocator.compiled import CompiledSite, take
from sitectl.allocator.demand import UNHURRIED, Demand
from sitectl.allocator.idle import TRIED_AGAIN_S, TRY_S
from sitectl.allocator.rules import SharingRules
from sitectl.allocator.turns import Turns
from sitectl.model.snapshot import EvseSnapshot

NEVER = float("inf")
MOST_CHANGES = 16
"""Places that change hands in one cycle; the next is a second away."""
WAITING = frozenset({Refusal.ROW, Refusal.PAUSED, Refusal.TURN})
"""Who is refused for these earns credit."""

IDLE_A = 1.0
"""A car that has drawn less for a while makes no use of its place."""


def take_turns(
    plan: CompiledSite,
    demand: Demand,
    turns: Turns,
    rules: SharingRules,
    now: float,
    admitted: list[int],
    shares: Shares,
) -> list[int]:
    """Let those of the admitted (each at its minimum, nothing more shared out) go for whom somebody else's turn it is;
    returns who has a place now. Takes from and gives to the slack."""
    waiting = {number: row for number, (refusal, row, _) in shares.refused.items() if refusal is Refusal.ROW}
    if not waiting:
        return admitted
    begun: dict[int, list[int]] = {}
    for number, row in waiting.items():
        if number not in turns.since:
            begun.setdefault(row, []).append(number)
    turns.goes_on(row for number, row in waiting.items() if number in turns.since)
    through = _through(plan, demand, admitted, begun.keys()) if begun and turns.credit else {}
    for row, numbers in begun.items():
        turns.begin(numbers, row, through.get(row, ()))
    idle = any((demand.evses[number].draws_at_most_a or 0.0) < IDLE_A for number in demand.modest)
    credit, quantum_s = turns.credit, turns.quantum_s
    if not idle and max(credit.values(), default=0.0) < quantum_s:
        return admitted
    least = min((credit.get(number, 0.0) for number in admitted), default=0.0) if credit else 0.0
    due = [
        number
        for number in waiting
        if idle
        or (ahead_s := credit.get(number, 0.0) - least) >= turns.patience_s(number)
        or (ahead_s >= 0.0 and turns.waited_s(number) >= turns.patience_s(number))
    ]
    due = [n for n in due if not demand.evses[n].satisfied or _paused_s(demand.evses[n], now) >= TRIED_AGAIN_S]
    if not due:
        return admitted
    return _Places(plan, demand, turns, rules, now, admitted, shares).change(due)


def _paused_s(evse: EvseSnapshot, now: float) -> float:
    return now - evse.state_since if evse.state_since is not None else NEVER


class _Places:
    """The places of one cycle, while some of them change hands."""

    def __init__(
        self,
        plan: CompiledSite,
        demand: Demand,
        turns: Turns,
        rules: SharingRules,
        now: float,
        admitted: list[int],
        shares: Shares,
    ) -> None:
        self.plan, self.demand, self.turns, self.admitted, self.shares = plan, demand, turns, admitted, shares
        self.worth: dict[int, float] = {}
        """The credit that defends a place, of those that may be taken for a turn: none where nothing is drawn."""
        self.ran_s: dict[int, float] = {}
        """For how long they have had their place."""
        self.gone: set[int] = set()
        for number in admitted:
            evse = demand.evses[number]
            ran_s = now - evse.state_since if evse.state_since is not None else NEVER
            idle = evse.draws_at_most_a is not None and evse.draws_at_most_a < IDLE_A
            least_s = TRY_S if idle and evse.satisfied else rules.dwell_s
            if demand.offered[number] <= 0 or evse.sleeps or ran_s < least_s:
                continue
            self.worth[number] = -NEVER if idle else turns.credit.get(number, 0.0)
            self.ran_s[number] = ran_s

    def change(self, due: list[int]) -> list[int]:
        """Give places to the due, the longest waiting first; the new list of the admitted."""
        plan, demand, slack = self.plan, self.demand, self.shares.slack
        refused = self.shares.refused
        first = _through(plan, demand, self.worth, {refused[number][1] for number in due})
        cheapest = {row: min(map(self.worth.__getitem__, held)) for row, held in first.items() if held}
        due = [n for n in due if self._reach(n) >= cheapest.get(refused[n][1], NEVER)]
        lacking = {row for number in due for row in self._missing(number)}
        holders = _through(plan, demand, self.worth, lacking)
        for held in holders.values():
            held.sort(key=lambda number: (self.worth[number], number))
        came: list[int] = []
        for number in sorted(due, key=self._turn):
            if len(came) >= MOST_CHANGES:
                break
            given = self._given_for(number, holders)
            if given is None:
                continue
            row = self.shares.refused.pop(number)[1]
            self.gone.update(given)
            for holder in given:
                self._leave(holder, row, (other for other in holders.get(row, ()) if other not in self.gone))
            take(plan, slack, demand.key[number], demand.minimum[number])
            self.shares.target[number] = demand.minimum[number]
            came.append(number)
        return [number for number in self.admitted if number not in self.gone] + came

    def _turn(self, number: int) -> tuple[int, float, int, int]:
        """The most credit first, to the nearest quantum; of equals, who has been without a place for longest."""
        quanta = round(self.turns.credit.get(number, 0.0) / self.turns.quantum_s)
        return -quanta, -self.turns.waited_s(number), (self.demand.key[number] & 7).bit_count(), number

    def _reach(self, number: int) -> float:
        """The most that a place may be defended by for this EVSE to get it, where its holder has had a quantum."""
        credit, quantum_s = self.turns.credit.get(number, 0.0), self.turns.patience_s(number)
        return credit if self.turns.waited_s(number) >= quantum_s else credit - quantum_s

    def _missing(self, number: int) -> dict[int, int]:
        """By row, what its minimum lacks, where it does."""
        plan, key, slack, minimum = self.plan, self.demand.key[number], self.shares.slack, self.demand.minimum[number]
        if plan.path_terms is None:
            return {row: minimum - slack[row] for row in plan.path_rows[key] if slack[row] < minimum}
        needs = {row: minimum * counts for row, counts in plan.path_terms[key]}
        return {row: need - slack[row] for row, need in needs.items() if slack[row] < need}

    def _given_for(self, number: int, holders: dict[int, list[int]]) -> list[int] | None:
        """Whose places make room for its minimum; None: not enough of them have had their turn."""
        most, reach = self.turns.credit.get(number, 0.0) - self.turns.patience_s(number), self._reach(number)
        given: list[int] = []
        missing = self._missing(number)
        for row in missing:
            for holder in holders.get(row, ()):
                if missing[row] <= 0 or self.worth[holder] > reach:
                    break
                if self.worth[holder] > most and self.ran_s[holder] < self.turns.patience_s(number):
                    continue
                if holder in self.gone or holder in given:
                    continue
                if self.worth[holder] > -NEVER and not self._equals(holder, number):
                    continue
                given.append(holder)
                for its, counts in terms_of(self.plan, self.demand.key[holder]):
                    if its in missing:
                        missing[its] -= self.demand.minimum[holder] * counts
            if missing[row] > 0:
                return None
        return given

    def _equals(self, one: int, other: int) -> bool:
        plan, urgency = self.plan, self.demand.urgency
        return plan.rank[one] == plan.rank[other] and urgency.get(one, UNHURRIED) == urgency.get(other, UNHURRIED)

    def _leave(self, number: int, row: int, staying: Iterable[int]) -> None:
        """Take a place back."""
        self.shares.target[number] = 0
        self.shares.refused[number] = (Refusal.TURN, row, 0)
        take(self.plan, self.shares.slack, self.demand.key[number], -self.demand.minimum[number])
        self.turns.leave(number, staying)


def terms_of(plan: CompiledSite, key: int) -> Iterable[tuple[int, int]]:
    """Each row above an EVSE with what one of its amperes counts there."""
    return plan.path_terms[key] if plan.path_terms is not None else [(row, 1) for row in plan.path_rows[key]]


def _through(plan: CompiledSite, demand: Demand, numbers: Iterable[int], rows: Collection[int]) -> dict[int, list[int]]:
    """Of these EVSEs, those that load each of the rows."""
    found: dict[int, list[int]] = {row: [] for row in rows}
    if not found:
        return found
    key, path_rows, none = demand.key, plan.path_rows, frozenset(rows).isdisjoint
    for number in numbers:
        path = path_rows[key[number]]
        if not none(path):
            for row in path:
                if row in found:
                    found[row].append(number)
    return found
