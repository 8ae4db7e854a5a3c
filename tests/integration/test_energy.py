"""Energy of a site that runs: counted by the unmodified daemon, told by `sitectl energy` and `sitectl export`."""

import asyncio
import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.e2e.rig import Daemon, background, daemon, meter, metered, site, sitectl
from tests.e2e.station import Charger, charger
from tests.integration.test_time import Machine

QUARTER_S = 900


def shift_to_end(machine: Machine, shift_s: float, before_s: float) -> float:
    """Let the clock show so many seconds before the end of the quarter that it shows."""
    shown = datetime.now(UTC).timestamp() + shift_s
    shift_s += QUARTER_S - shown % QUARTER_S - before_s
    machine.set(shift_s)
    return shift_s


async def quarters(running: Daemon, least: int) -> dict[str, list[dict[str, Any]]]:
    """By their beginning, once there are so many, and CP01 took something in the newest."""
    async with asyncio.timeout(60):
        while True:
            found: dict[str, list[dict[str, Any]]] = {}
            for one in (await running.get("energy?by=quarter"))["periods"]:
                found.setdefault(one["begin"], []).append(one)
            newest = found[max(found)] if found else []
            told = any(one["station"] == "CP01" and one["wh"] for one in newest)
            if len(found) >= least and told and newest[-1]["kind"] == "stations":
                return found
            await asyncio.sleep(0.2)


async def draw(station: Charger) -> None:
    """Its register moves, whatever it is told."""
    while True:
        await asyncio.sleep(0.5)
        station.register_wh += 4.0
        await station.sample()


async def test_quarters_are_counted_written_and_told(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    async with meter() as grid:
        about = {"name": "depot", "data_dir": "data", "timezone": "Europe/Berlin"}
        config = site(tmp_path, site=about, **metered(grid))
        async with daemon(config, **machine.options()) as running, charger(running.port, "CP01") as station:
            shift_s = shift_to_end(machine, 0.0, 3.0)
            await station.begin()
            async with background(draw(station)):
                await asyncio.sleep(5.0)  # into a quarter of which all is seen
                shift_to_end(machine, shift_s, 2.0)
                whole = await quarters(running, 2)
            shown, told_wh = sorted(whole)[1], station.register_wh - 1000
            by_kind = {(one["kind"], one["station"]): one for one in whole[shown]}
            assert 0 < by_kind["evse", "CP01"]["wh"] <= told_wh
            assert by_kind["evse", "CP01"]["notes"] == ["clock"]
            assert by_kind["evse", "CP02"]["wh"] is None
            assert by_kind["evse", "CP02"]["notes"] == ["clock"]
            assert by_kind["import", None]["wh"] is not None
            assert by_kind["stations", None]["notes"] == ["part"]
            await commands(running, tmp_path, shown, by_kind["evse", "CP01"]["wh"])
            again = await quarters(running, 2)
            await running.stop()
        async with daemon(config, **machine.options()) as running:
            assert (await quarters(running, 2))[shown] == again[shown]


async def commands(running: Daemon, folder: Path, begin: str, wh: int) -> None:
    """What people and programs are told."""
    socket = ("--socket", running.socket)
    table = await sitectl("energy", "--by", "quarter", *socket)
    assert (table.status, table.err) == (0, "")
    assert any(line.split()[-3:] == ["CP01:1", "EVSE", f"{wh / 1000:.3f}"] for line in table.out.splitlines())
    assert "* not known in whole" in table.out
    assert "Why: the clock was set" in table.out
    exported = await sitectl("export", "energy", "--station", "CP01", *socket)
    rows = list(csv.DictReader(io.StringIO(exported.out)))
    assert rows, exported
    moments = [datetime.fromisoformat(row["begin"]) for row in rows]
    assert [row["wh"] for row in rows if datetime.fromisoformat(row["begin"]) == datetime.fromisoformat(begin)] == [
        str(wh)
    ]
    assert {str(moment.utcoffset()) for moment in moments} <= {"1:00:00", "2:00:00"}
    out = folder / "transactions.json"
    await sitectl("export", "transactions", "--format", "json", "--out", out, *socket)
    (transaction,) = json.loads(out.read_text())["transactions"]
    assert (transaction["station"], transaction["stopped"]) == ("CP01", None)
    assert [path.name for path in folder.glob(".*.unfinished")] == []
    refused = await sitectl("energy", "--by", "quarter", "--since", "365d", *socket)
    assert refused.status == 1
    assert "use `sitectl export energy`" in refused.err
