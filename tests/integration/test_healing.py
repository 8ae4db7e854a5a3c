"""Healing of the daemon as a process, over real sockets: sick stations on an independent library.

Each test heals several stations at once in one daemon, because most of its time is waiting.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call

from sitectl.base.clock import SystemClock
from sitectl.simulator.csms import CentralSystem
from tests.e2e.rig import Daemon, daemon, sitectl, until
from tests.e2e.station import now
from tests.integration.sick_station import Body, living, sick_site


async def events(running: Daemon, station: str, type: str = "healing") -> list[dict[str, Any]]:
    """What happened of this type at a station, oldest first."""
    asked = ("events", "--json", "--type", type, "--station", station, "--since", "1h", "--socket", running.socket)
    ended = await sitectl(*asked)
    assert ended.status == 0, ended
    return [json.loads(line) for line in ended.out.splitlines()]


async def remedies(running: Daemon, station: str) -> list[str]:
    """What was begun at a station."""
    return [event["data"]["remedy"] for event in await events(running, station, "healing.attempt")]


async def recovered(body: Body) -> None:
    await until(lambda: body.boots == 2 and body.now is not None, 20, f"a restart of {body.id}")


async def test_healing_acts_where_it_may_and_nowhere_else(tmp_path: Path) -> None:
    """CP01 is healed by one soft reset. A car charges at CP02. CP03 accepts every reset and does none. A central resets
    CP04 as healing does."""
    central = CentralSystem(SystemClock())
    await central.open()
    sick, charging, stubborn, both = bodies = [Body(f"CP0{n}") for n in range(1, 5)]
    stubborn.restarts = both.restarts = False
    uplinks = {"central": {"url": central.url, "ocpp": "1.6"}}
    try:
        config = sick_site(tmp_path, soft_s=2.0, hard_s=2.0, uplinks=uplinks)
        async with daemon(config) as running, living(running.port, *bodies):
            car = await charging.here.begin()
            await charging.here.sample()
            for body in bodies:
                await body.fails()
            await until(lambda: "Soft" in both.resets, 40, "a reset of CP04 by healing")
            assert await central.call("CP04", "Reset", {"type": "Soft"}) == {"status": "Accepted"}
            await recovered(sick)
            await until(lambda: "Hard" in stubborn.resets, 20, "the next step")
            assert charging.here.transaction is car
            assert charging.resets == []
            assert "StatusNotification" in charging.triggered
            assert sick.resets == ["Soft"]
            assert both.resets[0] == "Soft"
            assert "Soft" not in both.resets[1:], "the central got what came of ours"
            await until_told(running, "CP03:1")
            assert stubborn.resets == ["Soft", "Hard"]
            (joined,) = await events(running, "CP04", "station.reset_joined")
            assert (joined["data"]["by"], joined["data"]["ordered_by"]) == ("central central", "healing")
            history = await running.ask("heal", "history", "--station", "CP01")
            assert [one["remedy"] for one in history["attempts"] if one["helped"]] == ["soft_reset"]
            assert history["attempts"][-1]["firmware"] == "1.2"
            said = [event["data"]["info"] for event in await events(running, "CP01", "security.event")]
            assert "OnIdle reset was ordered by healing" in said, "what a central hears of it"
    finally:
        await central.cut()


async def until_told(running: Daemon, where: str) -> None:
    """A person is told what to do."""
    async with asyncio.timeout(40):
        while True:
            found = [one for one in (await running.get("status"))["problems"] if one["where"] == where]
            if found:
                assert found[0]["what"].startswith("It reports an error of its own")
                assert "accepted, and it did not restart" in found[0]["what"]
                assert found[0]["do"] == "Ask its maker."
                return
            await asyncio.sleep(0.2)


async def test_people_order_what_a_station_does_and_hear_its_answer(tmp_path: Path) -> None:
    body = Body()
    async with daemon(sick_site(tmp_path, mode="off")) as running, living(running.port, body):
        person = ("--socket", running.socket)
        car = await body.here.begin()
        refused = await sitectl("station", "reset", "CP01", *person)
        assert (refused.status, body.resets) == (1, [])
        assert "a car charges there" in refused.err
        assert body.here.transaction is car
        await body.here.end()
        written = await sitectl("station", "config", "CP01", "LightIntensity", "50", *person)
        assert (written.status, body.here.configuration["LightIntensity"]) == (0, "50"), written
        read = await running.ask("station", "config", "CP01", "LightIntensity")
        assert read["keys"]["LightIntensity"]["value"] == "50"
        assert (await sitectl("station", "config", "CP01", "LocalPreAuthorize", "true", *person)).status == 1
        unlocked = await sitectl("station", "unlock", "CP01", *person)
        assert unlocked.status == 1
        assert "NotImplemented" in unlocked.err, "what the station itself said"
        done = await sitectl("station", "reset", "CP01", "--hard", *person)
        assert (done.status, done.out) == (0, "CP01: hard reset, accepted\n")
        await recovered(body)
        assert body.resets == ["Hard"]
        assert "CP01" not in [one["where"] for one in (await running.get("status"))["problems"]], "it was expected"


async def test_observing_touches_nothing_and_tells_all(tmp_path: Path) -> None:
    body = Body()
    async with daemon(sick_site(tmp_path, mode="observe", soft_s=2.0)) as running, living(running.port, body):
        await body.fails()
        async with asyncio.timeout(40):
            while await remedies(running, "CP01") != ["trigger", "soft_reset"]:
                await asyncio.sleep(0.3)
        assert body.resets == []
        assert "StatusNotification" not in body.triggered
        history = await running.ask("heal", "history")
        assert all(one["dry"] for one in history["attempts"])
        assert (history["mode"], history["statistics"]["attempts"]) == ("observe", 0)
        assert (await sitectl("heal", "mode", "act", "--socket", running.socket)).status == 0
        await until(lambda: body.resets == ["Soft"], 40, "from looking on to acting")
        body.error = "NoError"
        await body.here.say(call.StatusNotification(1, "NoError", "Available", timestamp=now()))


@pytest.mark.full
async def test_a_restart_in_the_middle_goes_on_with_the_next_step(tmp_path: Path) -> None:
    """The process is killed after the soft reset was accepted: the hard one follows, and not the soft one again."""
    body = Body()
    body.restarts = False
    config = sick_site(tmp_path, soft_s=3.0)
    first = Daemon(config)
    await first.start()
    try:
        async with living(first.port, body):
            await body.fails()
            await until(lambda: body.resets == ["Soft"], 40, "the soft reset")
            await asyncio.sleep(0.5)
            await first.kill()
    finally:
        if first.running:
            await first.kill()
    async with daemon(config) as running, living(running.port, body):
        await body.fails()
        await until(lambda: len(body.resets) > 1, 50, "the next step")
        assert body.resets == ["Soft", "Hard"]
