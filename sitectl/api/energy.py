"""Energy by days, months and quarters of an hour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Query, Response

from sitectl.api import views
from sitectl.api.answers import as_json, day_or_moment, in_time
from sitectl.api.history import History
from sitectl.api.ports import Behind
from sitectl.base.units import format_utc
from sitectl.model.energy import QUARTER_S, PeriodEnergy, Place, PlaceKind, WantedPlaces

By = Literal["quarter", "day", "month"]
MOST_PERIODS = 1000
ENERGY_S = 30.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Nothing was counted before."""

LOOK_BACK = {"quarter": timedelta(hours=24), "day": timedelta(days=7), "month": timedelta(days=365)}

Since = Annotated[str | None, Query(description="from the period on that holds this time (ISO 8601)")]
Until = Annotated[str | None, Query(description="up to the period that holds this time; default: now")]


def add_energy(app: FastAPI, behind: Behind, history: History) -> None:
    """Add the path."""

    @app.get("/v1/energy", summary="Energy of circuits and EVSEs by quarters of an hour, days or months")
    async def energy(
        by: By = "day",
        since: Since = None,
        until: Until = None,
        circuit: str | None = None,
        station: str | None = None,
        evse: Annotated[int | None, Query(ge=1)] = None,
    ) -> Response:
        now, zone = behind.overview.wall(), history.zone()
        end = now if until is None else min(day_or_moment("until", until, zone), now)
        begin = now - LOOK_BACK[by] if since is None else day_or_moment("since", since, zone)
        edges = edges_of(by, begin, end, zone)
        wanted = WantedPlaces(circuit, station, evse)
        found = await in_time(history.energy.periods(edges, wanted), ENERGY_S)
        periods = [period(one) for one in found]
        return as_json({"schema": views.SCHEMA, "by": by, "zone": str(zone), "periods": periods})


def edges_of(by: By, begin: datetime, end: datetime, zone: tzinfo) -> Sequence[int]:
    """The quarters with which the periods begin that touch a span of time, and the one that ends the last."""
    if end < begin:
        raise HTTPException(422, "since is after until")
    edges: list[int] = []
    for edge in _edges(by, max(begin, _EPOCH), zone):
        edges.append(edge)
        if edge * QUARTER_S > end.timestamp():
            return edges
        if len(edges) > MOST_PERIODS:
            break
    raise HTTPException(
        422, f"that is more than {MOST_PERIODS} periods: ask for fewer, for larger ones, or use `sitectl export energy`"
    )


def _edges(by: By, begin: datetime, zone: tzinfo) -> Iterator[int]:
    if by == "quarter":
        quarter = int(begin.timestamp() // QUARTER_S)
        while True:
            yield quarter
            quarter += 1
    day = begin.astimezone(zone).date()
    if by == "month":
        day = day.replace(day=1)
    while True:
        yield int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() // QUARTER_S)
        day = day + timedelta(days=1) if by == "day" else _next_month(day)


def _next_month(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def place(one: Place) -> dict[str, Any]:
    """Which place: its kind, and its circuit, or its station and EVSE."""
    evse = one.kind is PlaceKind.EVSE
    return {
        "kind": one.kind.value,
        "circuit": None if evse else one.name,
        "station": one.name if evse else None,
        "evse": one.evse if evse else None,
    }


def time_of(quarter: int) -> str:
    """When a quarter begins."""
    return format_utc(datetime.fromtimestamp(quarter * QUARTER_S, UTC))


def period(one: PeriodEnergy) -> dict[str, Any]:
    """One period at one place."""
    return {
        "begin": time_of(one.first),
        "end": time_of(one.end),
        **place(one.place),
        "wh": one.wh,
        "known_wh": one.known_wh,
        "missing_s": one.missing * QUARTER_S,
        "notes": [note.value for note in one.notes],
    }
