"""`sitectl doctor` on a site that runs and on one that does not; a support bundle without a planted secret."""

import base64
import csv
import gzip
import io
import json
import os
import tarfile
from pathlib import Path

from ocpp.v16 import call

from tests.e2e.rig import daemon, meter, metered, site, sitectl
from tests.e2e.station import charger

PASSWORD = "kT7-planted-station-password-0001"
UPLINK = "kT7-planted-uplink-password-0002"
CENTRAL_URL = "kT7-planted-in-an-url-0003"
LOGGED = "kT7-planted-in-the-log-0004"
OVER_THE_WIRE = "kT7-planted-over-the-wire-0005"
MAILED = "kT7-planted-mail-password-0006"
HOOK, HOOK_TOKEN = "kT7-planted-in-a-webhook-0007", "kT7-planted-hook-token-0008"
TAG, LISTED = "PLANTEDTAG77", "PLANTEDLISTED88"
PLANTED = (PASSWORD, UPLINK, CENTRAL_URL, LOGGED, OVER_THE_WIRE, MAILED, HOOK, HOOK_TOKEN, TAG, LISTED)


def planted(folder: Path, **sections: object) -> Path:
    """A site with a secret in every place that can hold one."""
    files = {
        "cp01.password": PASSWORD,
        "uplink.passwords": f"CP01:{UPLINK}\n",
        "mail.password": MAILED,
        "hook.token": HOOK_TOKEN,
        "tokens.csv": f"id_token,group,parent,valid_until,note\n{LISTED},,,,\n",
    }
    for name, content in files.items():
        (folder / name).write_text(content)
        (folder / name).chmod(0o600)
    stations = {"CP01": {"circuit": "grid", "max_a": 32, "phases": "L1L2L3", "password_file": "cp01.password"}}
    config = site(
        folder,
        stations=stations,
        uplinks={"central": {"url": "ws://127.0.0.1:9/ocpp", "passwords_file": "uplink.passwords"}},
        authorization={"mode": "list", "tokens_file": "tokens.csv", "offline_unknown": "accept"},
        alerts=[{"smtp": "127.0.0.1:9", "from": "a@example.com", "to": "b@example.com", "user": "depot",
                 "password_file": "mail.password", "tls": "none"},
                {"webhook": f"http://127.0.0.1:9/{HOOK}", "token_file": "hook.token"}],
        **sections,
    )  # fmt: skip
    config.write_text(config.read_text() + f"# the old one was ws://x:{CENTRAL_URL}@example.com/\n")
    return config


def journal(folder: Path) -> str:
    """A journalctl whose log is full of secrets; the PATH that finds it."""
    folder.mkdir()
    script = folder / "journalctl"
    lines = [
        f"started with password={LOGGED}",
        f"GET /ocpp/CP01 Authorization: Basic {base64.b64encode(f'CP01:{PASSWORD}'.encode()).decode()}",
        f"token {TAG} was refused; {LISTED.lower()} was not",
    ]
    script.write_text("#!/bin/sh\ncat <<'END'\n" + "\n".join(lines) + "\nEND\n")
    script.chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


async def test_a_bundle_holds_what_support_needs_and_no_secret(tmp_path: Path) -> None:
    bundle, path = tmp_path / "support.tar.gz", journal(tmp_path / "bin")
    async with meter() as grid:
        config = planted(tmp_path, **metered(grid))
        header = base64.b64encode(f"CP01:{PASSWORD}".encode()).decode()
        async with daemon(config) as running:
            async with charger(
                running.port, "CP01", additional_headers={"Authorization": f"Basic {header}"}
            ) as station:
                await station.begin(TAG)
                await station.say(call.DataTransfer("Acme", "config", json.dumps({"wifiPassword": OVER_THE_WIRE})))
                shown = await sitectl("doctor", "--bundle", bundle, "--config", config, PATH=path)
                assert shown.status in (1, 5), shown
                told = await sitectl("inventory", "--config", config, "--json")
                lines = await sitectl("inventory", "--csv", "--config", config)
            await running.stop()
    content = gzip.decompress(bundle.read_bytes())
    for secret in PLANTED:
        for form in (secret, secret.lower(), secret.encode().hex(), base64.b64encode(secret.encode()).decode()[:-4]):
            assert form.encode() not in content, secret
            assert form.encode() not in bundle.read_bytes()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        members = {name.removeprefix("sitectl-bundle/"): tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    assert {"doctor.json", "status.json", "inventory.json", "configuration.json", "events.json", "versions.json"} <= {
        *members
    }
    assert {"configuration.yaml", "log.txt", "transactions.json", "timeline/CP01.json"} <= {*members}
    assert b"BootNotification" in members["timeline/CP01.json"]
    assert b"token-" in members["transactions.json"]
    assert b"was refused" in members["log.txt"]
    assert bundle.stat().st_mode & 0o777 == 0o600
    station_told = json.loads(told.out)["stations"]["CP01"]
    assert (station_told["vendor"], station_told["model"], station_told["firmware"]) == ("Acme", "AC-22", "1.2")
    assert station_told["evses"]["1"]["phases"] == "L1L2L3"
    assert station_told["last_seen"] is not None
    kinds = [row["kind"] for row in csv.DictReader(io.StringIO(lines.out))]
    assert kinds == ["gateway", "station", "meter", "uplink"]


async def test_what_is_wrong_is_said_with_what_to_do(tmp_path: Path) -> None:
    async with meter() as grid:
        config = site(tmp_path, **metered(grid))
        async with daemon(config) as running, charger(running.port, "CP01"):
            ended = await sitectl("doctor", "--json", "--config", config)
            found = json.loads(ended.out)["findings"]
            assert (ended.status, ended.err) == (5, "")
            levels = {(one["check"], one["level"]) for one in found}
            assert {("configuration", "ok"), ("meters", "ok"), ("control", "ok"), ("versions", "ok")} <= levels
            assert ("problems", "warning") in levels  # three stations never came
            assert all(one["do"] for one in found if one["level"] != "ok")
            (tmp_path / "data").chmod(0o777)
            await grid.close()
            worse = await sitectl("doctor", "--config", config)
            assert worse.status == 1
            assert "may be written by everybody" in worse.out
            assert "sitectl meter test main" in worse.out
            await running.stop()
    away = await sitectl("doctor", "--config", config)
    assert away.status == 1
    assert "no daemon answers" in away.out
    assert "systemctl start sitectl" in away.out
    none = await sitectl("doctor", "--config", tmp_path / "nothing.yaml", "--json")
    assert none.status == 1
    assert {one["check"] for one in json.loads(none.out)["findings"]} >= {"configuration", "daemon", "clock", "memory"}
