"""Eight kinds of stations as they are found, each deviating in its own ways, on one site under the real daemon.

Each must charge, draw no more than it is allowed, and have its transaction arrive at the central, over real sockets.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sitectl.base.clock import SystemClock
from sitectl.base.tasks import Tasks
from sitectl.simulator.charge_point import ConnectorSpec
from sitectl.simulator.daemon_process import DaemonProcess, get_json
from sitectl.simulator.electrical import CircuitSpec
from sitectl.simulator.layout import ROOT, Layout, PlacedStation, site_yaml
from sitectl.simulator.site import SimulatedSite
from sitectl.simulator.units import UNITS, Unit, without_its_sheet
from sitectl.simulator.vehicle import VehicleSpec
from tests.integration.test_modbus import free_port

CLOCK = SystemClock()
MAX_A = 16.0
CAR = VehicleSpec(phases=1, max_a=32, reaction_s=0.5, ramp_up_a_per_s=20, ramp_down_a_per_s=40, shortfall_a=0.2)


@dataclass
class Running:
    """A site under the daemon."""

    site: SimulatedSite
    daemon: DaemonProcess
    socket: Path

    async def status(self) -> dict[str, Any]:
        return await get_json(self.socket, "/v1/status")

    async def told(self, stations: Iterable[str], within_s: float = 40.0) -> None:
        """Wait until each has accepted a limit; some must be left alone for a while after they have booted."""
        async with asyncio.timeout(within_s):
            while True:
                shown = (await self.status())["stations"]
                if all(shown[name]["evses"]["1"]["acknowledged_a"] is not None for name in stations):
                    return
                await asyncio.sleep(0.25)

    def connector(self, station: str) -> Any:
        return self.site.stations[station].charge_point.connectors[1]

    def drawn_a(self, station: str) -> float:
        return float(max(self.connector(station).drawn))


def layout(units: Iterable[Unit], rated_a: float) -> Layout:
    placed = []
    for unit in units:
        spec = unit.spec(unit.name.upper(), connectors=(ConnectorSpec(MAX_A),))
        placed.append(PlacedStation(spec, ROOT, MAX_A, unit.keys(spec) | {"profile_storage": "unknown"}))
    return Layout({ROOT: CircuitSpec(ROOT, rated_a)}, tuple(placed), base_load_worst_a=20.0)


@asynccontextmanager
async def running(units: Iterable[Unit], folder: Path, rated_a: float) -> AsyncIterator[Running]:
    built, port, tasks = layout(units, rated_a), free_port(), Tasks()
    site = SimulatedSite(built, f"ws://127.0.0.1:{port}", CLOCK, 1)
    await site.open()
    config = folder / "site.yaml"
    config.write_text(site_yaml(built, folder, ocpp_port=port, meter_port=site.meter.port, csms_url=site.csms.url))
    said: list[str] = []
    daemon = DaemonProcess([sys.executable, "-m", "sitectl", "run", "--config", str(config)], said.append)
    tasks.spawn(daemon.run(), "daemon")
    try:
        async with asyncio.timeout(20):
            await daemon.ready.wait()
        tasks.spawn(site.run(), "site")
        yield Running(site, daemon, folder / "sitectl.sock")
    finally:
        stopped = await daemon.stop()
        await tasks.cancel_all()
        await site.close()
    assert stopped, [*said, *daemon.last_lines]
    assert daemon.starts == 1, "the daemon has crashed"


async def until(true: Callable[[], bool], within_s: float) -> None:
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.1)


@pytest.mark.timeout(120)
async def test_each_charges_obeys_and_ends_a_transaction_that_reaches_the_central(tmp_path: Path) -> None:
    names = [name.upper() for name in UNITS]
    async with running(UNITS.values(), tmp_path, rated_a=125) as here:
        await until(lambda: all(here.site.stations[name].online for name in names), 10)
        for n, name in enumerate(names):
            here.site.stations[name].charge_point.plug(1, CAR, f"TAG{n}")
        charging = lambda: [name for name in names if here.drawn_a(name) > 5.0]  # noqa: E731
        await until(lambda: len(charging()) == len(names), 25)
        called_too_early = {name: here.site.stations[name].called_too_early for name in names}
        assert called_too_early == dict.fromkeys(names, 0)
        status = await here.status()
        shown = {name: status["stations"][name] for name in names}
        assert {name: one["online"] for name, one in shown.items()} == dict.fromkeys(names, True)

        def within(document: dict[str, Any]) -> dict[str, tuple[float, Any]]:
            """Who draws more than it is allowed: none of those that can be limited."""
            limits = {name: document["stations"][name]["evses"]["1"]["limit_a"] for name in names}
            return {
                name: (here.drawn_a(name), limit)
                for name, limit in limits.items()
                if limit is not None and here.drawn_a(name) > limit + 0.5
            }

        async def all_within() -> None:
            """A limit that was lowered a moment ago is still on its way."""
            for _ in range(40):
                if within(await here.status()) == {}:
                    return
                await asyncio.sleep(0.2)
            assert within(await here.status()) == {}

        await here.told([name for name in names if name != "OPENWB"])
        await all_within()
        here.site._base.level_a = 95.0  # 30 A are left for all of them, and the one that hears nobody draws 16 of them
        await asyncio.sleep(6.0)
        await all_within()
        assert here.drawn_a("OPENWB") > 15.0, "it cannot be told anything, so room was kept for it"
        assert sum(here.drawn_a(name) for name in names) < 32.0
        fuse = here.site.fuses[ROOT]
        assert fuse.longest_overload_s < 5.0, fuse
        here.site._base.level_a = 0.0
        for name in names:
            here.site.stations[name].charge_point.unplug(1, CLOCK.wall())
        await until(lambda: here.site.idle, 30)
        ended = lambda: {t.station for t in here.site.csms.ledger.transactions.values() if t.stopped}  # noqa: E731
        await until(lambda: ended() == set(names), 30)
        assert not here.site.csms.ledger.oddities
        told = {
            t.station: t.meter_stop_wh - t.meter_start_wh
            for t in here.site.csms.ledger.transactions.values()
            if t.meter_stop_wh
        }
        true = {name: sum(t.energy_wh for t in here.site.stations[name].charge_point.ledger) for name in names}
        assert {name: abs(told[name] - wh) < 1.5 for name, wh in true.items()} == dict.fromkeys(names, True), (
            told,
            true,
        )


@pytest.mark.full
@pytest.mark.timeout(180)
async def test_without_its_sheet_none_crashes_the_daemon_or_overloads_the_site_or_loses_a_transaction(
    tmp_path: Path,
) -> None:
    strangers = [replace(without_its_sheet(unit), sheet=None, at_own_address=False) for unit in UNITS.values()]
    names = [unit.name.upper() for unit in strangers]
    homeless = {"GRIZZL-E", "AUTEL"}
    """They name themselves where nobody looks without their sheets: they are turned away."""
    async with running(strangers, tmp_path, rated_a=63) as here:
        await asyncio.sleep(5.0)
        for n, name in enumerate(names):
            here.site.stations[name].charge_point.plug(1, CAR, f"TAG{n}")
        await asyncio.sleep(45.0)
        for name in names:
            here.site.stations[name].charge_point.unplug(1, CLOCK.wall())
        served = [name for name in names if name not in homeless]
        queues = lambda: [name for name in served if here.site.stations[name].charge_point.queue]  # noqa: E731
        await until(lambda: not queues(), 60)
        began = {
            (name, t.started): t.stopped is not None
            for name in served
            for t in here.site.stations[name].charge_point.ledger
        }
        ledger = here.site.csms.ledger.transactions
        await until(lambda: sum(t.stopped is not None for t in ledger.values()) == sum(began.values()), 20)
        assert here.site.fuses[ROOT].longest_overload_s < 5.0
