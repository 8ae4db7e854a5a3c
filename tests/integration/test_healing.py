"""Healing of the daemon as a process, over real sockets: sick stations on an independent library."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.e2e.rig import Daemon, daemon, until
from tests.integration.sick_station import Body, living, sick_site


async def events(running: Daemon, type: str = "healing") -> list[dict[str, Any]]:
    """What happened of this type, oldest first."""
    from tests.e2e.rig import sitectl

    ended = await sitectl("events", "--json", "--type", type, "--since", "1h", "--socket", running.socket)
    assert ended.status == 0, ended
    import json

    return [json.loads(line) for line in ended.out.splitlines()]


async def test_a_fault_is_healed_by_one_reset(tmp_path: Path) -> None:
    body = Body()
    async with daemon(sick_site(tmp_path)) as running, living(running.port, body):
        await body.fails()
        await until(lambda: body.boots == 2 and body.now is not None, 20, "a restart")
        await asyncio.sleep(4)
        assert body.resets == ["Soft"]
        assert "StatusNotification" in body.triggered
