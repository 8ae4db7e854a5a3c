"""A stranger is taken in while the site runs, stays so over a restart, and is a stranger again when it is forgotten."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.e2e.rig import Daemon, basic, daemon, site, sitectl, until
from tests.e2e.station import Charger, charger

PROTECTED = {"listen": "127.0.0.1:0", "security_profile": 1, "commissioning_s": 0}


async def asked(running: Daemon, *words: str, status: int = 0) -> Any:
    told = await sitectl(*words, "--json", "--socket", running.socket)
    assert told.status == status, told
    return json.loads(told.out) if status == 0 else told.err


async def shows(running: Daemon, id: str, holds: Callable[[Any], bool]) -> None:
    for _ in range(100):
        seen = (await running.get("status"))["stations"].get(id)
        if seen is not None and holds(seen):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{id}: {seen}")


@asynccontextmanager
async def coming(running: Daemon, id: str, boots: str) -> AsyncIterator[Charger]:
    """A station with its password, and what its boot is answered."""
    headers = basic(id, "pencil-and-paper")
    async with charger(running.port, id, booted=False, additional_headers=headers) as station:
        assert (await station.boot()).status == boots
        yield station


async def let_go(station: Charger) -> None:
    """Wait until the daemon has ended its connection."""
    await until(lambda: station._connection.close_code is not None)


async def test_a_stranger_becomes_a_station_and_stays_one(tmp_path: Path) -> None:
    config = site(tmp_path, ocpp=PROTECTED)
    async with daemon(config) as running:
        async with coming(running, "CP77", "Pending") as stranger:
            await shows(running, "CP77", lambda seen: seen["quarantined"])
            found = await asked(running, "commission", "knocking")
            assert [(one["station"], one["vendor"]) for one in found["knocking"]] == [("CP77", "Acme")]
            adopt = ("station", "adopt", "CP77", "--max-a", "16", "--circuit")
            assert "cellar" in await asked(running, *adopt, "cellar", status=1)
            await asked(running, *adopt, "grid")
            await let_go(stranger)
            told = await running.get("status")
            assert (told["stations"]["CP77"]["vendor"], told["stations"]["CP77"]["online"]) == ("Acme", False)
            assert not [one for one in told["problems"] if one["where"] == "CP77" and "Never seen" in one["what"]]
            reason = told["stations"]["CP77"]["evses"]["1"]["reason"]
            assert reason.startswith("offline"), reason
        async with coming(running, "CP77", "Accepted"):
            await shows(running, "CP77", lambda seen: seen["online"] and not seen["quarantined"])
    async with daemon(config) as running:
        async with coming(running, "CP77", "Accepted") as known:
            shown = await running.get("config")
            assert shown["settings"]["stations"]["CP77"]["max_a"] == 16
            assert shown["origins"]["stations.CP77.max_a"].startswith("adopted")
            await asked(running, "station", "forget", "CP77")
            await let_go(known)
        async with coming(running, "CP77", "Pending"):
            pass
        assert "was not adopted" in await asked(running, "station", "forget", "CP77", status=1)
        listed = await asked(running, "station", "adopt", "CP01", "--circuit", "grid", "--max-a", "16", status=1)
        assert "listed in the configuration" in listed


async def test_the_window_lets_a_listed_station_in_and_no_longer(tmp_path: Path) -> None:
    async with daemon(site(tmp_path, ocpp=PROTECTED)) as running:
        assert (await asked(running, "commission", "window"))["open_until"] is None
        assert (await asked(running, "commission", "window", "--for", "10m"))["open_until"]
        async with coming(running, "CP01", "Accepted"):
            pass
        assert (await asked(running, "commission", "window", "--close"))["open_until"] is None
        async with coming(running, "CP01", "Accepted"):
            pass
