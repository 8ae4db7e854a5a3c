"""The chain behind one limit, from what the car could take to what was measured, for the person who asks `sitectl
why`."""

from __future__ import annotations

from collections.abc import Iterator

from sitectl.allocator.explain import reserved_reason
from sitectl.model.circuit import Topology
from sitectl.model.electrical import Phase
from sitectl.model.ids import CircuitId, EvseId
from sitectl.model.limits import Allocation
from sitectl.model.snapshot import EvseSnapshot, SiteSnapshot

SHARED_BY = {
    "power": " (the same watts for everybody: on fewer phases more amperes)",
    "need": " (watts in proportion to what each still needs)",
}

Step = dict[str, str | float | None]
"""`step` and `text` always, `a` (ampere per phase, None: unknown), `circuit` and `phase` on rows."""


def why(topology: Topology, snapshot: SiteSnapshot, allocation: Allocation, evse: EvseId) -> list[Step]:
    """Demand, class, laxity, turn, use, rows, warm breakers, ceilings and their owners, share, what is lawful, offered,
    acknowledged and measured, in this order.

    The `a` of a row is what it leaves for this EVSE with everybody else at their share. Raises KeyError for an EVSE
    that is not installed.
    """
    now = snapshot.evses[evse]
    return [
        *_demand(snapshot, allocation, now),
        *_rows(topology, allocation, now),
        *_trips(topology, snapshot, now),
        *_ceilings(topology, snapshot, now),
        *_share(allocation, now),
        *_told(snapshot, allocation, now),
    ]


def _step(step: str, a: float | None, text: str) -> Step:
    return {"step": step, "a": None if a is None else round(a, 1), "text": text}


def _demand(snapshot: SiteSnapshot, allocation: Allocation, now: EvseSnapshot) -> Iterator[Step]:
    plan = now.plan
    phases = " ".join(Phase(phase).name for phase in now.phases)
    if now.wants:
        text = f"a transaction is running; it may take {plan.min_a:g} to {plan.max_a:g} A on {phases}"
        yield _step("demand", plan.max_a, text)
    else:
        yield _step("demand", 0.0, "no transaction is running")
    yield _step("class", None, f"priority {plan.priority}")
    yield from _hurry(snapshot, now)
    waited_s = allocation.waited_s.get(now.id, 0.0)
    if waited_s:
        yield _step("turn", None, f"it has waited {waited_s / 60.0:.0f} min for a place in this transaction")
    if now.sleeps:
        yield _step("turn", None, "its car did not wake after a pause: it is not paused for the turn of another")
    if now.draws_at_most_a is not None and now.wants:
        text = f"for a while it has drawn at most {now.draws_at_most_a:.1f} A; the rest may go to others"
        yield _step("use", now.draws_at_most_a, text)


def _hurry(snapshot: SiteSnapshot, now: EvseSnapshot) -> Iterator[Step]:
    """Its wish, and what that comes to."""
    wish, urgency = now.wish, snapshot.urgency.get(now.id)
    if wish is None:
        return
    text = f"{wish.source} says that it leaves in {max(0.0, wish.departs_at - snapshot.at) / 60.0:.0f} min"
    if wish.energy_wh is not None:
        taken_wh = now.taken_wh or 0.0
        text += f" with {wish.energy_wh / 1000.0:.1f} kWh, of which it has taken {taken_wh / 1000.0:.1f}"
    if urgency is None:
        text += ": that is over, and it goes like the rest" if now.wants else ""
    else:
        classes = ("less than 30 min: it goes first", "less than 2 h: it goes before the rest", "it goes with the rest")
        text += f"; it could wait {max(0.0, urgency.laxity_s) / 60.0:.0f} min, {classes[urgency.rank]}"
    yield _step("laxity", None, text)


def _rows(topology: Topology, allocation: Allocation, now: EvseSnapshot) -> Iterator[Step]:
    rows = {(row.name, row.phase): row for row in allocation.rows}
    target = allocation.targets.get(now.id)
    for circuit in topology.paths[now.plan.circuit]:
        for phase in now.phases:
            row = rows.get((circuit, phase))
            if row is None:
                continue
            mine_a = 0.0 if target is None else target.limit_a
            left_a = row.headroom_a - row.reserved_a - row.allocated_a + mine_a
            base = "" if row.base_load_a is None else f"{row.base_load_a:.1f} A base load, "
            base += f"{row.margin_a:g} A margin, " if row.margin_a else ""
            text = (
                f"circuit {circuit} {Phase(phase).name}: beside {base}{row.reserved_a:.1f} A reserved and "
                f"{row.allocated_a - mine_a:.1f} A for others it has {left_a:.1f} A"
            )
            yield {**_step("row", left_a, text), "circuit": circuit, "phase": Phase(phase).name}
        yield from _imbalance(topology, allocation, circuit)


def _imbalance(topology: Topology, allocation: Allocation, circuit: CircuitId) -> Iterator[Step]:
    most_a = topology.circuits[circuit].imbalance_a
    if most_a is None:
        return
    here = [row for row in allocation.rows if row.name == circuit]
    currents = (f"L{r.phase + 1} {(r.base_load_a or 0.0) + r.reserved_a + r.allocated_a:.1f} A" for r in here)
    text = f"circuit {circuit}: no phase may be more than {most_a:g} A above another; by these shares "
    yield {**_step("imbalance", most_a, text + ", ".join(currents)), "circuit": circuit}


def _trips(topology: Topology, snapshot: SiteSnapshot, now: EvseSnapshot) -> Iterator[Step]:
    """Warm breakers above it, on its phases."""
    for circuit in topology.paths[now.plan.circuit]:
        for phase in now.phases:
            used = snapshot.circuits[circuit].trips[phase]
            if used > 0.0:
                text = f"the breaker of circuit {circuit} has used {used:.1%} of its trip time on {Phase(phase).name}"
                yield {**_step("trip", None, text), "circuit": circuit, "phase": Phase(phase).name}


def _ceilings(topology: Topology, snapshot: SiteSnapshot, now: EvseSnapshot) -> Iterator[Step]:
    path = topology.paths[now.plan.circuit]
    for ceiling in snapshot.ceilings:
        if ceiling.expires_at is not None and ceiling.expires_at <= snapshot.at:
            continue
        if ceiling.circuit is not None and ceiling.circuit in path:
            where = f"circuit {ceiling.circuit}"
        elif ceiling.evse in (now.id, EvseId(now.id.station, 0)):
            where = "this EVSE" if ceiling.evse == now.id else "the whole station"
        else:
            continue
        text = f"{ceiling.source} allows {where} {ceiling.ceiling_a:g} A"
        if ceiling.expires_at is not None:
            text += f" for another {ceiling.expires_at - snapshot.at:.0f} s"
        yield _step("ceiling", ceiling.ceiling_a, f"{text}: {ceiling.text}" if ceiling.text else text)


def _share(allocation: Allocation, now: EvseSnapshot) -> Iterator[Step]:
    target = allocation.targets.get(now.id)
    if target is None:
        yield _step("reserve", now.counts_a, reserved_reason(now))
    else:
        yield _step("share", target.limit_a, target.reason + SHARED_BY.get(allocation.shared_by, ""))


def _in_watts(now: EvseSnapshot) -> str:
    """What a DC station is really told."""
    limit_w = None if now.offered_a is None else now.plan.limit_w(now.offered_a)
    return "" if limit_w is None else f" (as {limit_w:.0f} W at the vehicle)"


def _told(snapshot: SiteSnapshot, allocation: Allocation, now: EvseSnapshot) -> Iterator[Step]:
    yield _step(
        "lawful", now.counts_a, f"it may lawfully draw {round(now.counts_a, 1):g} A until it has shown to obey less"
    )
    going = allocation.offers.get(now.id)
    if going is not None and going.limit_a != now.offered_a:
        yield _step("offering", going.limit_a, going.reason)
    told = "nothing in this transaction" if now.offered_a is None else f"{now.offered_a:g} A{_in_watts(now)}"
    text = f"told {told}"
    if now.offered_a is not None:
        text += f" by {now.form}, {now.form_verdict.value if now.form_verdict else 'not accepted yet'}"
    if now.offer_expires_at is not None and now.offered_a is not None:
        fallback = f"{now.fallback_installed_a:g} A" if now.fallback_installed_a is not None else "its own setting"
        text += f"; lapses to {fallback} in {now.offer_expires_at - snapshot.at:.0f} s unless renewed"
    yield _step("offered", now.offered_a, text)
    accepted = "nothing that is known here" if now.acknowledged_a is None else f"{now.acknowledged_a:g} A"
    yield _step("acknowledged", now.acknowledged_a, f"the station last accepted {accepted}")
    if now.measured_a is None:
        yield _step("measured", None, "it has not reported its current")
    else:
        shown = " / ".join(f"{a:.1f}" for a in now.measured_a)
        yield _step("measured", max(now.measured_a), f"draws {shown} A on L1 / L2 / L3")
