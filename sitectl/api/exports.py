"""Years of the ledger as one stream of JSON lines: a head, a line for each row, and an end that tells that all came.

Read no faster than the client takes it, so that two years of it are a page at a time in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import FastAPI, Query
from fastapi.responses import StreamingResponse

from sitectl.api import views
from sitectl.api.answers import day_or_moment
from sitectl.api.energy import place, time_of
from sitectl.api.history import History
from sitectl.api.ports import Behind
from sitectl.base.errors import EnvironmentFault
from sitectl.model.energy import QUARTER_S, Span, WantedPlaces

T = TypeVar("T")
Row = dict[str, Any]

Since = Annotated[str | None, Query(description="from this time on (ISO 8601)")]
Until = Annotated[str | None, Query(description="before this time (ISO 8601)")]

LINES = "application/x-ndjson"


def add_exports(app: FastAPI, behind: Behind, history: History) -> None:
    """Add the paths."""

    def head(what: str) -> Row:
        zone = str(history.zone())
        return {"schema": views.SCHEMA, "export": what, "site": behind.overview.site_name, "zone": zone}

    @app.get("/v1/export/transactions", summary="Transactions that began in a span of time, as lines of JSON")
    async def transactions(since: Since = None, until: Until = None) -> StreamingResponse:
        begin = None if since is None else day_or_moment("since", since, history.zone())
        end = None if until is None else day_or_moment("until", until, history.zone())
        pages = history.transactions.pages(begin, end)
        return await _answer(head("transactions"), pages, views.transaction, behind.closing)

    @app.get("/v1/export/energy", summary="Energy by quarters of an hour in a span of time, as lines of JSON")
    async def energy(
        since: Since = None,
        until: Until = None,
        circuit: str | None = None,
        station: str | None = None,
        evse: Annotated[int | None, Query(ge=1)] = None,
    ) -> StreamingResponse:
        first = None if since is None else int(day_or_moment("since", since, history.zone()).timestamp() // QUARTER_S)
        end = None if until is None else int(-(-day_or_moment("until", until, history.zone()).timestamp() // QUARTER_S))
        pages = history.energy.spans(first, end, WantedPlaces(circuit, station, evse))
        return await _answer(head("energy"), pages, span, behind.closing)


def span(one: Span) -> Row:
    """One quarter at one place, or the sum of several."""
    note = None if one.note is None else one.note.value
    return {"begin": time_of(one.first), "end": time_of(one.end), **place(one.place), "wh": one.wh, "note": note}


async def _answer(
    head: Row, pages: AsyncIterator[Sequence[T]], view: Callable[[T], Row], closing: asyncio.Event
) -> StreamingResponse:
    first = await anext(pages, None)  # a ledger that cannot be read is a refusal, not a broken stream
    return StreamingResponse(_lines(head, first, pages, view, closing), media_type=LINES)


async def _lines(
    head: Row,
    page: Sequence[T] | None,
    pages: AsyncIterator[Sequence[T]],
    view: Callable[[T], Row],
    closing: asyncio.Event,
) -> AsyncIterator[bytes]:
    yield orjson.dumps(head) + b"\n"
    rows = 0
    while page is not None:
        rows += len(page)
        yield b"".join(orjson.dumps(view(one)) + b"\n" for one in page)
        if closing.is_set():
            return  # without an end: the client knows that something is missing
        try:
            page = await anext(pages, None)
        except EnvironmentFault:
            return
    yield orjson.dumps({"end": True, "rows": rows}) + b"\n"
