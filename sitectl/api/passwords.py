"""A new password for a station."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, HTTPException, Response

from sitectl.api import views
from sitectl.api.answers import as_json
from sitectl.api.ports import Behind
from sitectl.api.roles import Peer, needs
from sitectl.model.ids import StationId
from sitectl.stations.orders import NotOrdered

Who = Annotated[Peer, Depends(needs("admin"))]


def add_passwords(app: FastAPI, behind: Behind) -> None:
    """The paths; before those that take everything below a station for its name."""

    @app.post("/v1/stations/{id}/password", summary="Make a new password and push it to a station; told once")
    async def renew(id: str, who: Who) -> Response:
        done = await behind.passwords.renew(StationId(id), who.user)
        if isinstance(done, NotOrdered):
            raise HTTPException(404 if done.unknown else 422 if done.invalid else 409, done.why)
        return as_json({"schema": views.SCHEMA, "station": id, "password": done})
