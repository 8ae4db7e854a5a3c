"""What the daemon writes to its log: little, and no secret."""

import re
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from sitectl.base.clock import SystemClock
from sitectl.simulator.csms import CentralSystem
from tests.e2e.rig import basic, daemon, site, sitectl, until
from tests.e2e.station import charger


async def test_no_secret_reaches_the_log(tmp_path: Path) -> None:
    for name, word in (("station.txt", "correct-horse-battery"), ("central.txt", "CP01:staple-of-the-central")):
        (tmp_path / name).write_text(word + "\n")
        (tmp_path / name).chmod(0o600)
    stations = {"CP01": {"circuit": "grid", "max_a": 32, "phases": "L1L2L3", "password_file": "station.txt"}}
    central = CentralSystem(SystemClock(), passwords={"CP01": "staple-of-the-central"})
    await central.open()
    uplinks = {"central": {"url": central.url, "passwords_file": "central.txt"}}
    secured = {"listen": "127.0.0.1:0", "security_profile": 1}
    config = site(tmp_path, ocpp=secured, stations=stations, uplinks=uplinks)
    async with daemon(config, "--verbose") as running:
        with pytest.raises(InvalidStatus):
            async with charger(running.port, "CP01", additional_headers=basic("CP01", "wrong-horse-battery")):
                pass
        async with charger(running.port, "CP01", additional_headers=basic("CP01", "correct-horse-battery")):
            await until(lambda: "CP01" in central.links)
            key = {"key": "AuthorizationKey", "value": "a-new-secret-of-the-central"}
            await central.call("CP01", "ChangeConfiguration", key)
        shown = await sitectl("config", "show", "--effective", "--socket", running.socket)
        events = await sitectl("events", "--json", "--socket", running.socket)
        await running.stop()
    await central.cut()
    for secret in (
        "horse-battery",
        "staple",
        "a-new-secret",
        basic("CP01", "correct-horse-battery")["Authorization"][6:],
    ):
        for said in (running.log, shown.out, events.out):
            assert secret not in said


async def test_the_log_of_a_quiet_site_is_short(tmp_path: Path) -> None:
    async with daemon(site(tmp_path)) as running:
        async with charger(running.port, "CP01") as station:
            await station.begin()
            await station.sample()
            await station.end()
        await running.stop()
    levels = [line.split()[1] for line in running.log.splitlines() if re.match(r"\d{4}-\d\d-\d\dT", line)]
    assert set(levels) == {"INFO"}
    assert len(running.log.splitlines()) < 25, running.log
