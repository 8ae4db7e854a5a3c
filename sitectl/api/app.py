"""Which path gives which answer. Read-only questions here; what changes the site comes with its own rights."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import FastAPI, HTTPException, Query, Response
from fastapi.responses import StreamingResponse

from sitectl.api import views
from sitectl.api.ports import LedgerReader, Overview, SiteReader
from sitectl.base.units import parse_timestamp
from sitectl.model.journal import JournalEntry
from sitectl.site.cycle import Decision

FOLLOW_EVERY_S = 0.25
EVENTS_AT_ONCE = 500
NEWEST = 100

After = Annotated[int | None, Query(description="only events after this sequence number")]
Since = Annotated[str | None, Query(description="only events since this time (ISO 8601)")]


@dataclass(frozen=True, slots=True)
class Behind:
    """The rooms behind the interface."""

    site: SiteReader
    ledger: LedgerReader
    overview: Overview


def make_app(behind: Behind) -> FastAPI:
    """The application; its OpenAPI text stands at /openapi.json."""
    app = FastAPI(title="sitectl", version="1", docs_url=None, redoc_url=None)
    _add_site(app, behind)
    _add_ledger(app, behind)
    return app


def _json(value: Any) -> Response:
    return Response(orjson.dumps(value), media_type="application/json")


def _decision(behind: Behind) -> Decision:
    decision = behind.site.decision
    if decision is None:
        raise HTTPException(503, "the first control cycle has not run yet; ask again in a second")
    return decision


def _add_site(app: FastAPI, behind: Behind) -> None:
    @app.get("/v1/status", summary="One look at everything")
    async def status() -> Response:
        decision = _decision(behind)
        overview = behind.overview
        return _json(
            views.status(
                overview.site_name,
                overview.wall(),
                behind.site.state,
                decision,
                behind.site.times,
                overview.problems(),
                overview.uplinks(),
                await behind.ledger.totals(),
            )
        )

    @app.get("/v1/stations", summary="All stations")
    async def stations() -> Response:
        return _json({"schema": views.SCHEMA, "stations": views.stations(_decision(behind))})

    @app.get("/v1/stations/{id}", summary="One station")
    async def station(id: str) -> Response:
        decision = _decision(behind)
        found = {s: seen for s, seen in decision.snapshot.stations.items() if s == id}
        if not found:
            raise HTTPException(404, f"no station {id!r} here; `sitectl stations` lists them")
        return _json({"schema": views.SCHEMA, "stations": {s: views.station(decision, x) for s, x in found.items()}})

    @app.get("/v1/why/{id}", summary="The chain that set an EVSE's limit")
    async def why(id: str) -> Response:
        decision = _decision(behind)
        evse = views.find_evse(decision, id)
        if evse is None:
            raise HTTPException(404, f"no EVSE {id!r} here; name a station, or STATION:EVSE")
        return _json(views.why_json(behind.site.state, decision, evse, behind.overview.wall()))

    @app.get("/v1/meters", summary="All grid meters")
    async def meters() -> Response:
        return _json({"schema": views.SCHEMA, "meters": views.meters(_decision(behind))})

    @app.get("/v1/uplinks", summary="All central CSMSs")
    async def uplinks() -> Response:
        found = {id: views.uplink(view) for id, view in behind.overview.uplinks().items()}
        return _json({"schema": views.SCHEMA, "uplinks": found})

    @app.get("/v1/config", summary="The effective configuration and where each value comes from")
    async def config() -> Response:
        return _json({"schema": views.SCHEMA, **behind.overview.effective_configuration()})


def _add_ledger(app: FastAPI, behind: Behind) -> None:
    @app.get("/v1/transactions", summary="The ledger, newest first")
    async def transactions(
        only: Literal["all", "open", "unsent", "dead"] = "all", limit: Annotated[int, Query(ge=1, le=10000)] = 1000
    ) -> Response:
        found = await behind.ledger.transactions(
            open=only == "open", unsent=only == "unsent", dead=only == "dead", limit=limit
        )
        return _json({"schema": views.SCHEMA, "transactions": [views.transaction(t) for t in found]})

    @app.get("/v1/events", summary="What happened, one JSON object a line; `follow` keeps the stream open")
    async def events(after: After = None, since: Since = None, follow: bool = False) -> StreamingResponse:
        begin: datetime | None = None
        if since is not None:
            parsed = parse_timestamp(since)
            if parsed is None:
                raise HTTPException(422, f"since={since!r} is not an ISO 8601 time")
            begin = parsed[0]
        return StreamingResponse(_stream(behind.ledger, after, begin, follow), media_type="application/x-ndjson")


async def _stream(
    ledger: LedgerReader, after: int | None, since: datetime | None, follow: bool
) -> AsyncIterator[bytes]:
    """From a sequence number or a moment on everything; from nowhere the newest few, then what follows."""
    if after is None and since is None:
        newest = await ledger.events(limit=NEWEST)
        after = newest[-1].seq if newest else 0
        yield b"".join(_line(entry) for entry in newest)
    else:
        after = after or 0
    while True:
        entries = await ledger.events(since, EVENTS_AT_ONCE, after)
        if entries:
            after = entries[-1].seq
            yield b"".join(_line(entry) for entry in entries)
        if len(entries) == EVENTS_AT_ONCE:
            continue
        if not follow:
            return
        await asyncio.sleep(FOLLOW_EVERY_S)


def _line(entry: JournalEntry) -> bytes:
    return orjson.dumps(views.event(entry)) + b"\n"
