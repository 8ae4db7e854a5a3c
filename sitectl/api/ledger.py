"""What one may ask of the ledger, and of what happened; and the one thing that one may do to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Literal

import orjson
from fastapi import Depends, FastAPI, Header, HTTPException, Query, Response
from fastapi.responses import StreamingResponse

from sitectl.api import views
from sitectl.api.answers import as_json, in_time, moment
from sitectl.api.ports import Behind, LedgerReader
from sitectl.api.roles import needs
from sitectl.api.timeline import timeline
from sitectl.base.errors import EnvironmentFault
from sitectl.model.ids import StationId
from sitectl.model.journal import JournalEntry, Wanted
from sitectl.model.transaction import NotRequeued

FOLLOW_EVERY_S = 0.25
ALIVE_EVERY_S = 15.0
"""A stream in which nothing happens says so this often: who went away without a word is noticed by it."""

TIMELINE_S = 30.0
"""Weeks of a busy station are read through within this."""

EVENTS_AT_ONCE = 500
MOST_TYPES = 20
NEWEST = 100

MOST_SEQ = 2**62
"""More than there will ever be, and no more than the ledger can count."""
After = Annotated[int | None, Query(ge=0, le=MOST_SEQ, description="only events after this sequence number")]
LastEventId = Annotated[str | None, Header(description="as `after`: what a client sends that resumes the stream")]
Since = Annotated[str | None, Query(description="only events since this time (ISO 8601)")]
OfStation = Annotated[str | None, Query(description="only events of this station")]
OfType = Annotated[Sequence[str], Query(description="only of this type, or of all that begin so: transaction")]


def add_ledger(app: FastAPI, behind: Behind) -> None:
    """Add the paths."""
    _add_timeline(app, behind)

    @app.get("/v1/transactions", summary="The ledger, newest first")
    async def transactions(
        only: Literal["all", "open", "unsent", "dead"] = "all", limit: Annotated[int, Query(ge=1, le=10000)] = 1000
    ) -> Response:
        found = await in_time(
            behind.ledger.transactions(open=only == "open", unsent=only == "unsent", dead=only == "dead", limit=limit)
        )
        return as_json(
            {"schema": views.SCHEMA, "transactions": [views.transaction(t, letters=only == "dead") for t in found]}
        )

    @app.post(
        "/v1/transactions/{id}/requeue",
        summary="Send a transaction's dead letters again, in their old places",
        dependencies=[Depends(needs("technician"))],
    )
    async def requeue(id: str) -> Response:
        done = await in_time(behind.dead_letters.requeue(id))
        if isinstance(done, NotRequeued):
            raise HTTPException(404 if done.unknown else 409, done.why)
        return as_json({"schema": views.SCHEMA, "transaction": done.transaction, "requeued": done.messages})

    @app.get("/v1/events", summary="What happened, as server-sent events; without `follow` it ends with the newest")
    async def events(
        after: After = None,
        last_event_id: LastEventId = None,
        since: Since = None,
        station: OfStation = None,
        type: OfType = (),
        follow: bool = True,
    ) -> StreamingResponse:
        begin = None if since is None else moment("since", since)
        wanted = Wanted(None if station is None else StationId(station), tuple(type)[:MOST_TYPES])
        if after is None and last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
            after = min(int(last_event_id), MOST_SEQ)
        pages = _pages(behind.ledger, after, begin, wanted)
        first = await anext(pages)  # a ledger that cannot be read is a refusal, not a broken stream
        return StreamingResponse(_stream(first, pages, follow, behind.closing), media_type="text/event-stream")


def _add_timeline(app: FastAPI, behind: Behind) -> None:
    @app.get("/v1/timeline/{station}", summary="What happened at a station: frames of both sides, and events, in order")
    async def station_timeline(
        station: str,
        since: Annotated[str, Query(description="from this time on (ISO 8601)")],
        search: Annotated[str, Query(max_length=200, description="only what holds this text")] = "",
        limit: Annotated[int, Query(ge=1, le=10000, description="the newest so many")] = 1000,
    ) -> Response:
        page = await in_time(behind.timeline.of(StationId(station), moment("since", since), search, limit), TIMELINE_S)
        return as_json(timeline(station, page))


async def _pages(
    ledger: LedgerReader, after: int | None, since: datetime | None, wanted: Wanted
) -> AsyncIterator[list[JournalEntry]]:
    """From a sequence number or a moment on everything, page by page; from nowhere the newest few, then what follows.

    A page that is not full is the end for now.
    """
    if after is None and since is None:
        seen = await in_time(ledger.newest_event())
        newest = list(await in_time(ledger.events(limit=NEWEST, wanted=wanted)))
        yield newest
        after = max(seen, newest[-1].seq if newest else 0)
    after = after or 0
    while True:
        # Events that are not wanted are passed over once, not at each look.
        seen = await in_time(ledger.newest_event())
        page = list(await in_time(ledger.events(since, EVENTS_AT_ONCE, after, wanted)))
        if len(page) < EVENTS_AT_ONCE:
            after = max(seen, after)
        after = max(after, page[-1].seq if page else 0)
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
