"""The receivers of alerts over the real socket, and test messages."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from sitectl.api.app import make_app
from sitectl.api.server import ApiServer
from sitectl.base.tasks import Tasks
from sitectl.model.alerts import ChannelView, Tried
from tests.unit.api.quiet_site import WALL, behind
from tests.unit.api.test_app import Served


class Desk:
    """One receiver that works and one that does not."""

    def views(self) -> Sequence[ChannelView]:
        bad = ChannelView("mail ops@example.com", "mail", 3, 2, None, "connection refused", WALL)
        return [ChannelView("webhook chat", "webhook", 0, 2, WALL, None, None), bad]

    async def test(self, name: str | None = None) -> Sequence[Tried]:
        outcomes = [Tried("webhook chat", None), Tried("mail ops@example.com", "connection refused")]
        return [tried for tried in outcomes if name in (None, tried.name)]


@pytest.fixture
async def with_desk(tmp_path: Path) -> AsyncIterator[Served]:
    served, tasks = Served(tmp_path), Tasks()
    rooms = replace(behind(served.quiet, served.ledger, served.overview), alerts=Desk)
    served.server = ApiServer(make_app(rooms), served.path, rooms.closing)
    served.server.open()
    running = tasks.spawn(served.server.serve(), "api")
    yield served
    served.server.stop()
    await asyncio.wait_for(running, 5)


async def test_without_alerts_there_are_none_and_the_test_says_what_to_do(served: Served) -> None:
    assert (await served.get("/v1/alerts")).json == {"schema": 1, "alerts": []}
    answer = await served.get("/v1/alerts/test", "POST")
    assert (answer.status, "add alerts to the configuration" in answer.json["detail"]) == (404, True)


async def test_each_receiver_is_shown_as_it_stands(with_desk: Served) -> None:
    good, bad = (await with_desk.get("/v1/alerts")).json["alerts"]
    assert good == {
        "name": "webhook chat",
        "kind": "webhook",
        "state": "ok",
        "why": None,
        "since": None,
        "sent": "2026-11-20T06:11:00Z",
        "waiting": 0,
        "standing": 2,
    }
    assert (bad["state"], bad["why"], bad["sent"], bad["waiting"]) == ("failing", "connection refused", None, 3)


async def test_a_test_goes_to_all_or_to_one_and_tells_how_it_went(with_desk: Served) -> None:
    tests = (await with_desk.get("/v1/alerts/test", "POST")).json["tests"]
    assert tests == [
        {"name": "webhook chat", "sent": True, "why": None},
        {"name": "mail ops@example.com", "sent": False, "why": "connection refused"},
    ]
    (one,) = (await with_desk.get("/v1/alerts/test?name=webhook%20chat", "POST")).json["tests"]
    assert one["sent"]
    answer = await with_desk.get("/v1/alerts/test?name=nobody", "POST")
    assert (answer.status, "there are: webhook chat, mail ops@example.com" in answer.json["detail"]) == (404, True)
