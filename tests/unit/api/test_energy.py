"""Energy and exports over the interface: periods by the site's days, streams that tell whether all came."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import HTTPException

from sitectl.api.app import make_app
from sitectl.api.energy import MOST_PERIODS, edges_of
from sitectl.api.history import History
from sitectl.api.server import ApiServer
from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.model.energy import QUARTER_S, Note, PeriodEnergy, Place, PlaceKind, Span, WantedPlaces
from tests.unit.api.quiet_site import BERLIN, WALL, Ledger, Overview, QuietSite, behind, transaction
from tests.unit.api.test_app import Served

CP = Place(PlaceKind.EVSE, "CP01", 1)
Q = int(WALL.timestamp()) // QUARTER_S


class Kept:
    """Two pages of quarters; `breaks`: the disk fails before the second."""

    def __init__(self) -> None:
        self.asked: tuple[Any, ...] = ()
        self.breaks: int | None = None

    async def periods(self, edges: Sequence[int], wanted: WantedPlaces = WantedPlaces()) -> Sequence[PeriodEnergy]:  # noqa: B008
        self.asked = (list(edges), wanted)
        return [PeriodEnergy(CP, edges[0], edges[1], None, 100, 2, (Note.STATION,))]

    async def spans(
        self,
        first: int | None,
        end: int | None,
        wanted: WantedPlaces = WantedPlaces(),  # noqa: B008
    ) -> AsyncIterator[Sequence[Span]]:
        self.asked = (first, end, wanted)
        for page in range(2):
            if self.breaks == page:
                raise EnvironmentFault("ledger.db: disk I/O error")
            yield [Span(CP, Q + page, Q + page + 1, 100, None)]

    async def pages(self, since: datetime | None, until: datetime | None) -> AsyncIterator[Sequence[Any]]:
        self.asked = (since, until)
        yield [transaction()]

    async def prepare(self, *, secrets: bool) -> AsyncIterator[bytes]:
        raise EnvironmentFault("no room")


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[tuple[Kept, Served]]:
    kept, served, tasks = Kept(), Served.__new__(Served), Tasks()
    quiet = QuietSite(tmp_path)
    served.quiet, served.ledger, served.overview = quiet, Ledger(), Overview(quiet)
    served.path = tmp_path / "sitectl.sock"
    rooms = replace(behind(quiet, served.ledger, served.overview), history=History(kept, kept, kept, lambda: BERLIN))
    served.server = ApiServer(make_app(rooms), served.path, rooms.closing)
    served.server.open()
    running = tasks.spawn(served.server.serve(), "api")
    yield kept, served
    served.server.stop()
    await asyncio.wait_for(running, 5)


def quarters(*moments: datetime) -> list[int]:
    return [int(moment.timestamp()) // QUARTER_S for moment in moments]


def test_days_are_those_of_the_site_with_23_and_25_hours() -> None:
    begin, end = datetime(2026, 10, 24, 12, tzinfo=UTC), datetime(2026, 10, 25, 12, tzinfo=UTC)
    edges = edges_of("day", begin, end, BERLIN)
    assert edges == quarters(*(datetime(2026, 10, day, tzinfo=BERLIN) for day in (24, 25, 26)))
    assert [b - a for a, b in pairwise(edges)] == [96, 100]
    spring = edges_of("day", datetime(2026, 3, 29, tzinfo=BERLIN), datetime(2026, 3, 29, 12, tzinfo=BERLIN), BERLIN)
    assert spring[1] - spring[0] == 92


def test_months_and_quarters() -> None:
    begin, end = datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)
    months = edges_of("month", begin, end, ZoneInfo("UTC"))
    assert months == quarters(*(datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3, 4)))
    assert edges_of("quarter", WALL, WALL + timedelta(minutes=20), BERLIN) == [Q, Q + 1, Q + 2, Q + 3]


@pytest.mark.parametrize(("days", "words"), [(-1, "since is after until"), (30, f"more than {MOST_PERIODS} periods")])
def test_what_cannot_be_asked(days: int, words: str) -> None:
    with pytest.raises(HTTPException) as refused:
        edges_of("quarter", WALL, WALL + timedelta(days=days), BERLIN)
    assert words in refused.value.detail


async def test_the_ends_of_the_calendar_are_refused_in_words(kept: tuple[Kept, Served]) -> None:
    _, served = kept
    assert (await served.get("/v1/energy?since=0001-01-01")).status == 422
    assert (await served.get("/v1/export/energy?since=0001-01-01")).status == 422
    with pytest.raises(HTTPException):
        edges_of("day", datetime(1, 1, 1, tzinfo=UTC), WALL, ZoneInfo("America/New_York"))


async def test_sums_say_what_is_missing(kept: tuple[Kept, Served]) -> None:
    one, served = kept
    answer = await served.get("/v1/energy?by=day&since=2026-11-19&station=CP01&evse=1")
    assert answer.status == 200
    assert answer.json["zone"] == "Europe/Berlin"
    assert answer.json["periods"] == [
        {
            "begin": "2026-11-18T23:00:00Z",
            "end": "2026-11-19T23:00:00Z",
            "kind": "evse",
            "circuit": None,
            "station": "CP01",
            "evse": 1,
            "wh": None,
            "known_wh": 100,
            "missing_s": 1800,
            "notes": ["station"],
        }
    ]
    assert one.asked[1] == WantedPlaces(None, "CP01", 1)
    assert (await served.get("/v1/energy?since=yesterday")).status == 422


async def test_an_export_ends_with_how_much_there_was(kept: tuple[Kept, Served]) -> None:
    one, served = kept
    answer = await served.get("/v1/export/energy?since=2026-11-20T06:00:00Z&until=2026-11-20T06:20:00Z")
    head, *rows, end = [json.loads(line) for line in answer.text.splitlines()]
    assert head == {"schema": 1, "export": "energy", "site": "depot-north", "zone": "Europe/Berlin"}
    assert [row["wh"] for row in rows] == [100, 100]
    assert end == {"end": True, "rows": 2}
    assert one.asked[:2] == (Q, Q + 2)  # a quarter that is touched is whole
    lines = (await served.get("/v1/export/transactions")).text.splitlines()
    assert [json.loads(line).get("id") for line in lines] == [None, "t1", None]


@pytest.mark.parametrize(("breaks", "status", "lines"), [(0, 503, 1), (1, 200, 2)])
async def test_a_disk_that_fails_is_a_refusal_or_a_missing_end(
    kept: tuple[Kept, Served], breaks: int, status: int, lines: int
) -> None:
    one, served = kept
    one.breaks = breaks
    answer = await served.get("/v1/export/energy")
    assert (answer.status, len(answer.text.splitlines())) == (status, lines)
    assert '"end":true' not in answer.text


async def test_a_backup_without_room_is_refused_before_it_begins(kept: tuple[Kept, Served]) -> None:
    answer = await kept[1].get("/v1/backup")
    assert (answer.status, "no room" in answer.json["detail"]) == (503, True)


async def test_the_inventory_of_a_site(kept: tuple[Kept, Served]) -> None:
    served = kept[1]
    served.quiet.all_well()
    told = (await served.get("/v1/inventory")).json
    station = told["stations"]["POST"]
    assert (station["vendor"], station["model"], station["circuit"], station["online"]) == (
        "Acme",
        "AC-22",
        "grid",
        True,
    )
    assert station["evses"]["2"]["phases"] == "L2L3L1"
    assert station["last_seen"] == "2026-11-20T06:11:00Z"
    assert told["meters"]["main"]["sheet"] == "eastron-sdm630"
    assert told["uplinks"]["central"]["state"] == "online"
    assert told["gateway"]["site"] == "depot-north"
