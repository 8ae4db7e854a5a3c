"""How much may be done: of one station, of the whole site, and how close together. Others' commands count as ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sitectl.healing.guards import Bar
from sitectl.healing.memory import DAY_S, StationMemory, Used
from sitectl.healing.policy import Budget
from sitectl.healing.view import StationHealth
from sitectl.model.health import DISRUPTIVE, RESETS, RemedyKind
from sitectl.model.ids import StationId


@dataclass(slots=True)
class SiteUse:
    """What is used up on the whole site, counted once a round and carried on within it.

    `resets`: in the last 24 h, by anybody; `under_way`: disruptive remedies that are not judged yet.
    """

    resets: int
    under_way: int

    def take(self, kind: RemedyKind) -> None:
        """One more is begun."""
        self.resets += kind in RESETS
        self.under_way += kind in DISRUPTIVE


def site_use(
    stations: Mapping[StationId, StationHealth], memories: Mapping[StationId, StationMemory], now: float, dry: bool
) -> SiteUse:
    """Count what is used; `dry`: by what was only said to be done."""
    resets = sum(
        _recent((m.would if dry else m.used).resets, now) + _others(stations[id], now)
        for id, m in memories.items()
        if id in stations
    )
    under_way = sum(
        case.running is not None and case.running.remedy.kind in DISRUPTIVE
        for memory in memories.values()
        for case in memory.cases
    )
    return SiteUse(resets, under_way)


def spent(kind: RemedyKind, station: StationHealth, used: Used, budget: Budget, use: SiteUse, now: float) -> Bar | None:
    """Which budget stands against a remedy. What is used up for the day is left to a person; the rest waits."""
    if kind is RemedyKind.TELL:
        return None
    if _recent(used.remedies, now) >= budget.station_remedies_per_day:
        return Bar(f"{budget.station_remedies_per_day} remedies within a day", for_good=True)
    if kind in RESETS:
        if _recent(used.resets, now) + _others(station, now) >= budget.station_resets_per_day:
            return Bar(f"{budget.station_resets_per_day} resets of it within a day", for_good=True)
        if use.resets >= budget.site_resets_per_day:
            return Bar(f"{budget.site_resets_per_day} resets on the site within a day", for_good=True)
    if kind in DISRUPTIVE:
        others = [told.at for told in station.facts.commanded if told.kind in DISRUPTIVE]
        last = max([*others, *([] if used.disrupted_at is None else [used.disrupted_at])], default=None)
        if last is not None and now - last < budget.spacing_s:
            return Bar(f"something was done to it less than {budget.spacing_s:g} s ago")
        if use.under_way >= budget.at_once:
            return Bar(f"{budget.at_once} others are being healed")
    return None


def _recent(moments: Iterable[float], now: float) -> int:
    return sum(now - moment < DAY_S for moment in moments)


def _others(station: StationHealth, now: float) -> int:
    return sum(told.kind in RESETS and now - told.at < DAY_S for told in station.facts.commanded)
