"""What one may do to a central: try it, and pause it for a while."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Query, Response

from sitectl.api import views
from sitectl.api.answers import as_json
from sitectl.api.ports import Behind
from sitectl.api.roles import Peer, needs
from sitectl.base.units import format_utc
from sitectl.model.ids import UplinkId

Who = Annotated[Peer, Depends(needs("technician"))]
ForSeconds = Annotated[float, Query(gt=0, le=604_800, description="For so long (s), a week at most.")]
Token = Annotated[str | None, Query(min_length=1, max_length=36, description="Ask what it says of this token, too.")]


def add_uplinks(app: FastAPI, behind: Behind) -> None:
    """The paths."""

    @app.post("/v1/uplinks/{id}/test", summary="Whether every station stands at a central, and how fast it answers")
    async def test(id: str, who: Who, id_token: Token = None) -> Response:
        trial = await behind.centrals.test(_known(behind, id), id_token)
        legs = {
            station: {"state": leg.state, "why": leg.why or None, "heartbeat_ms": leg.heartbeat_ms}
            for station, leg in trial.legs.items()
        }
        return as_json({"schema": views.SCHEMA, "uplink": id, "ok": trial.ok, "token": trial.token, "stations": legs})

    @app.post("/v1/uplinks/{id}/pause", summary="Send a central nothing for a while; what it misses waits")
    async def pause(id: str, who: Who, for_s: ForSeconds = 900.0) -> Response:
        until = await behind.pauses.pause(_known(behind, id), for_s, who.user)
        return as_json({"schema": views.SCHEMA, "uplink": id, "paused_until": format_utc(until)})

    @app.delete("/v1/uplinks/{id}/pause", summary="End that")
    async def resume(id: str, who: Who) -> Response:
        if not await behind.pauses.resume(_known(behind, id), who.user):
            raise HTTPException(409, f"{id} is not paused")
        return as_json({"schema": views.SCHEMA, "uplink": id, "paused_until": None})


def _known(behind: Behind, id: str) -> UplinkId:
    known = behind.overview.uplinks()
    if id not in known:
        raise HTTPException(404, f"no uplink {id!r} here; there is {', '.join(known) or 'none'}")
    return UplinkId(id)
