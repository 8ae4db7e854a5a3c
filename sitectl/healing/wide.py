"""When many stations show the same at nearly the same time, one cause is behind it, and no reset of them helps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from math import ceil

from sitectl.healing.memory import HealingMemory, Opening, StationMemory, Wide
from sitectl.healing.policy import Thresholds
from sitectl.model.health import Symptom, SymptomKind
from sitectl.model.ids import StationId

RECOUNT_S = 30.0

OF_CONNECTION = frozenset({SymptomKind.SILENT, SymptomKind.DEAF, SymptomKind.RECONNECT_LOOP})
"""While many stations show one of these, the fault is surely not theirs: everything waits for as long as that lasts."""


def shows_late_s(kind: SymptomKind) -> float:
    """How long after one station the others may show the same: a lost connection is noticed within 40 s, the rest at
    once; a round later is enough then."""
    return 45.0 if kind in OF_CONNECTION else 0.5


def site_wide(
    memory: HealingMemory,
    stations: Mapping[StationId, StationMemory],
    appeared: Iterable[Symptom],
    limits: Thresholds,
    now: float,
) -> tuple[tuple[Opening, ...], Mapping[SymptomKind, Wide]]:
    """Which symptoms opened lately, and which of them at so many stations that one cause is behind it.

    `stations`: their memories after this round; `appeared`: what opened in it.
    """
    fresh = ((now, symptom.kind, symptom.station) for symptom in appeared)
    openings = tuple(one for one in (*memory.openings, *fresh) if now - one[0] < limits.site_wide_in_s)
    many = max(limits.site_wide, ceil(limits.site_wide_share * len(stations)))
    wide: dict[SymptomKind, Wide] = {}
    for kind, one in memory.wide.items():
        standing = _recounted(kind, one, stations, many, now)
        if now < standing.until:
            wide[kind] = standing
    for kind in {kind for _, kind, _ in openings}:
        showing = len({station for _, of, station in openings if of is kind})
        if showing >= many:
            before = wide.get(kind, Wide(now, 0.0, 0))
            until = max(before.until, before.since + limits.site_wide_hold_s)
            wide[kind] = Wide(before.since, until, max(showing, before.stations))
    return openings, wide


def _recounted(
    kind: SymptomKind, one: Wide, stations: Mapping[StationId, StationMemory], many: int, now: float
) -> Wide:
    """What is of the connection lasts as long as enough of them show it."""
    if now < one.until or kind not in OF_CONNECTION:
        return one
    showing = sum(any(case.symptom.kind is kind and case.opened for case in m.cases) for m in stations.values())
    return replace(one, until=now + RECOUNT_S, stations=showing) if showing >= many else one
