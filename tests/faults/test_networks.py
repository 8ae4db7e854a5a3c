"""A gateway that is up before its network: the address where stations are awaited comes later, goes, and comes again.

Row X5 of the catalogue of faults: nothing waits for the network, the site is shared and shown meanwhile, and stations
are served as soon as there is a way to them, over IPv6 alone, too.
"""

import asyncio
import re
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rig import SITECTL, Daemon, environment, site, until
from tests.faults.networks import Network, network_of_the_dead, no_networks, own_network
from tests.integration.test_time import LONG_AGO_S, Machine

SILENT: dict[str, Any] = {
    "ocpp": {"listen": "127.0.0.1:8887", "security_profile": 0, "unknown_stations": "reject"},
    "circuits": {"grid": {"rated_a": 63, "meter": "main", "base_load_worst_a": 35}},
    "meters": {
        "main": {"sheet": "eastron-sdm630", "connection": "tcp://127.0.0.1:502", "unit": 1},
        "spare": {"sheet": "eastron-sdm630", "connection": "tcp://meter.invalid:502", "unit": 1},
    },
    "uplinks": {"central": {"url": "wss://csms.invalid/ocpp"}},
    "mqtt": {"host": "127.0.0.1", "port": 1883, "topic": "sitectl"},
}
NAMES = """\
import asyncio, uvloop
from sitectl.base.names import places
async def main():
    dead = [asyncio.ensure_future(places(f"central{n}.invalid", 443)) for n in range(40)]
    dead += [asyncio.ensure_future(places("central.invalid", 443)) for _ in range(1000)]
    await asyncio.sleep(0)
    assert await places("localhost", 502)
    assert not any(lookup.done() for lookup in dead)
    print("known")
uvloop.run(main())
print("over")
"""
TROUBLE = re.compile("offline|refused|no good reading|did not answer|timed out|lost|cannot", re.IGNORECASE)
HERE = "ocpp.listen"
OCPP = {"security_profile": 0, "unknown_stations": "reject", "allow_from": ["10.99.0.0/24", "fd00:99::/64"]}


async def problem(running: Daemon, there: bool) -> dict[str, Any]:
    """Wait until status shows that stations cannot come, or shows it no longer; the status."""
    async with asyncio.timeout(30):
        while True:
            status: dict[str, Any] = await running.get("status")
            if there == any(problem["where"] == HERE for problem in status["problems"]):
                return status
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("address", [pytest.param("10.99.0.1", marks=pytest.mark.full), "fd00:99::1"])
async def test_it_serves_before_its_address_is_there_and_stations_as_soon_as_it_is(
    tmp_path: Path, address: str
) -> None:
    if why := no_networks():
        pytest.skip(f"no network of its own: {why}")
    host = f"[{address}]" if ":" in address else address
    config = site(tmp_path, ocpp=OCPP | {"listen": f"{host}:8887"})
    with own_network() as network:
        running = Daemon(config, command=(*network.command, *SITECTL))
        try:
            await running.start()
            assert f"{address} is no address of this machine yet" in running.log
            status = await problem(running, there=True)
            told = next(problem for problem in status["problems"] if problem["where"] == HERE)
            assert told["what"].startswith(f"Stations cannot connect at {address}")
            assert "bring the interface up" in told["do"]
            assert (status["circuits"]["grid"]["rated_a"], status["state"]) == (63, "degraded")  # shared meanwhile
            await comes_and_goes(network, running, address, f"ws://{host}:8887/CP01")
            await running.stop()
        finally:
            if running.running:
                await running.kill()


async def comes_and_goes(network: Network, running: Daemon, address: str, url: str) -> None:
    """Twice, under one listener."""
    for _ in range(2):
        network.give(address)
        assert (await network.boot(url))[0] == "Accepted"
        await problem(running, there=False)
        network.take(address)
        await problem(running, there=True)
    assert running.log.count("sitectl ready") == 1


async def test_it_serves_while_everything_else_keeps_silent(tmp_path: Path) -> None:
    """Row P5, with a clock far in the past: nothing says no and nothing answers, so whoever waited would be seen."""
    if why := no_networks():
        pytest.skip(f"no network of its own: {why}")
    with network_of_the_dead(tmp_path) as network:
        machine = Machine(tmp_path)
        machine.set(LONG_AGO_S)
        options = machine.options()
        command = (*network.command, *options.pop("command"))
        running = Daemon(site(tmp_path, **SILENT), command=command, **options)
        try:
            await running.start()
            assert TROUBLE.search(running.log.partition("sitectl ready")[0]) is None  # nobody was waited for
            assert await network.boot("ws://127.0.0.1:8887/CP01") == ["Accepted", "6.0"]
            await until(lambda: b"csms" in network.names_asked, 30, "the central's name is asked for")
            status = await running.get("status")
            assert status["stations"]["CP01"]["evses"]["1"]["fallback_a"] == 6
            assert status["cycle"]["count"] > 0
            running.signal(signal.SIGTERM)
            assert await running.ended(30) == 0
            assert "never retrieved" not in running.log
            assert "Traceback" not in running.log
        finally:
            if running.running:
                await running.kill()


async def test_a_name_that_nobody_answers_for_holds_up_no_other_and_no_end(tmp_path: Path) -> None:
    if why := no_networks():
        pytest.skip(f"no network of its own: {why}")
    with network_of_the_dead(tmp_path) as network:
        process = await asyncio.create_subprocess_exec(
            *network.command, sys.executable, "-c", NAMES, stdout=asyncio.subprocess.PIPE, env=environment()
        )
        assert process.stdout is not None
        assert await process.stdout.readline() == b"known\n"  # from /etc/hosts, while all others wait
        assert await process.stdout.readline() == b"over\n"
        assert await process.wait() == 0
        assert b"central39" in network.names_asked


def test_no_unit_waits_for_the_network() -> None:
    """Whatever orders the service behind a network that may never come would keep the fuses unwatched."""
    folder = Path(__file__).parents[2] / "systemd"
    for unit in folder.glob("sitectl*"):
        orders = [line for line in unit.read_text().splitlines() if line and not line.startswith("#")]
        assert not any("network-online" in line or "time-sync" in line for line in orders), unit
