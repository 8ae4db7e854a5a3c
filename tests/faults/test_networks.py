"""A gateway that is up before its network: the address where stations are awaited comes later, goes, and comes again.

Row X5 of the catalogue of faults: nothing waits for the network, the site is shared and shown meanwhile, and stations
are served as soon as there is a way to them, over IPv6 alone, too.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rig import SITECTL, Daemon, site
from tests.faults.networks import Network, no_networks, own_network

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
        assert await network.boot(url) == "Accepted"
        await problem(running, there=False)
        network.take(address)
        await problem(running, there=True)
    assert running.log.count("sitectl ready") == 1


def test_no_unit_waits_for_the_network() -> None:
    """Whatever orders the service behind a network that may never come would keep the fuses unwatched."""
    folder = Path(__file__).parents[2] / "systemd"
    for unit in folder.glob("sitectl*"):
        orders = [line for line in unit.read_text().splitlines() if line and not line.startswith("#")]
        assert not any("network-online" in line or "time-sync" in line for line in orders), unit
