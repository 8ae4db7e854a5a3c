"""A backlog of days, and a central that is back: all of it, in order, and what happens meanwhile goes first."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.bench.backlogs import build, charges
from tests.e2e.rig import daemon, site, until
from tests.e2e.station import charger
from tests.integration.csms import Csms, csms

KEPT = ["CP01", "CP02", "CP03"]
DAYS, A_DAY, MINUTES = 2, 2, 25
TRANSACTIONAL = ("StartTransaction", "MeterValues", "StopTransaction")


def of_transactions(central: Csms, station: str) -> list[tuple[str, dict[str, Any]]]:
    return [(what, told) for who, what, told in central.heard if who == station and what in TRANSACTIONAL]


def whole(messages: list[tuple[str, dict[str, Any]]]) -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """The messages of one transaction after the other; they must not be mixed."""
    size = MINUTES + 2
    for first in range(0, len(messages), size):
        yield messages[first : first + size]


async def test_days_without_the_central_go_up_in_order_and_live_traffic_first(tmp_path: Path) -> None:
    begins = datetime.now(UTC).replace(microsecond=0) - timedelta(days=DAYS, minutes=10)
    messages = await build(tmp_path / "data", charges(KEPT, begins, DAYS, A_DAY, MINUTES))
    async with csms() as central:
        config = site(tmp_path, uplinks={"central": {"url": central.url, "replay_per_s": 100}})
        async with (
            daemon(config) as running,
            charger(running.port, "CP01") as kept,
            charger(running.port, "CP04") as new,
        ):
            await kept.status("Preparing")
            await new.begin()
            await new.end()
            await until(lambda: bool(central.of("StopTransaction", "CP04")))
            await until(lambda: "Preparing" in [t["status"] for t in central.of("StatusNotification", "CP01")])
            waiting = messages - sum(len(of_transactions(central, station)) for station in KEPT)
            assert waiting > messages / 3, "they were heard while most of it still waited"
            await until(lambda: sum(len(of_transactions(central, station)) for station in KEPT) == messages)
            async with asyncio.timeout(30.0):
                while (await running.get("status"))["transactions"] != {"open": 0, "unsent": 0, "dead": 0}:
                    await asyncio.sleep(0.1)
            await running.stop()
    for station in KEPT:
        told = of_transactions(central, station)
        stamps = [t["timestamp"] if "timestamp" in t else t["meter_value"][0]["timestamp"] for _, t in told]
        assert stamps == sorted(stamps)
        ids = set()
        for one in whole(told):
            assert [what for what, _ in one] == ["StartTransaction", *["MeterValues"] * MINUTES, "StopTransaction"]
            (id,) = {payload["transaction_id"] for _, payload in one[1:]}
            ids.add(id)
        assert len(ids) == DAYS * A_DAY
