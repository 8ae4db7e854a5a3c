"""How answers are given: JSON bytes, of the site as it is now, and the ledger's in time or not at all."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, tzinfo
from typing import Annotated, Any, TypeVar

import orjson
from fastapi import HTTPException, Path, Response

from sitectl.api.ports import Behind
from sitectl.base.errors import EnvironmentFault
from sitectl.base.units import parse_timestamp
from sitectl.site.cycle import Decision
from sitectl.site.cycle import look as see
from sitectl.state.reduce import aged
from sitectl.state.site_state import SiteState

T = TypeVar("T")

LEDGER_S = 4.0
MOST_EVSE = 999
"""EVSE numbers have three digits at most (`stations.X.evses`)."""

EvseNumber = Annotated[int, Path(ge=0, le=MOST_EVSE, description="The EVSE, as configured; 0 is the station.")]


def as_json(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(value), status, media_type="application/json")


async def in_time(question: Awaitable[T], within_s: float = LEDGER_S) -> T:
    """The ledger's answer; a disk that hangs is a disk that fails."""
    try:
        async with asyncio.timeout(within_s):
            return await question
    except TimeoutError:
        raise EnvironmentFault(f"the disk did not answer within {within_s:g} s") from None


def moment(name: str, text: str) -> datetime:
    """The time that a question names; what is none is refused."""
    parsed = parse_timestamp(text)
    if parsed is None:
        raise HTTPException(422, f"{name}={text!r} is not an ISO 8601 time")
    return parsed[0]


def day_or_moment(name: str, text: str, zone: tzinfo) -> datetime:
    """The same, or a date: then its first moment in the site's zone."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return moment(name, text)
    try:
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    except OverflowError:
        raise HTTPException(422, f"{name}={text!r} is at the end of the calendar: name a year of this time") from None


def no_station(id: str, known: Iterable[str]) -> HTTPException:
    """The refusal of a station that is not here, with the one that was surely meant: CP03 for cp3, no neighbour."""
    near = next((name for name in known if _bare(name) == _bare(id)), None)
    hint = "`sitectl stations` lists them" if near is None else f"did you mean {near}? `sitectl stations` lists them"
    return HTTPException(404, f"no station {id!r} here; {hint}")


def _bare(id: str) -> str:
    """An id without capitals, leading zeros and what stands between letters and digits."""
    return re.sub(r"[\W_]|(?<!\d)0+(?=\d)", "", id.casefold())


def look(behind: Behind) -> tuple[SiteState, Decision]:
    """The site at this moment, with what the last cycle decided."""
    decision, now = behind.site.decision, behind.overview.monotonic()
    if decision is None:
        raise HTTPException(503, "the first control cycle has not run yet; ask again in a second")
    state = aged(behind.site.state, now, decision.pictures)
    seen, pictures = see(state, now, decision.pictures)
    return state, replace(decision, snapshot=seen, pictures=pictures)
