"""Which path gives which answer. Read-only questions here; what changes the site comes with its own rights."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, Literal, TypeVar

import orjson
from fastapi import FastAPI, Header, HTTPException, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException as HttpError

from sitectl.api import views
from sitectl.api.ports import LedgerReader, Overview, SiteReader
from sitectl.base.errors import EnvironmentFault
from sitectl.base.units import parse_timestamp
from sitectl.model.ids import StationId
from sitectl.model.journal import JournalEntry
from sitectl.model.transaction import TransactionTotals
from sitectl.site.cycle import Decision
from sitectl.state.reduce import aged
from sitectl.state.site_state import SiteState
from sitectl.state.snapshot import snapshot

T = TypeVar("T")

LEDGER_S, TOTALS_S = 5.0, 1.0
FOLLOW_EVERY_S = 0.25
ALIVE_EVERY_S = 15.0
"""A stream in which nothing happens says so this often: who went away without a word is noticed by it."""

EVENTS_AT_ONCE = 500
NEWEST = 100

After = Annotated[int | None, Query(description="only events after this sequence number")]
LastEventId = Annotated[str | None, Header(description="as `after`: what a client sends that resumes the stream")]
Since = Annotated[str | None, Query(description="only events since this time (ISO 8601)")]


@dataclass(frozen=True, slots=True)
class Behind:
    """The rooms behind the interface. `closing` is set when open streams shall end."""

    site: SiteReader
    ledger: LedgerReader
    overview: Overview
    closing: asyncio.Event = field(default_factory=asyncio.Event)


def make_app(behind: Behind) -> FastAPI:
    """The application; its OpenAPI text stands at /openapi.json."""
    app = FastAPI(title="sitectl", version="1", docs_url=None, redoc_url=None)
    _add_refusals(app)
    _add_site(app, behind)
    _add_ledger(app, behind)
    return app


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _add_refusals(app: FastAPI) -> None:
    """Every refusal is JSON: `detail` says what is wrong and what to do."""

    @app.exception_handler(HttpError)
    async def refused(request: Request, error: HttpError) -> Response:
        detail = error.detail
        if error.status_code == 404 and detail == "Not Found":
            detail = f"nothing stands at {request.url.path}; /openapi.json lists what does"
        elif error.status_code == 405:
            detail = f"{request.url.path} does not take {request.method}; /openapi.json lists what it takes"
        return _json({"detail": detail}, error.status_code)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        faults = [f"{fault['loc'][-1]}={fault.get('input')!r}: {fault['msg']}" for fault in error.errors()]
        return _json({"detail": "; ".join(faults)}, 422)

    @app.exception_handler(EnvironmentFault)
    async def unavailable(request: Request, error: EnvironmentFault) -> Response:
        return _json({"detail": f"{error}; `sitectl status` says what to do"}, 503)

    @app.exception_handler(Exception)
    async def failed(request: Request, error: Exception) -> Response:
        return _json({"detail": "the daemon failed over this question and goes on; its log says why"}, 500)


def _look(behind: Behind) -> tuple[SiteState, Decision]:
    """The site at this moment, with what the last cycle decided."""
    decision, now = behind.site.decision, behind.overview.monotonic()
    if decision is None:
        raise HTTPException(503, "the first control cycle has not run yet; ask again in a second")
    state = aged(behind.site.state, now, decision.pictures)
    seen, pictures = snapshot(state, now, decision.pictures)
    return state, replace(decision, snapshot=seen, pictures=pictures)


def _add_site(app: FastAPI, behind: Behind) -> None:
    @app.get("/v1/status", summary="One look at everything")
    async def status() -> Response:
        totals: TransactionTotals | None = None
        with contextlib.suppress(EnvironmentFault):  # a disk that fails is one of the things that status tells
            totals = await _in_time(behind.ledger.totals(), TOTALS_S)
        overview = behind.overview
        uplinks, problems = overview.uplinks(), overview.problems()
        times = behind.site.times
        return _json(
            views.status(overview.site_name, overview.wall(), *_look(behind), times, problems, uplinks, totals)
        )

    @app.get("/v1/stations", summary="All stations")
    async def stations() -> Response:
        _, decision = _look(behind)
        return _json({"schema": views.SCHEMA, "stations": views.stations(decision)})

    @app.get("/v1/stations/{id:path}", summary="One station")
    async def station(id: str) -> Response:
        _, decision = _look(behind)
        seen = decision.snapshot.stations.get(StationId(id))
        if seen is None:
            raise HTTPException(404, f"no station {id!r} here; `sitectl stations` lists them")
        return _json({"schema": views.SCHEMA, "stations": {seen.id: views.station(decision, seen)}})

    @app.get("/v1/why/{id:path}", summary="The chain that set an EVSE's limit")
    async def why(id: str) -> Response:
        state, decision = _look(behind)
        evse = views.find_evse(decision, id)
        if evse is None:
            raise HTTPException(404, f"no EVSE {id!r} here; name a station, or STATION:EVSE")
        return _json(views.why_json(state, decision, evse, behind.overview.wall()))

    @app.get("/v1/meters", summary="All grid meters")
    async def meters() -> Response:
        _, decision = _look(behind)
        return _json({"schema": views.SCHEMA, "meters": views.meters(decision)})

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
        found = await _in_time(
            behind.ledger.transactions(open=only == "open", unsent=only == "unsent", dead=only == "dead", limit=limit)
        )
        return _json({"schema": views.SCHEMA, "transactions": [views.transaction(t) for t in found]})

    @app.get("/v1/events", summary="What happened, as server-sent events; without `follow` it ends with the newest")
    async def events(
        after: After = None, last_event_id: LastEventId = None, since: Since = None, follow: bool = True
    ) -> StreamingResponse:
        begin: datetime | None = None
        if since is not None:
            parsed = parse_timestamp(since)
            if parsed is None:
                raise HTTPException(422, f"since={since!r} is not an ISO 8601 time")
            begin = parsed[0]
        if after is None and last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
            after = min(int(last_event_id), 2**62)
        pages = _pages(behind.ledger, after, begin)
        first = await anext(pages)  # a ledger that cannot be read is a refusal, not a broken stream
        return StreamingResponse(_stream(first, pages, follow, behind.closing), media_type="text/event-stream")


async def _in_time(question: Awaitable[T], within_s: float = LEDGER_S) -> T:
    """The ledger's answer; a disk that hangs is a disk that fails."""
    try:
        async with asyncio.timeout(within_s):
            return await question
    except TimeoutError:
        raise EnvironmentFault(f"the disk did not answer within {within_s:g} s") from None


async def _pages(ledger: LedgerReader, after: int | None, since: datetime | None) -> AsyncIterator[list[JournalEntry]]:
    """From a sequence number or a moment on everything, page by page; from nowhere the newest few, then what follows.

    A page that is not full is the end for now.
    """
    if after is None and since is None:
        newest = list(await _in_time(ledger.events(limit=NEWEST)))
        yield newest
        after = newest[-1].seq if newest else 0
    after = after or 0
    while True:
        page = list(await _in_time(ledger.events(since, EVENTS_AT_ONCE, after)))
        after = page[-1].seq if page else after
        yield page


async def _stream(
    page: list[JournalEntry], pages: AsyncIterator[list[JournalEntry]], follow: bool, closing: asyncio.Event
) -> AsyncIterator[bytes]:
    """Written no faster than the client reads: a page waits in the ledger, not in memory."""
    silent_s = 0.0
    while True:
        if page:
            yield b"".join(map(_event, page))
        if len(page) < EVENTS_AT_ONCE:
            if not follow or closing.is_set():
                return
            silent_s = 0.0 if page else silent_s + FOLLOW_EVERY_S
            if silent_s >= ALIVE_EVERY_S:
                silent_s = 0.0
                yield b":\n\n"
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(closing.wait(), FOLLOW_EVERY_S)
        try:
            page = await anext(pages)
        except EnvironmentFault:
            return  # the client resumes where it was


def _event(entry: JournalEntry) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (entry.seq, orjson.dumps(views.event(entry)))
