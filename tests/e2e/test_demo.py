"""`sitectl demo` with the unmodified daemon: short, and with the daemon killed in the middle."""

import asyncio
import json
import os
import re
import signal

from tests.e2e.rig import SITECTL, environment, sitectl


async def test_a_short_demo_is_well() -> None:
    ended = await sitectl("demo", "--seconds", "25", "--stations", "4", "--json", within_s=200)
    summary = json.loads(ended.out)
    assert (ended.status, summary["ok"], summary["problems"]) == (0, True, []), summary
    assert list(summary) == [
        "schema",
        "ok",
        "stations",
        "seconds",
        "circuits",
        "transactions",
        "energy_wh",
        "used_share",
        "commands_per_ev_hour",
        "cycle_ms",
        "problems",
    ]
    assert (summary["schema"], summary["stations"], summary["seconds"]) == (1, 4, 25.0)
    assert set(summary["circuits"]["grid"]) == {"rated_a", "peak_a", "overload_as", "longest_overload_s"}
    counts = summary["transactions"]
    assert counts["stations"] == counts["ledger"] == counts["csms"] > 0
    assert (counts["lost"], counts["doubled"]) == (0, 0)
    assert summary["energy_wh"] > 0


async def test_a_daemon_killed_in_the_middle_loses_nothing() -> None:
    process = await asyncio.create_subprocess_exec(
        *SITECTL,
        *("demo", "--seconds", "25", "--stations", "4", "--json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment(),
    )
    assert process.stdout is not None
    assert process.stderr is not None
    said = ""
    async with asyncio.timeout(200):
        while not re.search(r"^ +1[0-9]\.\d s ", said, re.MULTILINE):
            said += (await process.stderr.readline()).decode()
        pid = re.search(r"daemon pid (\d+)", said)
        assert pid is not None
        os.kill(int(pid[1]), signal.SIGKILL)
        rest, out = await asyncio.gather(process.stderr.read(), process.stdout.read())
        status = await process.wait()
    summary = json.loads(out)
    assert "signal 9" in rest.decode()
    assert (status, summary["ok"], summary["problems"]) == (0, True, []), summary
    counts = summary["transactions"]
    assert counts["stations"] == counts["ledger"] == counts["csms"] > 0
