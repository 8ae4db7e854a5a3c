"""What is known of one station beyond the standard, with where it is known from."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response

from sitectl.api import views
from sitectl.api.answers import as_json, no_station
from sitectl.api.ports import Behind
from sitectl.model.ids import StationId
from sitectl.model.knowledge import StationKnowledge


def add_quirks(app: FastAPI, behind: Behind) -> None:
    """The path."""

    @app.get(
        "/v1/stations/{id}/quirks",
        summary="Which sheets fit a station, how it deviates from the standard, and what was learned of it",
    )
    async def quirks(id: str) -> Response:
        station = StationId(id)
        known = behind.knowledge(station)
        if known is None:
            raise no_station(id, behind.site.state.topology.stations)
        return as_json({"schema": views.SCHEMA, "station": id, **_view(known), "evses": _limits(behind, station)})


def _view(known: StationKnowledge) -> dict[str, Any]:
    who = known.identity
    return {
        "vendor": who.vendor,
        "model": who.model,
        "firmware": who.firmware,
        "sheets": [
            {"id": one.id, "title": one.title, "notes": list(one.notes), "sources": list(one.sources)}
            for one in known.sheets
        ],
        "flags": [{"flag": one.flag, "value": one.value, "says": one.says, "sheet": one.sheet} for one in known.flags],
        "deviations": list(known.deviations),
        "learned": dict(known.learned),
    }


def _limits(behind: Behind, station: StationId) -> dict[str, Any]:
    """By which message each EVSE is limited, and what came of it."""
    decision = behind.site.decision
    seen = decision.snapshot.evses.values() if decision is not None else ()
    return {
        str(evse.id.evse): {
            "limited_by": str(evse.form),
            "verdict": None if evse.form_verdict is None else evse.form_verdict.value,
        }
        for evse in seen
        if evse.id.station == station
    }
