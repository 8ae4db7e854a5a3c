"""Meters of a whole daemon: one that is looked for, one that stands in, one that is reckoned, one made of stations."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.rig import Daemon, daemon, site
from tests.integration.modbus_stub import ModbusStub
from tests.unit.meters.facts import SUNNY_NOON, image
from tests.unit.meters.sunspec_devices import common, inverter, meter, row


async def seen(running: Daemon, what: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The status once `what` holds of it."""
    for _ in range(300):
        answer = await running.ask("status")
        if what(answer):
            return answer
        await asyncio.sleep(0.2)
    raise AssertionError(answer)


async def test_a_site_goes_by_its_substitute_while_the_meter_is_away(tmp_path: Path) -> None:
    feed = row([common("Fronius"), meter(203, a=(4125, 1250, 75), w=(9400, -2800, 160))])
    roof = row([common("Unheard-of"), inverter(103, a=(100, 100, 100), w=6900)])
    calm = {**SUNNY_NOON, "l1_current": 44.0}
    async with ModbusStub(feed) as main, ModbusStub(roof) as pv, ModbusStub(image("janitza-umg604", calm)) as spare:
        meters = {
            "main": {"sheet": "sunspec", "connection": f"tcp://127.0.0.1:{main.port}", "substitute": "spare"},
            "spare": {"sheet": "janitza-umg604", "connection": f"tcp://127.0.0.1:{spare.port}"},
            "pv": {"sheet": "sunspec", "connection": f"tcp://127.0.0.1:{pv.port}"},
            "house": {"sum": ["main"], "minus": ["pv"]},
            "cars": {"sheet": "stations"},
        }
        circuits = {
            "grid": {"rated_a": 100, "meter": "main", "base_load_worst_a": 60, "generation_a": 20},
            "garage": {"parent": "grid", "rated_a": 63, "meter": "cars"},
        }
        stations = {"CP01": {"circuit": "garage", "max_a": 32, "phases": "L1L2L3", "fallback_a": 0}}
        config = site(tmp_path, meters=meters, circuits=circuits, stations=stations)
        async with daemon(config) as running:
            fresh = await seen(running, lambda s: all(m["state"] == "fresh" for m in s["meters"].values()))
            assert fresh["meters"]["main"]["current_a"] == [41.2, -12.5, 0.8]
            assert fresh["meters"]["pv"]["current_a"] == [-10.0, -10.0, -10.0]
            assert fresh["meters"]["house"]["current_a"] == [51.2, -2.5, 10.8]
            assert fresh["meters"]["house"]["power_w"] == 6760 + 6900
            assert fresh["meters"]["cars"]["current_a"] == [32.0, 32.0, 32.0], (
                "nobody has heard of CP01: it counts whole"
            )
            assert fresh["circuits"]["grid"]["measured_a"] == [41.2, -12.5, 0.8]

            await main.stop()
            away = await seen(running, lambda s: s["circuits"]["grid"]["measured_a"] == [44.0, -12.5, 0.8])
            assert (away["circuits"]["grid"]["meter"], away["state"]) == ("fresh", "degraded")
            assert away["meters"]["main"]["state"] in ("stale", "lost")
            stands_in = ("grid", "Read by the substitute spare of meter main")
            await seen(running, lambda s: stands_in in {(one["where"], one["what"]) for one in s["problems"]})
            house = await seen(running, lambda s: s["meters"]["house"]["state"] in ("stale", "lost"))
            assert any("its part main: " in problem["what"] for problem in house["problems"])
