"""`sitectl backup` of a site that runs, and `sitectl restore` of it: here, and on another machine."""

import json
import shutil
import sqlite3
from pathlib import Path

from tests.e2e.rig import daemon, site, sitectl
from tests.e2e.station import charger

SECRET = "the password of a station"


def with_secret(folder: Path) -> Path:
    (folder / "cp01.password").write_text(SECRET)
    (folder / "cp01.password").chmod(0o600)
    (folder / "stations.d").mkdir()
    (folder / "stations.d" / "acme.yaml").write_text("id: acme\ntitle: Acme\ntransport: {pongs: false}\n")
    stations = {"CP01": {"circuit": "grid", "max_a": 32, "phases": "L1L2L3", "password_file": "cp01.password"}}
    return site(folder, stations=stations)


async def test_a_backup_is_put_back_here_and_elsewhere(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    config, made, whole = with_secret(here), tmp_path / "depot.backup", tmp_path / "whole.backup"
    async with daemon(config) as running:
        auth = {"additional_headers": {"Authorization": "Basic Q1AwMTp0aGUgcGFzc3dvcmQgb2YgYSBzdGF0aW9u"}}
        async with charger(running.port, "CP01", **auth) as station:
            await station.begin()
        told = await sitectl("backup", made, "--config", config)
        assert (told.status, told.err) == (0, "")
        assert "depot-north" in told.out
        assert "without keys and passwords" in told.out
        assert made.stat().st_mode & 0o777 == 0o600
        assert SECRET.encode() not in made.read_bytes()
        listed = json.loads((await sitectl("backup", "--secrets", whole, "--config", config, "--json")).out)["manifest"]
        names = {file["name"] for file in listed["files"]}
        assert {"ledger.db", "configuration/site.yaml", "secrets/cp01.password"} <= names
        assert "configuration/stations.d/acme.yaml" in names
        assert SECRET.encode() in whole.read_bytes()
        busy = await sitectl("restore", made, "--config", config)
        assert (busy.status, "stop it (`systemctl stop sitectl`)" in busy.err) == (1, True)
        assert [path.name for path in (here / "data").iterdir() if "unfinished" in path.name] == []
        await running.stop()
    config.write_text(config.read_text().replace("depot-north", "depot-south"))
    put_back = await sitectl("restore", made, "--config", config)
    assert (put_back.status, put_back.err) == (0, ""), put_back
    assert "site.yaml is left as it is; that of the backup:" in put_back.out
    assert "depot-north" in (here / "site.yaml.from-backup").read_text()
    async with daemon(config) as running:
        (transaction,) = (await running.get("transactions"))["transactions"]
        assert transaction["station"] == "CP01"
        await running.stop()
    new = there / "site.yaml"
    elsewhere = await sitectl("restore", whole, "--config", new)
    assert (elsewhere.status, elsewhere.err) == (0, ""), elsewhere
    assert (there / "cp01.password").read_text() == SECRET
    assert (there / "cp01.password").stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(there / "data" / "ledger.db") as ledger:
        assert ledger.execute("SELECT station FROM transactions").fetchall() == [("CP01",)]
    ledger.close()
    shutil.rmtree(there / "data")
    (there / "data").mkdir()
    (there / "data" / "ledger.db.identity").write_text('{"gateway_id": "another", "epoch": 1, "slices": [1]}')
    foreign = await sitectl("restore", whole, "--config", new)
    assert (foreign.status, "--take-over" in foreign.err) == (1, True)
    assert (await sitectl("restore", "--take-over", whole, "--config", new)).status == 0


async def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    config = site(tmp_path)
    away = await sitectl("backup", tmp_path / "b", "--config", config)
    assert (away.status, "no daemon answers" in away.err) == (3, True)
    assert [path.name for path in tmp_path.iterdir()] == ["site.yaml"]
    missing = await sitectl("restore", tmp_path / "b", "--config", config)
    assert (missing.status, "No such file" in missing.err) == (1, True)
    (tmp_path / "b").write_text("x")
    none = await sitectl("restore", tmp_path / "b", "--config", config)
    assert (none.status, "is no backup of sitectl" in none.err) == (1, True)
