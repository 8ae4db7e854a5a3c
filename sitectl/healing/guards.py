"""What must not be done, and why: the bounds that hold whatever a rule says.

Never a reset under a charging car, others on the same station counted; never one that a danger stands against; nothing
during a firmware update; and nothing by two hands at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from sitectl.healing.policy import HealingRules, Rule
from sitectl.healing.symptoms import under_way
from sitectl.healing.view import EvseHealth, Moments, StationFacts, StationHealth
from sitectl.healing.windows import closed
from sitectl.model.health import DISRUPTIVE, RESETS, Remedy, RemedyKind, Symptom, SymptomKind
from sitectl.model.station import ChargingState, ConnectorStatus

OF_ITS_TRANSACTION = frozenset(
    {SymptomKind.GHOST_TRANSACTION, SymptomKind.ORPHAN_TRANSACTION, SymptomKind.STUCK_SUSPENDED}
)
"""Symptoms whose very point is that the transaction of that EVSE is not what it seems."""

NEEDS_CONNECTION = frozenset(RemedyKind) - {RemedyKind.POWER_CYCLE, RemedyKind.TELL}

CHARGES = (ChargingState.CHARGING, ChargingState.SUSPENDED_EV, ChargingState.SUSPENDED_EVSE)
"""What a station says of an EVSE at which a car takes part."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Why a remedy is not done now. `for_good`: it is left out; otherwise it waits, which a person is told in time
    unless something else tells it (`told`)."""

    why: str
    for_good: bool = False
    told: bool = True


def barred(
    kind: RemedyKind,
    symptom: Symptom,
    station: StationHealth,
    rules: HealingRules,
    now: Moments,
    danger_at: float | None,
) -> Bar | None:
    """What stands against a remedy at this moment, None when nothing does. `danger_at`: when one was last reported."""
    facts = station.facts
    if kind is RemedyKind.TELL:
        quiet = facts.paused and symptom.kind is not SymptomKind.DANGER
        return Bar("healing is paused for it", told=False) if quiet else None
    if kind is RemedyKind.POWER_CYCLE and not facts.has_relay:
        return Bar("its power cannot be switched here", for_good=True)
    if kind in DISRUPTIVE and danger_at is not None and now.at - danger_at < rules.thresholds.danger_holds_s:
        return Bar("a danger was reported", for_good=True)
    if kind in NEEDS_CONNECTION and not station.online:
        return Bar("it is not connected", for_good=symptom.kind is SymptomKind.SILENT)
    if facts.paused:
        return Bar("healing is paused for it")
    if facts.busy:
        return Bar(f"{facts.busy} is at work on it")
    if under_way(station, now.at):
        return Bar("a firmware update is under way")
    if kind in DISRUPTIVE:
        used = in_use(kind, symptom, station)
        if used is not None:
            return Bar(used)
        if closed(rules.windows, kind, now.wall):
            return Bar("it is outside the maintenance hours")
    return None


def reported_since(remedy: Remedy, facts: StationFacts, rules: HealingRules, now: float) -> str:
    """What a station has reported that stands against a remedy which was decided before, "" when nothing does."""
    if under_way(StationHealth(remedy.station, facts=facts), now):
        return "a firmware update is under way"
    if remedy.kind in DISRUPTIVE and any(rules.dangers.of(f, rules.code_of(f)) for f in facts.faults.values()):
        return "a danger was reported"
    return ""


def in_use(kind: RemedyKind, symptom: Symptom, station: StationHealth) -> str | None:
    """Who charges at what a remedy would interrupt: a reset interrupts all EVSEs of a station."""
    whole = kind in RESETS or symptom.evse is None
    for evse in station.evses:
        if not whole and evse.id.evse != symptom.evse:
            continue
        own = symptom.kind in OF_ITS_TRANSACTION and evse.id.evse == symptom.evse
        used = charging(evse, station, own)
        if used is not None:
            return used
    return None


def charging(evse: EvseHealth, station: StationHealth, own: bool = False) -> str | None:
    """Whether a car may be charging at an EVSE, in words; None: surely not.

    What is drawn settles it. Else a transaction counts as a car, be it one that only the station knows, unless it is
    proven idle and the EVSE is faulted or (`own`) the remedy is for that transaction. A station that is not heard may
    have let a car start without us.
    """
    name = f"EVSE {evse.id.evse}"
    if evse.connector_status is None and evse.id.evse not in station.facts.faults:
        return f"{name} has not said yet how it is"
    if evse.draws or evse.metered is True:
        return f"{name} draws current"
    idle = evse.metered is False or (evse.draws is False and evse.no_power_since is not None)
    if evse.transaction is not None or evse.id.evse in station.facts.foreign_transactions:
        blocked = evse.connector_status in (ConnectorStatus.FAULTED, ConnectorStatus.UNAVAILABLE)
        return None if idle and (own or blocked) else f"a transaction runs on {name}"
    if evse.charging_state in CHARGES and not (own and idle):
        return f"{name} says that it charges"
    if not station.online and not station.starts_pass_us and evse.metered is not False:
        return f"{name} is not heard, and may charge"
    return None


def harmless(rule: Rule) -> bool:
    """Whether nothing in a rule's ladder is disruptive: the only kind that may claim a danger."""
    return not any(step.do in DISRUPTIVE for step in rule.steps)
