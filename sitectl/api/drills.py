"""Drills: begin one, watch it, break it off, and the reports of all."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from sitectl.api import views
from sitectl.api.answers import as_json, in_time, look, moment
from sitectl.api.ports import Behind
from sitectl.api.roles import Peer, needs
from sitectl.api.trials import LOOK_S, PATIENCE_S
from sitectl.site.drills import Drill, DrillFailed, DrillKind

Who = Annotated[Peer, Depends(needs("technician"))]
ForSeconds = Annotated[float, Query(description="For so long (s), 3 to 900.")]
After = Annotated[
    int | None, Query(ge=0, description="Answer when more was said than this, or it is over, or after 3 s.")
]


class EvidenceBody(BaseModel):
    """One thing that was promised, and whether it was kept."""

    model_config = ConfigDict(extra="forbid", strict=True)

    kept: bool
    text: Annotated[str, Field(max_length=500)]


class ReportBody(BaseModel):
    """What came of a drill with the daemon."""

    model_config = ConfigDict(extra="forbid", strict=True)

    verdict: Literal["passed", "failed"]
    began: str
    evidence: Annotated[list[EvidenceBody], Field(max_length=50)]


def add_drills(app: FastAPI, behind: Behind) -> None:
    """The paths."""

    @app.post(
        "/v1/drills/{kind}/{target}", summary="Take a central, a meter or a station away for a while, under watch"
    )
    async def begin(kind: DrillKind, target: str, who: Who, for_s: ForSeconds = 60.0) -> Response:
        look(behind)
        try:
            drill = behind.drills.begin(kind, target, for_s, who.user)
        except DrillFailed as failure:
            raise HTTPException(409, str(failure)) from failure
        return as_json(_told(drill))

    @app.post("/v1/drills/daemon", summary="Keep the report of a drill with this daemon itself, done from outside")
    async def daemon(body: ReportBody, who: Who) -> Response:
        evidence = [(one.kept, one.text) for one in body.evidence]
        return as_json(
            _told(await in_time(behind.drills.keep(body.verdict, moment("began", body.began), evidence, who.user)))
        )

    @app.get("/v1/drills/newest", summary="How the newest drill goes, or went")
    async def newest(after: After = None) -> Response:
        drill = behind.drills.newest
        if drill is not None and after is not None:
            for _ in range(int(PATIENCE_S / LOOK_S)):
                if len(drill.said) > after or not drill.running or behind.closing.is_set():
                    break
                await asyncio.sleep(LOOK_S)
        return as_json(_told(drill))

    @app.delete("/v1/drills/newest", summary="Break the drill off that runs: all is given back at once")
    async def stop(who: Who) -> Response:
        return as_json({"schema": views.SCHEMA, "stopped": behind.drills.stop()})

    @app.get("/v1/drills", summary="The newest report of each thing that was taken away")
    async def reports() -> Response:
        return as_json({"schema": views.SCHEMA, "drills": behind.drills.reports()})


def _told(drill: Drill | None) -> dict[str, Any]:
    if drill is None:
        return {"schema": views.SCHEMA, "drill": None, "running": False}
    return {"schema": views.SCHEMA, "drill": drill.report(), "running": drill.running}
