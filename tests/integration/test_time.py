"""A gateway that boots without knowing the time, as a process: what it tells stations, keeps, sends and puts right."""

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ocpp.v16 import call

from sitectl.base.clock import SystemClock
from sitectl.base.units import format_utc, parse_timestamp
from sitectl.simulator.csms import CentralSystem
from tests.e2e.rig import daemon, site, until
from tests.e2e.station import Charger, charger

PATCH = """
import os, datetime, sitectl.base.clock as clock, sitectl.base.gateway_clock as gateway
wall = clock.SystemClock.wall
def shifted(self):
    with open(os.environ["SHIFT_FILE"]) as file:
        return wall(self) + datetime.timedelta(seconds=float(file.read()))
clock.SystemClock.wall = shifted
gateway._kernel_is_synchronised = lambda: False
from sitectl.cli.main import main
main()
"""
LONG_AGO_S = -55 * 365 * 86_400.0


def moment(text: str) -> datetime:
    read = parse_timestamp(text)
    assert read is not None
    return read[0]


class Machine:
    """The clock of the machine that the daemon runs on."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "shift"
        self.script = folder / "shifted.py"
        self.script.write_text(PATCH)
        self.set(0.0)

    def set(self, shift_s: float) -> None:
        new = self.file.with_suffix(".new")
        new.write_text(str(shift_s))
        new.replace(self.file)

    def options(self) -> dict[str, Any]:
        return {"command": (sys.executable, str(self.script)), "SHIFT_FILE": str(self.file)}


def near(text: str, expected: datetime, within_s: float = 20.0) -> bool:
    return abs((moment(text) - expected).total_seconds()) <= within_s


async def began_by(station: Charger, shown: str, wh: int) -> str:
    """Start a transaction, stamped by the time that the station was told."""
    answer = await station.say(call.StartTransaction(1, "TAG", wh, shown))
    await station.say(call.StopTransaction(wh + 500, shown, answer.transaction_id))
    return shown


async def test_a_gateway_that_boots_in_1970_puts_everything_right_once_its_clock_is_set(tmp_path: Path) -> None:
    machine, central = Machine(tmp_path), CentralSystem(SystemClock())
    config = site(tmp_path, uplinks={"central": {"url": "ws://127.0.0.1:9/none"}})
    machine.set(-86_400.0)
    async with daemon(config, **machine.options()) as running, charger(running.port, "CP01") as station:
        await station.begin()
        await running.stop()
    last_known = datetime.now(UTC) - timedelta(days=1)
    machine.set(LONG_AGO_S)
    async with daemon(config, **machine.options()) as running:
        async with charger(running.port, "CP01", booted=False) as station:
            told = (await station.boot()).current_time
            assert near(told, last_known), "time goes on from what the ledger knows"
            (problem,) = [p for p in (await running.get("status"))["problems"] if p["where"] == "clock"]
            assert "not set" in problem["what"]
            await began_by(station, told, 5000)
            machine.set(0.0)
            await until(lambda: "the time is known" in running.log)
            (row, *_) = (await running.get("transactions"))["transactions"]
            assert near(row["started"], datetime.now(UTC))
            assert near(row["stopped"], datetime.now(UTC))
            assert row["clock"] == {"started": "estimated", "stopped": "estimated"}
            assert near((await station.say(call.Heartbeat())).current_time, datetime.now(UTC))
            assert not [p for p in (await running.get("status"))["problems"] if p["where"] == "clock"]
        await running.stop()
    await central.open()
    site(tmp_path, uplinks={"central": {"url": central.url}})
    try:
        async with daemon(config, **machine.options()) as running:
            await until(lambda: any(t.meter_stop_wh == 5500 for t in central.ledger.transactions.values()))
            (told_up,) = [t for t in central.ledger.transactions.values() if t.meter_start_wh == 5000]
            assert near(told_up.started, datetime.now(UTC), 40.0)
            await running.stop()
    finally:
        await central.cut()


async def test_a_central_tells_the_time(tmp_path: Path) -> None:
    machine, central = Machine(tmp_path), CentralSystem(SystemClock())
    machine.set(LONG_AGO_S)
    await central.open()
    config = site(tmp_path, uplinks={"central": {"url": central.url}})
    try:
        async with daemon(config, **machine.options()) as running, charger(running.port, "CP01") as station:
            await station.begin()
            await until(lambda: "the time is known" in running.log)
            await until(lambda: len(central.ledger.transactions) == 1)
            (row,) = (await running.get("transactions"))["transactions"]
            assert near(row["started"], datetime.now(UTC))
            (told_up,) = central.ledger.transactions.values()
            assert near(told_up.started, datetime.now(UTC))
            assert near((await running.get("status"))["time"], datetime.now(UTC))
            await station.end()
            await running.stop()
    finally:
        await central.cut()


async def test_a_jump_of_a_clock_that_was_known_disturbs_nothing(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    async with daemon(site(tmp_path), **machine.options()) as running, charger(running.port, "CP01") as station:
        await station.say(call.StartTransaction(1, "TAG", 100, "garbage"))
        machine.set(-3600.0)
        await until(lambda: "jumped by -3600" in running.log)
        station.register_wh = 900.0
        (row,) = (await running.get("transactions"))["transactions"]
        await station.say(call.StopTransaction(900, "garbage", int(row["station_id"])))
        count = (await running.get("status"))["cycle"]["count"]
        machine.set(86_400.0)
        await until(lambda: "jumped by 90000" in running.log)
        async with asyncio.timeout(30):
            while (await running.get("status"))["cycle"]["count"] <= count:
                await asyncio.sleep(0.1)
        await asyncio.sleep(1.0)
        (row,) = (await running.get("transactions"))["transactions"]
        assert moment(row["stopped"]) >= moment(row["started"])
        assert format_utc(moment(row["started"])) == row["started"]
        await running.stop()
        assert "Traceback" not in running.log
