"""A changed configuration under a running site, by SIGHUP: the whole file or nothing, and nobody is let go of."""

import asyncio
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from sitectl.base.clock import SystemClock
from sitectl.simulator.csms import CentralSystem
from tests.e2e.rig import Daemon, daemon, meter, metered, site, sitectl, until
from tests.e2e.station import charger


def listed(*ids: str, max_a: int = 32) -> dict[str, Any]:
    return {id: {"circuit": "grid", "max_a": max_a, "phases": "L1L2L3", "profile_storage": "ram"} for id in ids}


async def reloads(running: Daemon, words: str = "was read again and holds from now on") -> None:
    before = running.log.count(words)
    running.signal(signal.SIGHUP)
    await until(lambda: running.log.count(words) > before, what=words)


async def shows(running: Daemon, condition: Callable[[Any], bool], what: str) -> None:
    """Wait for the status to say so."""
    for _ in range(150):
        if condition(status := await running.get("status")):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{what}: {status}")


def rated(status: Any) -> Any:
    return status["circuits"]["grid"]["rated_a"]


async def test_a_smaller_fuse_cuts_at_once_and_no_connection_ends(tmp_path: Path) -> None:
    async with meter() as device:
        alone = metered(device) | {"stations": listed("CP01")}
        async with daemon(site(tmp_path, **alone)) as running, charger(running.port, "CP01") as station:
            await station.begin()
            await until(lambda: (station.car.tx_profile_a or 0.0) > 25.0)
            smaller = {"grid": {"rated_a": 20, "meter": "main", "base_load_worst_a": 10}}
            site(tmp_path, **(alone | {"circuits": smaller}))
            await reloads(running)
            await until(lambda: (station.car.tx_profile_a or 99.0) <= 20.0)
            await station.sample()
            await station.end()
            assert rated(await running.get("status")) == 20
            ended = await sitectl("events", "--json", "--socket", running.socket)
            assert "config.taken" in ended.out


async def test_a_station_that_gets_listed_is_let_in_and_one_that_is_dropped_is_not(tmp_path: Path) -> None:
    config = site(tmp_path, stations=listed("CP01", "CP02"))
    async with daemon(config) as running, charger(running.port, "CP01") as stays, charger(running.port, "CP02"):
        with pytest.raises(InvalidStatus):
            async with charger(running.port, "CP03"):
                pass
        await stays.begin()
        site(tmp_path, stations=listed("CP01", "CP03"))
        await reloads(running)
        async with charger(running.port, "CP03") as new:
            await new.begin()
            await until(lambda: new.fallback_a is not None)
            await new.end()
        with pytest.raises(InvalidStatus):
            async with charger(running.port, "CP02"):
                pass
        await stays.sample()
        await stays.end()
        status = await running.get("status")
        assert set(status["stations"]) == {"CP01", "CP03"}
        assert status["transactions"]["open"] == 0


async def test_a_central_comes_and_goes_and_keeps_what_it_has_not_heard(tmp_path: Path) -> None:
    first, second = CentralSystem(SystemClock()), CentralSystem(SystemClock())
    for central in (first, second):
        await central.open()
    try:
        async with daemon(site(tmp_path)) as running, charger(running.port, "CP01") as station:
            await station.begin()
            await station.end()
            site(tmp_path, uplinks={"central": {"url": first.url}})
            await reloads(running)
            await until(lambda: "CP01" in first.links)
            station.register_wh += 100.0  # a start of equal content would be the first one told again
            await station.begin()
            await until(lambda: len(first.ledger.transactions) == 1)
            site(tmp_path, uplinks={"central": {"url": second.url}})
            await reloads(running)
            await until(lambda: "CP01" in second.links and not first.links)
            await station.end()
            await until(lambda: second.ledger.calls["StopTransaction"] == 1)
            site(tmp_path)
            await reloads(running)
            await until(lambda: not second.links)
            assert (await running.get("status"))["uplinks"] == {}
    finally:
        for central in (first, second):
            await central.cut()


async def test_what_waits_for_a_central_that_was_renamed_is_told_until_the_name_is_back(tmp_path: Path) -> None:
    away = {"url": "ws://127.0.0.1:9/ocpp"}
    async with daemon(site(tmp_path, uplinks={"old": away})) as running, charger(running.port, "CP01") as station:
        await station.begin()
        await station.end()

    def told(status: Any) -> list[Any]:
        return [
            problem for problem in status["problems"] if problem["where"] == "old" and "not in the" in problem["what"]
        ]

    async with daemon(site(tmp_path, uplinks={"new": away})) as running:
        await shows(running, lambda status: bool(told(status)), "messages for the old name")
        status = await running.get("status")
        (problem,) = told(status)
        unsent = status["transactions"]["unsent"]
        assert unsent >= 2
        assert int(problem["what"].rpartition(": ")[2]) >= unsent  # events of no transaction wait there too
        assert "uplinks.old" in problem["do"]
        site(tmp_path, uplinks={"old": away})
        await reloads(running)
        await shows(running, lambda status: not told(status), "the name is back")


async def test_a_broken_file_is_refused_whole_and_told(tmp_path: Path) -> None:
    async with daemon(site(tmp_path)) as running, charger(running.port, "CP01") as station:
        site(tmp_path, circuits={"grid": {"rated_a": 80, "base_load_worst_a": 35, "colour": "red"}})
        await reloads(running, "the one before goes on")
        assert "circuits.grid.colour" in running.log
        status = await running.get("status")
        assert rated(status) == 63
        (problem,) = [p for p in status["problems"] if p["where"] == "configuration"]
        assert "site.yaml:" in problem["what"]
        assert "sitectl check" in problem["do"]
        await station.begin()
        site(tmp_path, circuits={"grid": {"rated_a": 80, "base_load_worst_a": 35}})
        await reloads(running)
        await shows(running, lambda s: rated(s) == 80, "80 A")
        assert not [p for p in (await running.get("status"))["problems"] if p["where"] == "configuration"]
        await station.end()


async def test_what_is_open_for_life_and_what_is_not_to_be_had_is_refused_whole(tmp_path: Path) -> None:
    async with daemon(site(tmp_path)) as running:
        bigger = {"grid": {"rated_a": 80, "base_load_worst_a": 35}}
        site(tmp_path, circuits=bigger, site={"name": "depot-south", "data_dir": "elsewhere"})
        await reloads(running, "site.data_dir cannot change under a running site: restart it")
        ocpp = {"listen": "192.0.2.1:8887", "security_profile": 0, "unknown_stations": "reject"}
        site(tmp_path, circuits=bigger, ocpp=ocpp)
        await reloads(running, "cannot listen on 192.0.2.1:8887: no interface of this machine has that address")
        status = await running.get("status")
        assert (status["site"], rated(status)) == ("depot-north", 63)
        async with charger(running.port, "CP01") as station:
            await station.begin()
            await station.end()


async def test_another_meter_is_read_under_the_old_name(tmp_path: Path) -> None:
    async with meter() as first, meter() as second:
        second.measure(1.0, (20.0, 21.0, 22.0))
        async with daemon(site(tmp_path, **metered(first))) as running:
            await shows(running, lambda s: s["circuits"]["grid"]["measured_a"] == [10.0, 11.0, 12.0], "the first")
            site(tmp_path, **metered(second))
            await reloads(running)
            await shows(running, lambda s: s["circuits"]["grid"]["measured_a"] == [20.0, 21.0, 22.0], "the second")
            site(tmp_path)
            await reloads(running)
            assert (await running.get("status"))["meters"] == {}
