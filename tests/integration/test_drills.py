"""Something is taken away under supervision: what the site promises is kept, and the report says so."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sitectl.base.clock import SystemClock
from sitectl.simulator.csms import CentralSystem
from tests.e2e.rig import Daemon, Ended, daemon, meter, metered, site, sitectl, until
from tests.e2e.station import Charger, charger


@asynccontextmanager
async def a_site(directory: Path) -> AsyncIterator[tuple[Daemon, Charger]]:
    """One station that charges, a meter, a central."""
    central = CentralSystem(SystemClock())
    await central.open()
    one = {"CP01": {"circuit": "grid", "max_a": 32, "phases": "L1L2L3", "profile_storage": "ram"}}
    try:
        async with meter() as device:
            uplinks = {"central": {"url": central.url}}
            config = site(directory, **(metered(device) | {"stations": one, "uplinks": uplinks}))
            async with daemon(config) as running, charger(running.port, "CP01") as station:
                await station.begin()
                drawing = asyncio.create_task(station.charge_on())
                await until(lambda: (station.car.tx_profile_a or 0.0) > 20.0)
                yield running, station
                drawing.cancel()
    finally:
        await central.cut()


async def drill(running: Daemon, *words: str) -> Ended:
    return await sitectl("drill", *words, "--json", "--socket", running.socket, within_s=180.0)


async def under_way(running: Daemon) -> None:
    """The command of a drill has reached the daemon, and something was taken away."""
    async with asyncio.timeout(60):
        while not (newest := await running.get("drills/newest"))["running"] or not newest["drill"]["said"]:
            await asyncio.sleep(0.1)


def evidence(ended: Ended) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(ended.out)["drill"]
    return answer


async def test_a_central_and_a_meter_go_and_come_back(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (running, station):
        await until(lambda: "central: online" in running.log)
        ended = await drill(running, "uplink", "central", "--for", "4s")
        told = evidence(ended)
        assert (ended.status, told["verdict"]) == (0, "passed"), told
        assert any("charging went on" in one["text"] for one in told["evidence"])
        ended = await drill(running, "meter", "main", "--for", "13s")
        told = evidence(ended)
        assert (ended.status, told["verdict"]) == (0, "passed"), told
        assert any("at the end of the loss" in one["text"] for one in told["evidence"])
        assert station.transaction is not None
        reports = json.loads((await drill(running, "report")).out)["drills"]
        assert [(one["kind"], one["target"], one["verdict"]) for one in reports] == [
            ("meter", "main", "passed"),
            ("uplink", "central", "passed"),
        ]


async def test_what_is_not_there_is_refused_and_a_drill_can_be_broken_off(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (running, _):
        assert "there is central" in (await drill(running, "uplink", "newco")).err
        assert "3 to 900 s" in (await drill(running, "meter", "main", "--for", "1s")).err
        begun = asyncio.create_task(drill(running, "meter", "main", "--for", "60s"))
        await under_way(running)
        assert "a drill with meter main runs" in (await drill(running, "uplink", "central")).err
        stopped = await sitectl("drill", "stop", "--socket", running.socket)
        assert stopped.out == "broken off\n"
        ended = await begun
        assert (ended.status, evidence(ended)["verdict"]) == (1, "aborted")
        status = await running.get("status")
        assert status["meters"]["main"]["state"] in ("fresh", "late")


async def test_a_meter_that_shows_too_much_ends_its_drill(tmp_path: Path) -> None:
    async with meter() as device, daemon(site(tmp_path, **metered(device))) as running:
        begun = asyncio.create_task(drill(running, "meter", "main", "--for", "60s"))
        await under_way(running)
        device.measure(1.0, (80.0, 10.0, 10.0))
        ended = await begun
        told = evidence(ended)
        assert (ended.status, told["verdict"]) == (1, "aborted")
        assert any("above its rating" in line for line in told["said"])


async def test_the_daemon_dies_and_is_back_with_its_stations_and_transactions(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (running, station):

        async def supervise() -> None:
            await running.ended(120.0)
            await running.start()

        systemd = asyncio.create_task(supervise())

        async def comes_again() -> None:
            await systemd
            async with charger(running.port, "CP01", booted=False) as again:
                await again.status("Charging")
                await asyncio.sleep(30.0)

        coming = asyncio.create_task(comes_again())
        ended = await drill(running, "daemon")
        coming.cancel()
        told = evidence(ended)
        assert (ended.status, told["verdict"]) == (0, "passed"), told
        assert "1 running transactions, none lost" in told["evidence"][-1]["text"]
        assert station.ledger


async def test_a_central_is_tried_paused_and_told_afterwards(tmp_path: Path) -> None:
    async with a_site(tmp_path) as (running, station):
        await until(lambda: "central: online" in running.log)
        tried = await sitectl("uplink", "test", "central", "--token", "TAG", "--json", "--socket", running.socket)
        answer = json.loads(tried.out)
        assert (tried.status, answer["ok"], answer["token"]) == (0, True, "Accepted")
        assert answer["stations"]["CP01"]["heartbeat_ms"] > 0
        paused = await sitectl("uplink", "pause", "central", "--for", "10m", "--socket", running.socket)
        assert paused.status == 0
        await until(lambda: "central: offline paused by" in running.log)
        await station.end()
        assert (await running.get("status"))["transactions"]["unsent"] > 0
        await sitectl("uplink", "resume", "central", "--socket", running.socket)
        for _ in range(100):
            if (status := await running.get("status"))["transactions"]["unsent"] == 0:
                break
            await asyncio.sleep(0.1)
        assert status["transactions"]["unsent"] == 0
        assert status["uplinks"]["central"]["state"] == "online"
