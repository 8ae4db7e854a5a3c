"""`sitectl meter …` opposite a real device: on a line of its own, and through the daemon that owns the line."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.rig import daemon, site
from tests.integration.modbus_stub import ModbusStub, only_unit
from tests.unit.cli.test_main import sitectl
from tests.unit.meters.facts import SUNNY_NOON, image

NAME = "janitza-umg604"


@pytest.fixture
async def device() -> AsyncIterator[ModbusStub]:
    async with ModbusStub(image(NAME)) as stub:
        stub.behave = only_unit(1)
        yield stub


def metered(stub: ModbusStub) -> dict[str, Any]:
    return {
        "circuits": {"grid": {"rated_a": 63, "meter": "main", "base_load_worst_a": 35}},
        "meters": {"main": {"sheet": NAME, "connection": f"tcp://127.0.0.1:{stub.port}", "unit": 1}},
    }


async def asked(config: Path, *arguments: object, status: int = 0) -> Any:
    got, out, err = await asyncio.to_thread(sitectl, "meter", *arguments, "--json", "--config", config)
    assert got == status, err
    return json.loads(out)


async def test_without_a_daemon_the_line_is_opened_for_the_command(device: ModbusStub, tmp_path: Path) -> None:
    config = site(tmp_path, **metered(device))
    read = await asked(config, "read", "main")
    assert (read["schema"], read["meter"], read["sheet"], read["objection"]) == (1, "main", NAME, None)
    assert read["current_a"] == [41.25, -12.5, 0.75]
    assert read["values"]["l1_voltage"] == {"value": 231.5, "unit": "V"}
    scan = await asked(config, "scan", f"tcp://127.0.0.1:{device.port}", "--units", "1")
    assert [(found["unit"], found["trouble"]) for found in scan["found"]] == [(1, None)]
    assert NAME in [fit["sheet"] for fit in scan["found"][0]["fits"]]

    device.image = image(NAME, {**SUNNY_NOON, "frequency": 70.0})
    assert "70 Hz" in (await asked(config, "read", "main", status=1))["objection"]
    watch = ("meter", "watch", "main", "--count", "2", "--interval", "0.1", "--config", config)
    _, out, _ = await asyncio.to_thread(sitectl, *watch)
    assert [line[:4] for line in out.splitlines()] == ["main", "main"]
    status, _, err = await asyncio.to_thread(sitectl, "meter", "read", "mian", "--config", config)
    assert (status, "there are: main" in err) == (2, True)


async def test_through_the_daemon_that_owns_the_line(device: ModbusStub, tmp_path: Path) -> None:
    async with daemon(site(tmp_path, **metered(device))) as running:
        config = tmp_path / "site.yaml"
        assert (await asked(config, "read", "main"))["current_a"] == [41.25, -12.5, 0.75]
        by_socket = ("meter", "read", "main", "--json", "--socket", running.socket)
        assert json.loads((await asyncio.to_thread(sitectl, *by_socket))[1])["sheet"] == NAME
        scan = await asked(config, "scan", f"tcp://127.0.0.1:{device.port}", "--units", "1")
        assert [found["unit"] for found in scan["found"]] == [1]
        trial = await asked(config, "test", "main", "--seconds", "1")
        assert trial["ok"]
        assert trial["reads"] >= 2
        assert trial["since_start"]["answered"] >= trial["reads"]
        assert any("no station below it draws enough" in remark["text"] for remark in trial["remarks"])
        buses = (await running.get("buses"))["buses"]
        assert list(buses) == [f"127.0.0.1:{device.port}"]
        assert buses[f"127.0.0.1:{device.port}"]["units"]["1"]["answered"] > trial["reads"]
        connections = device.connections
    assert connections <= 3, "those of the daemon, and none of a command"
