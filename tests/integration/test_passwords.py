"""A station is given a new password: taken in either form, at its own time, and nobody is ever locked out."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.e2e.rig import Daemon, daemon, site, sitectl
from tests.e2e.station import Charger, charger

PINNED = {"listen": "127.0.0.1:0", "security_profile": 1}


@asynccontextmanager
async def coming(running: Daemon, password: bytes) -> AsyncIterator[Charger]:
    async with charger(running.port, "CP01", additional_headers=basic_bytes(password)) as station:
        yield station


def basic_bytes(password: bytes) -> dict[str, str]:
    import base64

    return {"Authorization": "Basic " + base64.b64encode(b"CP01:" + password).decode()}


async def turned_away(running: Daemon, password: bytes) -> bool:
    try:
        async with connect(
            f"ws://127.0.0.1:{running.port}/ocpp/CP01",
            subprotocols=["ocpp1.6"],  # type: ignore[list-item]
            additional_headers=basic_bytes(password),
        ):
            return False
    except InvalidStatus as refused:
        return refused.response.status_code == 401


async def renewed(running: Daemon, station: Charger) -> str:
    told = await sitectl("station", "password", "CP01", "--show", "--json", "--socket", running.socket)
    assert told.status == 0, told
    password: str = json.loads(told.out)["password"]
    assert station.configuration["AuthorizationKey"] == password
    assert password not in running.log
    return password


@pytest.mark.parametrize("as_bytes", [False, True])
async def test_the_new_one_is_taken_in_either_form_and_the_old_one_ends(tmp_path: Path, *, as_bytes: bool) -> None:
    async with daemon(site(tmp_path, ocpp=PINNED)) as running:
        async with coming(running, b"first") as station:
            password = await renewed(running, station)
        async with coming(running, b"first"):
            pass  # it has not applied it yet
        shown = bytes.fromhex(password) if as_bytes else password.encode()
        async with coming(running, shown):
            pass
        assert await turned_away(running, b"first")
        assert await turned_away(running, b"another")
        async with coming(running, shown):
            pass


async def test_both_hold_over_a_restart_and_a_second_renewal(tmp_path: Path) -> None:
    config = site(tmp_path, ocpp=PINNED)
    async with daemon(config) as running, coming(running, b"first") as station:
        await renewed(running, station)
        newest = await renewed(running, station)
    async with daemon(config) as running:
        async with coming(running, b"first"):
            pass
        async with coming(running, newest.encode()):
            pass
        assert await turned_away(running, b"first")


async def test_who_cannot_be_told_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from-a-file")
    one = {"circuit": "grid", "max_a": 32, "phases": "L1L2L3"}
    stations = {"CP01": one | {"password_file": "secret"}, "CP02": one}
    async with daemon(site(tmp_path, ocpp=PINNED, stations=stations)) as running:

        async def said(id: str) -> str:
            return (await sitectl("station", "password", id, "--socket", running.socket)).err

        assert "change it there" in await said("CP01")
        assert "offline" in await said("CP02")
        assert "no station" in await said("CP99")
