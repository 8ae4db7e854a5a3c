"""Reads through the daemon's buses: of devices of the site by everybody, of others by technicians."""

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from sitectl.api.app import make_app
from sitectl.base.clock import SystemClock
from sitectl.base.tasks import Tasks
from sitectl.fieldbus.buses import Buses, Tenant
from sitectl.model.connection import TcpConnection
from sitectl.model.ids import CircuitId
from sitectl.model.signals import Bound, Contact, SignalView
from tests.integration.modbus_stub import ModbusStub, exception, late
from tests.unit.api.quiet_site import Ledger, Overview, QuietSite, behind


async def answers(directory: Path, *queries: str, refuse: bool = False) -> list[tuple[int, Any]]:
    """What each query of `/v1/buses…` is answered, by a caller that the kernel does not name."""
    quiet, tasks = QuietSite(directory), Tasks()
    async with ModbusStub({7: 70, 8: 80}) as stub:
        if refuse:
            stub.behave = exception(2)
        buses = Buses([Tenant(TcpConnection("127.0.0.1", stub.port), 1)], SystemClock())
        tasks.spawn(buses.run(), "buses")
        app = make_app(replace(behind(quiet, Ledger(), Overview(quiet)), buses=lambda: buses))
        try:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
                got = [await client.get(f"/v1/buses{query}".replace("PORT", str(stub.port))) for query in queries]
        finally:
            await tasks.cancel_all()
        return [(one.status_code, _without_port(one.json(), stub.port)) for one in got]


def _without_port(answer: Any, port: int) -> Any:
    buses = answer.get("buses", {})
    return (
        answer | {"buses": {name.replace(str(port), "PORT"): bus for name, bus in buses.items()}} if buses else answer
    )


READ = "/read?endpoint=127.0.0.1:PORT&unit={}&function=3&address=7&count=2"


async def test_a_device_of_the_site_is_read_and_counted(tmp_path: Path) -> None:
    read, buses = await answers(tmp_path, READ.format(1), "")
    assert read == (200, {"schema": 1, "words": [70, 80]})
    units = buses[1]["buses"]["127.0.0.1:PORT"]["units"]
    assert (units["1"]["asked"], units["1"]["answered"]) == (1, 1)


async def test_another_device_needs_a_technician(tmp_path: Path) -> None:
    [(status, answer)] = await answers(tmp_path, READ.format(2))
    assert status == 403
    assert "this needs the role technician" in answer["detail"]


async def test_however_many_ask_here_a_meter_waits_for_one_of_them_at_most(tmp_path: Path) -> None:
    quiet, tasks = QuietSite(tmp_path), Tasks()
    async with ModbusStub({7: 70, 8: 80}) as stub:
        stub.behave = late(0.05)
        here = TcpConnection("127.0.0.1", stub.port)
        buses = Buses([Tenant(here, 1)], SystemClock())
        tasks.spawn(buses.run(), "buses")
        app = make_app(replace(behind(quiet, Ledger(), Overview(quiet)), buses=lambda: buses))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            many = [client.get(f"/v1/buses{READ.format(1)}".replace("PORT", str(stub.port))) for _ in range(20)]
            waiting = [tasks.spawn(_status(one), "read") for one in many]
            await asyncio.sleep(0.02)
            before = len(stub.requests)
            await buses[here].read(1, 3, 8, 1)
            assert len(stub.requests) - before <= 2
            assert {await one for one in waiting} == {200}
        await tasks.cancel_all()


async def _status(asked: Awaitable[httpx.Response]) -> int:
    return (await asked).status_code


async def test_what_the_device_refuses_is_an_answer(tmp_path: Path) -> None:
    [(status, answer)] = await answers(tmp_path, READ.format(1), refuse=True)
    assert (status, answer["fault"]) == (200, "sheet")
    assert "exception 2" in answer["why"]


async def test_signals_are_told_as_they_stand(tmp_path: Path) -> None:
    quiet = QuietSite(tmp_path)
    dim, since = Bound(CircuitId("grid"), 18.0), datetime(2026, 11, 29, 22, 50, tzinfo=UTC)
    lost = SignalView("dso", "modbus:box:0", Contact.LOST, since, "no answer", (dim,))
    new = SignalView("fire", "gpio:gpiochip0:17", None, None, "", ())
    app = make_app(replace(behind(quiet, Ledger(), Overview(quiet)), signals=lambda: [lost, new]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
        found = (await client.get("/v1/signals")).json()["signals"]
    assert found["dso"] == {
        "input": "modbus:box:0",
        "contact": "lost",
        "since": "2026-11-29T22:50:00Z",
        "why": "no answer",
        "asks": [{"circuit": "grid", "ceiling_a": 18.0}],
    }
    assert (found["fire"]["contact"], found["fire"]["since"], found["fire"]["asks"]) == (None, None, [])


async def test_a_line_that_is_not_ours_is_not_opened(tmp_path: Path) -> None:
    [(status, answer)] = await answers(tmp_path, READ.format(1).replace("127.0.0.1:PORT", "10.0.0.5:502"))
    assert status == 404
    assert "no bus of this site is at '10.0.0.5:502'" in answer["detail"]
