"""Phases of a circuit that may differ by so much (`imbalance_a`), the three-phase cars and the base load counted.

A soft bound, unlike a fuse: cars on three phases change nothing of it, and those on one or two are trimmed. Sharing is
done without it. Where minimums are too much, nobody begins to charge on the heavy phase, and what that sets free is
shared anew; then, in at most three passes, cars on the heavy phase (and not on the light one) go down to a common
level, the largest first and nobody below its minimum, and all is shared anew. Who runs is paused once its run has
lasted long enough, and only where that brings the phases together, and parts no others: for what the base load alone
makes nobody is paused. Who goes on keeps what a pause sets free. A cap stays lowered in the passes that follow, though
the light phase may have gained by what was shared anew: caps that rose again could lift what others were just lowered
for, without end.

The base load is an average of 45 s, and levels are whole amperes, so that its noise sends no commands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from sitectl.allocator.admission import Shares
from sitectl.allocator.compiled import CompiledSite, first_full, take
from sitectl.allocator.demand import Demand
from sitectl.allocator.gate import Gate
from sitectl.allocator.rules import SharingRules
from sitectl.model.electrical import ALL_PHASES, Phase
from sitectl.model.ids import CircuitId
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot

PASSES = 3
ROUNDS = 8
"""Of a pass: what is taken from one pair of phases may show on another."""

LEVEL = 10
"""Tenths of an ampere: the grid of trimmed levels."""

NOTHING = 1e-6
PHASES_OF_MASK = [[phase for phase in ALL_PHASES if mask & 1 << phase] for mask in range(8)]
PAIRS = tuple(permutations(ALL_PHASES, 2))


@dataclass(slots=True)
class Balance:
    """One circuit that bounds its imbalance, in tenths: the current of each phase, and who is below."""

    name: CircuitId
    most: float
    current: list[float]
    below: frozenset[int]

    def excess(self, heavy: Phase, light: Phase) -> float:
        """By how much too much the one is above the other."""
        return self.current[heavy] - self.current[light] - self.most

    def why(self, heavy: Phase, light: Phase) -> str:
        """For people."""
        most = f"{heavy.name} may be at most {self.most / 10:g} A above {light.name}"
        return f"phase imbalance of circuit {self.name}: {most}"


def told(evse: EvseSnapshot) -> float:
    """Tenths that it draws at most once commands are obeyed: its newest offer, else what it may lawfully draw."""
    shares = evse.wants and evse.controllable
    return 10 * (evse.offered_a if shares and evse.offered_a is not None else evse.counts_a)


def balanced(
    plan: CompiledSite, demand: Demand, snapshot: SiteSnapshot, rules: SharingRules, share: Callable[[], Shares]
) -> Shares:
    """The shares that `share` gives, trimmed: caps of `demand` are lowered, and all is shared again."""
    shares = share()
    for _ in range(PASSES if plan.balanced else 0):
        if not _refuse(plan, demand, snapshot, _amounts(demand, shares)):
            break
        shares = share()
    for number in range(PASSES if plan.balanced else 0):
        amounts = _amounts(demand, shares)
        if not _trim(plan, demand, snapshot, rules, amounts, number == PASSES - 1):
            break
        if number == PASSES - 1:  # what the last trim sets free goes to nobody: it could tilt the phases again
            for other in demand.taking:
                if amounts[other]:
                    demand.lower(other, int(amounts[other] + NOTHING), "what is free would tilt the phases")
        shares = share()
    return shares


def leaning(plan: CompiledSite, demand: Demand, snapshot: SiteSnapshot) -> Mapping[int, int]:
    """For each EVSE on one phase below a circuit that bounds its imbalance, how many phases are lighter now: among
    equals, who is on the lightest phase goes first."""
    found: dict[int, int] = {}
    for balance in _balances(plan, demand, snapshot, [told(evse) for evse in demand.evses]):
        for number in balance.below:
            phases = _phases(demand, number)
            if len(phases) == 1:
                found[number] = sum(current < balance.current[phases[0]] for current in balance.current)
    return found


def withhold(
    plan: CompiledSite, demand: Demand, snapshot: SiteSnapshot, rules: SharingRules, gate: Gate, shares: Shares
) -> Mapping[int, str]:
    """Take raises back, in part or all, that would, as everybody is told then, lift a phase too far above another: they
    wait until what lifts the other goes out, too. Returns why, for those that go out in part. Where all that they wait
    for is a raise too small for a message, it goes out as well: by itself it never would."""
    if not plan.balanced:
        return {}
    offers = gate.offers
    before = [told(evse) for evse in demand.evses]
    after = [float(offers.get(number, tenths)) for number, tenths in enumerate(before)]
    balances = _balances(plan, demand, snapshot, after)
    rising = [n for n, offer in offers.items() if offer > before[n] + NOTHING]
    rising.sort(key=lambda n: (plan.rank[n], n), reverse=True)
    why: dict[int, str] = {}
    in_part = changed = True
    while changed:
        changed = False
        for balance in balances:
            for number in [n for n in rising if n in offers and n in balance.below]:
                tilted = [(balance.excess(*pair), pair) for pair in PAIRS if _tilts(demand, number, *pair)]
                excess, pair = max(tilted, default=(0.0, PAIRS[0]))
                if excess > NOTHING and (small := _small(plan, demand, gate, shares, balance, pair, excess)):
                    for other in small:
                        offers[other] = shares.target[other]
                        _change(demand, balances, after, other, offers[other])
                    rising += small
                    changed = True
                elif excess > NOTHING:
                    less = _less(demand, rules, number, before[number], offers.pop(number) - excess)
                    if less is not None and in_part:
                        offers[number] = less
                    _change(demand, balances, after, number, offers.get(number, before[number]))
                    why[number] = f"for now: {balance.why(*pair)}"
                    changed = True
        in_part = False
    return why


def _small(
    plan: CompiledSite,
    demand: Demand,
    gate: Gate,
    shares: Shares,
    balance: Balance,
    pair: tuple[Phase, Phase],
    excess: float,
) -> list[int]:
    """Small raises on the light phase that are enough, if there are; takes what they need from what is free."""
    on_light = [n for n in gate.small if n in balance.below and _tilts(demand, n, pair[1], pair[0])]
    going: list[int] = []
    for number in on_light:
        more = max(0, shares.target[number] - demand.force[number])
        may = number not in gate.offers and not demand.evses[number].rounds_up
        if excess > NOTHING and may and first_full(plan, gate.free, demand.key[number], more) < 0:
            take(plan, gate.free, demand.key[number], more)
            excess -= shares.target[number] - demand.offered[number]
            going.append(number)
    gate.small = [number for number in gate.small if number not in going]
    return going if excess <= NOTHING else []


def _amounts(demand: Demand, shares: Shares) -> list[float]:
    taking = {n: float(shares.target[n]) for n in demand.taking}
    return [taking.get(n, evse.counts_a * 10) for n, evse in enumerate(demand.evses)]


def _less(demand: Demand, rules: SharingRules, number: int, before: float, most: float) -> int | None:
    """A raise to at most so much, if that is still worth a message."""
    band, step = rules.dead_band_a * 10, round(rules.step_a * 10)
    offer = int((most + NOTHING) // step) * step
    worth = offer >= demand.minimum[number] and offer - before >= (band if before else NOTHING)
    return offer if worth else None


def _balances(plan: CompiledSite, demand: Demand, snapshot: SiteSnapshot, amounts: list[float]) -> list[Balance]:
    """Every circuit that bounds its imbalance, with everybody at these amounts; the deepest first."""
    found: list[Balance] = []
    for name in plan.balanced:
        now, circuit = snapshot.circuits[name], plan.topology.circuits[name]
        under = {id for id, path in plan.topology.paths.items() if name in path}
        below = [n for n, evse in enumerate(demand.evses) if evse.plan.circuit in under]
        current = [a * 10 for a in now.average_base_a or now.base_load_a]
        for number in below:
            amount = amounts[number]
            for phase in PHASES_OF_MASK[demand.key[number] & 7] if amount else ():
                current[phase] += amount
        found.append(Balance(name, (circuit.imbalance_a or 0.0) * 10, current, frozenset(below)))
    return found


def _change(demand: Demand, balances: Iterable[Balance], amounts: list[float], number: int, amount: float) -> None:
    for balance in balances:
        if number in balance.below:
            for phase in _phases(demand, number):
                balance.current[phase] += amount - amounts[number]
    amounts[number] = amount


def _phases(demand: Demand, number: int) -> Sequence[Phase]:
    return PHASES_OF_MASK[demand.key[number] & 7]


def _tilts(demand: Demand, number: int, heavy: Phase, light: Phase) -> bool:
    return bool(demand.key[number] & 1 << heavy) and not demand.key[number] & 1 << light


def _trim(
    plan: CompiledSite,
    demand: Demand,
    snapshot: SiteSnapshot,
    rules: SharingRules,
    amounts: list[float],
    is_last: bool,
) -> bool:
    """Lower caps on heavy phases, the worst pair of phases first, until none gives more; whether anything was lowered.
    `is_last`: then nobody new may come in the place of who was refused."""
    trimmed = False
    balances = _balances(plan, demand, snapshot, amounts)
    for _ in range(ROUNDS):
        changed = False
        for balance in balances:
            for pair in sorted(PAIRS, key=lambda pair: balance.excess(*pair), reverse=True):
                if balance.excess(*pair) > NOTHING:
                    lowered = _lowered(plan, demand, rules, snapshot.at, amounts, balances, balance, pair)
                    for number, cap in lowered.items():
                        _change(demand, balances, amounts, number, cap)
                        demand.lower(number, cap, balance.why(*pair))
                    changed = changed or bool(lowered)
                    if is_last or 0 in lowered.values() or balance.excess(*pair) > NOTHING:
                        _bar(demand, amounts, balance, pair, is_last)
        trimmed = trimmed or changed
        if not changed:
            break
    return trimmed


def _refuse(plan: CompiledSite, demand: Demand, snapshot: SiteSnapshot, amounts: list[float]) -> bool:
    """Let nobody begin where minimums are too much, and say whether anybody was refused. Only what is shared without
    them shows whether others have to be trimmed or paused: they may have taken the place of who lifts the light
    phase."""
    refused = False
    balances = _balances(plan, demand, snapshot, amounts)
    for balance in balances:
        for pair in sorted(PAIRS, key=lambda pair: balance.excess(*pair), reverse=True):
            least, beyond = _beyond(demand, amounts, balance, pair)
            begins = _last_first(plan, (n for n in _on_heavy(demand, amounts, balance, pair) if _begins(demand, n)))
            for number in _enough(begins, least, beyond):
                _change(demand, balances, amounts, number, 0)
                demand.lower(number, 0, balance.why(*pair))
                refused = True
            if begins and beyond > NOTHING:
                _bar(demand, amounts, balance, pair, False)
    return refused


def _lowered(
    plan: CompiledSite,
    demand: Demand,
    rules: SharingRules,
    now: float,
    amounts: list[float],
    balances: Sequence[Balance],
    balance: Balance,
    pair: tuple[Phase, Phase],
) -> dict[int, int]:
    """New caps on the heavy phase of a pair: nothing for whom minimums are too much, and a common level for the others,
    who may keep what that set free."""
    on_heavy = _on_heavy(demand, amounts, balance, pair)
    least, beyond = _beyond(demand, amounts, balance, pair)
    begins = [n for n in _last_first(plan, on_heavy) if _begins(demand, n)]
    runs = [
        n for n in _last_first(plan, on_heavy) if not _begins(demand, n) and _may_pause(demand.evses[n], rules, now)
    ]
    runs = _paused(demand, balances, amounts, begins, runs, beyond - sum(least[n] for n in begins))
    lowered = dict.fromkeys(_enough((*begins, *runs), least, beyond), 0)
    excess = balance.excess(*pair) - sum(amounts[n] for n in lowered)
    if excess > NOTHING:
        stays = [n for n in on_heavy if n not in lowered]
        level = _level(demand, stays, amounts, excess)
        lowered |= {n: cap for n in stays if (cap := max(level, demand.minimum[n])) < amounts[n]}
    return lowered


def _on_heavy(demand: Demand, amounts: list[float], balance: Balance, pair: tuple[Phase, Phase]) -> list[int]:
    return [n for n in demand.taking if n in balance.below and amounts[n] and _tilts(demand, n, *pair)]


def _beyond(
    demand: Demand, amounts: list[float], balance: Balance, pair: tuple[Phase, Phase]
) -> tuple[list[float], float]:
    """What everybody has at least, and by how much that is still too much."""
    least = [min(amount, demand.minimum[n]) for n, amount in enumerate(amounts)]
    return least, balance.excess(*pair) - sum(amounts[n] - least[n] for n in _on_heavy(demand, amounts, balance, pair))


def _last_first(plan: CompiledSite, numbers: Iterable[int]) -> list[int]:
    """The lowest class and the last id first."""
    return sorted(numbers, key=lambda n: (plan.rank[n], n), reverse=True)


def _enough(numbers: Iterable[int], amounts: list[float], excess: float) -> list[int]:
    """As many of these as it takes to free so much."""
    found: list[int] = []
    for number in numbers:
        if excess > NOTHING:
            found.append(number)
            excess -= amounts[number]
    return found


def _begins(demand: Demand, number: int) -> bool:
    return told(demand.evses[number]) <= NOTHING


def _bar(demand: Demand, amounts: list[float], balance: Balance, pair: tuple[Phase, Phase], is_last: bool) -> None:
    """Who waits on the heavy phase, and would be too much there, does not come in the place of others; in the last pass
    nor does whoever was to get nothing."""
    for number in demand.taking:
        waits = not amounts[number] and (is_last or _begins(demand, number))
        too_much = is_last or demand.minimum[number] > -balance.excess(*pair)
        if waits and too_much and number in balance.below and _tilts(demand, number, *pair):
            demand.lower(number, 0, balance.why(*pair))


def _level(demand: Demand, on_heavy: list[int], amounts: list[float], excess: float) -> int:
    """The highest common level that frees so much; 0, which is everybody's minimum, where none does."""
    level = int(max((amounts[n] for n in on_heavy), default=0.0)) // LEVEL * LEVEL
    while level > 0:
        if sum(max(0.0, amounts[n] - max(level, demand.minimum[n])) for n in on_heavy) >= excess - NOTHING:
            return level
        level -= LEVEL
    return 0


def _paused(
    demand: Demand,
    balances: Sequence[Balance],
    amounts: list[float],
    begins: list[int],
    runs: list[int],
    excess: float,
) -> list[int]:
    """Who of those that run is paused beside those who begin: where that is enough, and where no other phase is too far
    above one that they leave then, with minimums alone on it. Of two bounds that cannot both be met, neither pauses one
    after the other."""
    if excess <= NOTHING or sum(min(amounts[n], demand.minimum[n]) for n in runs) < excess - NOTHING:
        return []
    at_best: dict[tuple[int, tuple[Phase, Phase]], float] = {}
    for number, balance in enumerate(balances):
        for pair in PAIRS:
            least, beyond = _beyond(demand, amounts, balance, pair)
            beyond -= sum(least[n] for n in _on_heavy(demand, amounts, balance, pair) if _begins(demand, n))
            left = (n for n in begins if n in balance.below and _tilts(demand, n, pair[1], pair[0]))
            at_best[number, pair] = beyond + sum(amounts[n] for n in left)
    paused: list[int] = []
    for run in runs:
        lifts = [key for key in at_best if run in balances[key[0]].below and _tilts(demand, run, key[1][1], key[1][0])]
        if excess > NOTHING and all(at_best[key] + amounts[run] <= NOTHING for key in lifts):
            paused.append(run)
            minimum = min(amounts[run], demand.minimum[run])
            excess -= minimum
            for number, pair in at_best:
                if (number, pair) in lifts:
                    at_best[number, pair] += amounts[run]
                elif run in balances[number].below and _tilts(demand, run, *pair):
                    at_best[number, pair] -= minimum
    return paused if excess <= NOTHING else []


def _may_pause(evse: EvseSnapshot, rules: SharingRules, now: float) -> bool:
    return evse.state_since is None or now - evse.state_since >= rules.dwell_s
