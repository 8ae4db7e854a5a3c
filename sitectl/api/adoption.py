"""Who knocks, who is let in for good, and the window in which newcomers are believed."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Depends, FastAPI, HTTPException, Query, Response

from sitectl.api import views
from sitectl.api.answers import as_json, look
from sitectl.api.ports import Behind
from sitectl.api.ports_commissioning import NotTakenIn
from sitectl.api.roles import Peer, needs
from sitectl.base.units import format_utc
from sitectl.model.ids import StationId
from sitectl.model.snapshot import StationSnapshot

Who = Annotated[Peer, Depends(needs("technician"))]
Section = Annotated[dict[str, Any], Body(description="Its keys, as under `stations` in the configuration.")]
ForSeconds = Annotated[float, Query(gt=0, le=86_400, description="For so long (s).")]


def add_adoption(app: FastAPI, behind: Behind) -> None:
    """The paths; before those that take everything below a station for its name."""

    @app.post("/v1/stations/{id}/adopt", summary="List a station that stands in no file, with its circuit and max_a")
    async def adopt(id: str, section: Section, who: Who) -> Response:
        _judged(await behind.adoption.adopt(StationId(id), section, who.user))
        return as_json({"schema": views.SCHEMA, "station": id, "adopted": section})

    @app.delete("/v1/stations/{id}/adopt", summary="Let a station that was adopted be a stranger again")
    async def forget(id: str, who: Who) -> Response:
        _judged(await behind.adoption.forget(StationId(id), who.user))
        return as_json({"schema": views.SCHEMA, "station": id, "adopted": None})

    @app.get("/v1/commission/knocking", summary="Identities that knock and are listed nowhere")
    async def knocking() -> Response:
        _, decision = look(behind)
        found = [_stranger(seen) for seen in decision.snapshot.stations.values() if seen.quarantined]
        return as_json({"schema": views.SCHEMA, "knocking": found})

    @app.get("/v1/commission/window", summary="Until when listed stations without a credential are let in")
    async def window() -> Response:
        return _window(behind)

    @app.post("/v1/commission/window", summary="Let listed stations without a credential in, and pin what they show")
    async def open_window(who: Who, for_s: ForSeconds = 3600.0) -> Response:
        await behind.adoption.open_window(for_s, who.user)
        return _window(behind)

    @app.delete("/v1/commission/window", summary="End that")
    async def close_window(who: Who) -> Response:
        await behind.adoption.close_window(who.user)
        return _window(behind)


def _stranger(seen: StationSnapshot) -> dict[str, Any]:
    who = seen.identity
    return {
        "station": seen.id,
        "online": seen.online,
        "ocpp": seen.ocpp,
        "vendor": who.vendor or None,
        "model": who.model or None,
        "firmware": who.firmware or None,
        "serial": who.serial or None,
    }


def _judged(refusal: NotTakenIn | None) -> None:
    if refusal is not None:
        faults = "; ".join(refusal.faults)
        status = 422 if refusal.faults else 409 if refusal.known else 404
        raise HTTPException(status, f"{refusal.why}: {faults}" if faults else refusal.why)


def _window(behind: Behind) -> Response:
    until = behind.adoption.window()
    return as_json({"schema": views.SCHEMA, "open_until": None if until is None else format_utc(until)})
