"""`sitectl practice` around a daemon that serves on its own: cars charge, a password is taken, all ends with it."""

import asyncio
import os
import signal
from pathlib import Path

from tests.e2e.rig import SITECTL, daemon, environment, site, sitectl, until

PORTS = range(21_000, 31_000)


async def free_ports(count: int) -> list[int]:
    """Of this machine, outside of those that it gives to connections."""
    found = []
    for port in PORTS[os.getpid() % 9_000 :]:
        try:
            server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", port)
        except OSError:
            continue
        server.close()
        await server.wait_closed()
        found.append(port)
        if len(found) == count:
            break
    return found


async def test_a_site_is_practised_and_its_transactions_end_with_it(tmp_path: Path) -> None:
    listen, meter, central = await free_ports(3)
    config = site(
        tmp_path,
        ocpp={"listen": f"127.0.0.1:{listen}"},
        circuits={"grid": {"rated_a": 100, "meter": "main", "base_load_worst_a": 35}},
        meters={"main": {"sheet": "eastron-sdm630", "connection": f"tcp://127.0.0.1:{meter}", "unit": 1}},
        stations={f"CP0{n}": {"circuit": "grid", "max_a": 16, "phases": "unknown"} for n in (1, 2)},
        authorization=None,
        uplinks={"central": {"url": f"ws://127.0.0.1:{central}/ocpp"}},
        routing={"default": "central"},
    )
    said = tmp_path / "practice.log"
    async with daemon(config) as running:
        with said.open("w") as out:
            process = await asyncio.create_subprocess_exec(
                *(*SITECTL, "practice", "--config", str(config), "--at", "CP02"),
                stdout=out,
                stderr=out,
                env=environment(XDG_STATE_HOME=str(tmp_path / "state")),
            )
        try:
            await until(lambda: "CP02: connected, a car charges" in said.read_text(), 60, "a car that charges")
            await until(lambda: "NEW1: connects" in said.read_text(), 30, "a stranger")
            status = await running.get("status")
            assert (status["meters"]["main"]["state"], status["uplinks"]["central"]["state"]) == ("fresh", "online")
            told = await sitectl("station", "password", "CP01", "--socket", running.socket)
            assert "CP01: it took a new password" in told.out, told
            await until(lambda: any((tmp_path / "state").rglob("practice-*.json")), 30, "what it remembers")
            process.send_signal(signal.SIGINT)
            async with asyncio.timeout(60):
                assert await process.wait() == 0, said.read_text()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        (transaction,) = (await running.get("transactions"))["transactions"]
        assert transaction["station"] == "CP02"
        assert transaction["stopped"] is not None
    assert "the cars leave" in said.read_text()
