"""Whom alerts go to, how that goes, and test messages."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query, Response

from sitectl.api import views
from sitectl.api.answers import as_json
from sitectl.api.ports import Behind
from sitectl.api.roles import Peer, needs
from sitectl.base.units import format_utc
from sitectl.model.alerts import ChannelView

Who = Annotated[Peer, Depends(needs("technician"))]
Name = Annotated[str | None, Query(description="Only this receiver; all without it.")]


def add_alerts(app: FastAPI, behind: Behind) -> None:
    """The paths."""

    @app.get("/v1/alerts", summary="The receivers of alerts, and whether anything gets out to them")
    async def alerts() -> Response:
        desk = behind.alerts()
        found = [] if desk is None else [_channel(view) for view in desk.views()]
        return as_json({"schema": views.SCHEMA, "alerts": found})

    @app.post("/v1/alerts/test", summary="Send a test message at once, and tell how it went")
    async def test(who: Who, name: Name = None) -> Response:
        desk = behind.alerts()
        names = [] if desk is None else [view.name for view in desk.views()]
        if desk is None or not names:
            raise HTTPException(404, "no alerts are configured: add alerts to the configuration, and reload sitectl")
        if name is not None and name not in names:
            raise HTTPException(404, f"no receiver {name!r}; there are: {', '.join(names)}")
        tried = await desk.test(name)
        tests = [{"name": one.name, "sent": one.why is None, "why": one.why} for one in tried]
        return as_json({"schema": views.SCHEMA, "tests": tests})


def _channel(view: ChannelView) -> dict[str, Any]:
    return {
        "name": view.name,
        "kind": view.kind,
        "state": "ok" if view.failing is None else "failing",
        "why": view.failing,
        "since": None if view.since is None else format_utc(view.since),
        "sent": None if view.sent is None else format_utc(view.sent),
        "waiting": view.waiting,
        "standing": view.standing,
    }
