"""The interface over a real Unix socket: paths, refusals as JSON, the stream of events."""

import asyncio
import http.client
import json
import logging
import socket
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sitectl.api.app import make_app
from sitectl.api.ledger import NEWEST
from sitectl.api.server import ApiServer
from sitectl.model import events
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.journal import JournalEntry, Message, Wanted
from tests.unit.api.quiet_site import CP01, CP02, WALL, Ledger, Overview, QuietSite, behind


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(5)
        self.sock.connect(str(self._path))


@dataclass
class Answer:
    status: int
    kind: str
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Served:
    """The interface, served in this loop; questions are asked from another thread."""

    def __init__(self, directory: Path) -> None:
        self.quiet = QuietSite(directory)
        self.ledger = Ledger()
        self.overview = Overview(self.quiet)
        self.path = directory / "sitectl.sock"
        self.behind = rooms = behind(self.quiet, self.ledger, self.overview)
        self.ward = self.quiet.ward
        self.server = ApiServer(make_app(rooms), self.path, rooms.closing)

    async def get(self, target: str, method: str = "GET", body: str | None = None, **headers: str) -> Answer:
        return await asyncio.to_thread(self._get, target, method, body, headers)

    async def put(self, target: str, body: str) -> Answer:
        return await self.get(target, "PUT", body, Content_Type="application/json")

    def _get(self, target: str, method: str, body: str | None, headers: dict[str, str]) -> Answer:
        connection = UnixConnection(self.path)
        try:
            connection.request(
                method, target, body, headers={key.replace("_", "-"): value for key, value in headers.items()}
            )
            response = connection.getresponse()
            return Answer(response.status, response.headers["content-type"], response.read().decode())
        finally:
            connection.close()

    async def events(self, target: str, **headers: str) -> list[dict[str, Any]]:
        answer = await self.get(target, **headers)
        assert (answer.status, answer.kind) == (200, "text/event-stream; charset=utf-8")
        found = []
        for block in filter(None, answer.text.split("\n\n")):
            id_line, data_line = block.split("\n")
            event = json.loads(data_line.removeprefix("data: "))
            assert id_line == f"id: {event['seq']}"
            found.append(event)
        return found


async def test_every_question_has_its_answer(served: Served) -> None:
    served.quiet.all_well()
    assert (await served.get("/v1/status")).json["site"] == "depot-north"
    assert list((await served.get("/v1/stations")).json["stations"]) == ["CP01", "CP02", "POST"]
    assert list((await served.get("/v1/stations/POST")).json["stations"]) == ["POST"]
    assert (await served.get("/v1/why/POST:2")).json["evse"] == 2
    assert (await served.get("/v1/why/POST%2F2")).json["evse"] == 2
    assert (await served.get("/v1/meters")).json["meters"]["main"]["state"] == "fresh"
    assert (await served.get("/v1/uplinks")).json["uplinks"]["central"]["stations"] == 3
    config = (await served.get("/v1/config")).json
    assert config["settings"]["stations"]["CP01"]["max_a"] == 32
    assert config["origins"]["stations.CP01.max_a"].endswith("site.yaml:9")
    for path in ("status", "stations", "meters", "uplinks", "config", "transactions"):
        answer = await served.get(f"/v1/{path}")
        assert (answer.status, answer.kind, answer.json["schema"]) == (200, "application/json", 1)


async def test_the_list_of_questions_stands_at_openapi(served: Served) -> None:
    paths = (await served.get("/openapi.json")).json["paths"]
    assert set(paths) == {
        "/v1/status",
        "/v1/stations",
        "/v1/stations/{id}",
        "/v1/stations/{id}/availability",
        "/v1/stations/{id}/configuration",
        "/v1/stations/{id}/configuration/{key}",
        "/v1/stations/{id}/evses/{evse}/unlock",
        "/v1/stations/{id}/healing/pause",
        "/v1/healing",
        "/v1/healing/history",
        "/v1/healing/mode",
        "/v1/healing/rules",
        "/v1/stations/{id}/reset",
        "/v1/stations/{id}/quirks",
        "/v1/stations/{id}/trials",
        "/v1/stations/{id}/trials/{kind}",
        "/v1/stations/{id}/adopt",
        "/v1/commission/knocking",
        "/v1/commission/window",
        "/v1/commission",
        "/v1/commission/steps/{key}",
        "/v1/commission/meters/{id}",
        "/v1/commission/record",
        "/v1/uplinks/{id}/test",
        "/v1/stations/{id}/password",
        "/v1/uplinks/{id}/pause",
        "/v1/inventory",
        "/v1/drills",
        "/v1/drills/newest",
        "/v1/drills/daemon",
        "/v1/drills/{kind}/{target}",
        "/v1/stations/{id}/evses/{evse}/ceiling",
        "/v1/stations/{id}/evses/{evse}/departure",
        "/v1/circuits/{id}/ceiling",
        "/v1/why/{id}",
        "/v1/meters",
        "/v1/buses",
        "/v1/buses/read",
        "/v1/signals",
        "/v1/uplinks",
        "/v1/alerts",
        "/metrics",
        "/v1/alerts/test",
        "/v1/transactions",
        "/v1/transactions/{id}/requeue",
        "/v1/events",
        "/v1/timeline/{station}",
        "/v1/config",
    }
    assert all(asked["summary"] for operations in paths.values() for asked in operations.values())


async def test_transactions_are_asked_for_by_their_kind(served: Served) -> None:
    assert (await served.get("/v1/transactions")).json["transactions"][0]["station_id"] == "2000001234"
    assert served.ledger.asked == {"open": False, "unsent": False, "dead": False, "limit": 1000}
    await served.get("/v1/transactions?only=dead&limit=5")
    assert served.ledger.asked == {"open": False, "unsent": False, "dead": True, "limit": 5}


async def test_an_answer_is_of_now_and_not_of_the_last_cycle(served: Served) -> None:
    served.quiet.all_well()
    served.quiet.clock.at += 0.44
    served.quiet.site.post(events.StationDisconnected(CP02, served.quiet.clock.at, "gone"))
    status = (await served.get("/v1/status")).json
    assert (status["state"], status["stations"]["CP02"]["online"], status["meters"]["main"]["age_s"]) == (
        "degraded",
        False,
        0.4,
    )
    served.quiet.clock.at += 3.0
    assert (await served.get("/v1/meters")).json["meters"]["main"]["state"] == "late"


async def test_dead_letters_are_told_where_they_were_asked_for(served: Served) -> None:
    assert "dead_letters" not in (await served.get("/v1/transactions")).json["transactions"][0]
    (letter,) = (await served.get("/v1/transactions?only=dead")).json["transactions"][0]["dead_letters"]
    assert (letter["action"], letter["attempts"], letter["why"]) == ("StopTransaction", 3, "InternalError: no")
    assert letter["given_up"] == "2026-11-20T06:11:00Z"


async def test_dead_letters_are_requeued_by_a_post_alone(served: Served) -> None:
    done = await served.get("/v1/transactions/t1/requeue", method="POST")
    assert (done.status, done.json) == (200, {"schema": 1, "transaction": "t1", "requeued": {"central": 2}})
    assert (await served.get("/v1/transactions/t1/requeue")).status == 405
    assert (await served.get("/v1/transactions/t9/requeue", method="POST")).status == 404
    assert (await served.get("/v1/transactions/t/requeue", method="POST")).status == 409
    served.ledger.broken = True
    assert (await served.get("/v1/transactions/t1/requeue", method="POST")).status == 503


async def test_a_station_is_taken_out_of_service_by_a_post_alone(served: Served) -> None:
    path = "/v1/stations/CP01/availability"
    done = await served.get(f"{path}?operative=false&evse=1", method="POST")
    told = {"schema": 1, "station": "CP01", "evse": 1, "operative": False, "status": "Scheduled"}
    assert (done.status, done.json) == (200, told)
    assert (await served.get(f"{path}?operative=true", method="POST")).json["status"] == "Accepted"
    assert (await served.get(f"{path}?evse=7&operative=true", method="POST")).status == 404
    assert (await served.get("/v1/stations/CP99/availability?operative=true", method="POST")).status == 404
    assert (await served.get("/v1/stations/POST/availability?operative=true", method="POST")).status == 409
    assert (await served.get(path, method="POST")).status == 422


@pytest.mark.parametrize(
    ("target", "status", "words"),
    [
        ("/v1/stations/X", 404, "no station 'X' here; `sitectl stations` lists them"),
        ("/v1/stations/cp-1", 404, "no station 'cp-1' here; did you mean CP01? `sitectl stations` lists them"),
        ("/v1/why/CP2:1", 404, "no station 'CP2' here; did you mean CP02?"),
        ("/v1/why/CP01:7", 404, "no EVSE 'CP01:7' here; `sitectl stations CP01` shows those that it has"),
        ("/v1/circuits/gird/ceiling", 404, "no circuit 'gird' here; there is grid, garage"),
        ("/v1/stations/X/evses/1/ceiling", 404, "no station 'X' here"),
        ("/v1/nothing", 404, "nothing stands at /v1/nothing; /openapi.json lists what does"),
        ("/v1/transactions?only=some", 422, "only='some': Input should be 'all', 'open', 'unsent' or 'dead'"),
        ("/v1/transactions?limit=0", 422, "limit='0': Input should be greater than or equal to 1"),
        ("/v1/events?since=yesterday", 422, "since='yesterday' is not an ISO 8601 time"),
        ("/v1/events?after=x", 422, "after='x'"),
        ("/v1/events?after=-1", 422, "after='-1': Input should be greater than or equal to 0"),
        (f"/v1/events?after={2**63}", 422, f"after='{2**63}': Input should be less than or equal to {2**62}"),
        ("/v1/timeline/CP01", 422, "since=None: Field required"),
        ("/v1/timeline/CP01?since=yesterday", 422, "since='yesterday' is not an ISO 8601 time"),
    ],
)
async def test_a_refusal_is_json_that_says_what_to_do(served: Served, target: str, status: int, words: str) -> None:
    served.quiet.all_well()
    answer = await served.get(target)
    assert (answer.status, answer.kind) == (status, "application/json")
    assert answer.json["detail"].startswith(words)


async def test_nothing_can_be_changed(served: Served) -> None:
    answer = await served.get("/v1/status", method="POST")
    assert answer.status == 405
    assert answer.json["detail"] == "/v1/status does not take POST; /openapi.json lists what it takes"


async def test_before_the_first_cycle_it_says_so(served: Served) -> None:
    answer = await served.get("/v1/status")
    assert answer.status == 503
    assert "first control cycle" in answer.json["detail"]


async def test_a_disk_that_fails_is_told_and_the_rest_goes_on(served: Served) -> None:
    served.quiet.all_well()
    served.ledger.broken = True
    for path in ("transactions", "events"):
        answer = await served.get(f"/v1/{path}")
        assert (answer.status, answer.json["detail"].split(";")[0]) == (503, "ledger.db: disk I/O error")
    status = (await served.get("/v1/status")).json
    assert status["transactions"] == {"open": None, "unsent": None, "dead": None}


async def test_a_disk_that_hangs_holds_up_nobody(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sitectl.api.app.TOTALS_S", 0.05)
    served.quiet.all_well()
    served.ledger.hangs = True
    assert (await served.get("/v1/status")).json["transactions"]["open"] is None
    assert (await served.get("/v1/stations")).status == 200


async def test_an_error_of_ours_is_logged_and_ends_nothing(served: Served, caplog: pytest.LogCaptureFixture) -> None:
    served.quiet.all_well()
    served.ledger.bug = ZeroDivisionError("a bug")
    with caplog.at_level(logging.ERROR):
        answer = await served.get("/v1/transactions")
    assert (answer.status, answer.kind) == (500, "application/json")
    assert "its log says why" in answer.json["detail"]
    assert "ZeroDivisionError" in caplog.text
    assert (await served.get("/v1/status")).status == 500
    assert (await served.get("/v1/meters")).status == 200
    served.ledger.bug = None
    assert (await served.get("/v1/status")).status == 200


async def test_events_from_nowhere_are_the_newest(served: Served) -> None:
    for number in range(NEWEST + 50):
        served.ledger.note("station.booted", CP01, None, number=number)
    found = await served.events("/v1/events?follow=false")
    assert [e["seq"] for e in found] == list(range(51, NEWEST + 51))
    assert found[0]["data"] == {"number": 50}


async def test_events_go_on_page_by_page_from_where_the_client_was(served: Served) -> None:
    for _ in range(1234):
        served.ledger.note("station.booted", CP01)
    assert [e["seq"] for e in await served.events("/v1/events?follow=false&after=20")] == list(range(21, 1235))
    resumed = await served.events("/v1/events?follow=false", last_event_id="1230")
    assert [e["seq"] for e in resumed] == [1231, 1232, 1233, 1234]
    assert len(await served.events("/v1/events?follow=false", last_event_id="not a number")) == NEWEST
    assert await served.events("/v1/events?follow=false&after=99999999") == []
    assert len(await served.events("/v1/events?follow=false&since=2026-11-20T06:00:00Z")) == 1234
    assert await served.events("/v1/events?follow=false&since=2026-11-20T06:12:00Z") == []


async def test_events_of_one_station_and_of_some_types(served: Served) -> None:
    for number in range(300):
        served.ledger.note("station.booted", CP01 if number % 3 else CP02)
    target = "/v1/events?follow=false&station=CP02&type=station&type=limit"
    assert [e["seq"] for e in await served.events(target)] == list(range(1, 301, 3))
    assert served.ledger.wanted == Wanted(CP02, ("station", "limit"))
    assert [e["seq"] for e in await served.events(f"{target}&after=290")] == [292, 295, 298]


async def test_a_stream_passes_over_what_is_not_wanted_once(served: Served) -> None:
    for _ in range(50):
        served.ledger.note("station.booted", CP01)
    reader, writer = await open_stream(served, "/v1/events?station=CP02&after=0")
    async with asyncio.timeout(5):
        while served.ledger.pages < 3:
            await asyncio.sleep(0.05)
        served.ledger.note("station.booted", CP02)
        assert b'"seq":51' in await reader.readuntil(b'"data":{}}\n\n')
    served.server.stop()
    writer.close()
    await writer.wait_closed()


async def test_a_timeline_is_asked_for_by_station(served: Served) -> None:
    served.ledger.happened = [Message(WALL, None, False, "frame"), JournalEntry(1, WALL, "limit.cut", CP01, 1, {})]
    answer = await served.get("/v1/timeline/CP01?since=2026-11-20T06:00:00Z&search=fra&limit=7")
    assert (answer.json["schema"], answer.json["station"], answer.json["more"]) == (1, "CP01", True)
    assert [entry["kind"] for entry in answer.json["entries"]] == ["unreadable", "event"]
    asked = served.ledger.asked
    assert (asked["station"], asked["search"], asked["limit"]) == ("CP01", "fra", 7)
    assert asked["since"] == datetime(2026, 11, 20, 6, tzinfo=UTC)


async def open_stream(served: Served, target: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_unix_connection(served.path)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def test_a_stream_shows_what_happens_and_ends_with_the_daemon(served: Served) -> None:
    served.ledger.note("station.booted", CP01)
    reader, writer = await open_stream(served, "/v1/events")
    assert b'"seq":1' in await reader.readuntil(b"\n\n")
    served.ledger.note("station.connected", CP01)
    async with asyncio.timeout(5):
        assert b'"seq":2' in await reader.readuntil(b'"data":{}}\n\n')
        served.server.stop()
        assert (await reader.read()).endswith(b"0\r\n\r\n")
    writer.close()
    await writer.wait_closed()


async def test_a_reader_that_does_not_read_costs_no_memory(served: Served) -> None:
    for _ in range(20_000):
        served.ledger.note("station.booted", CP01, None, text="x" * 500)
    _, writer = await open_stream(served, "/v1/events?after=0")
    asked = -1
    while asked < served.ledger.pages:  # until it stands still
        asked = served.ledger.pages
        assert (await served.get("/openapi.json")).status == 200  # others are served meanwhile
    assert asked < 10
    writer.transport.abort()


async def test_numbers_that_are_none_are_null(served: Served) -> None:
    served.quiet.all_well()
    served.quiet.meter(*PhaseCurrents(float("nan"), 1.0, 2.0))
    served.quiet.site.cycle()
    assert (await served.get("/v1/meters")).json["meters"]["main"]["current_a"][0] is None
