"""A backup with secrets holds every file that the configuration names, also what only the service manager may read."""

import asyncio
import json
import sqlite3
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sitectl.cli.doctor_checks import SECRET_KEYS
from sitectl.config.fields import Section
from sitectl.config.load import Loaded, load
from sitectl.daemon.backups import PUBLIC, SECRET, Backups
from sitectl.store.rows import Stamp

SITE = """\
site: {name: depot, data_dir: data}
ocpp: {listen: "127.0.0.1:0"}
circuits: {grid: {rated_a: 63, base_load_worst_a: 10}}
stations: {CP01: {circuit: grid, max_a: 32, phases: L1L2L3, password_file: secrets/CP01}}
healing: {rules_file: rules.yaml}
alerts:
- {webhook: "http://127.0.0.1:9/a", secret_file: hook.secret}
- {webhook: "http://127.0.0.1:9/b", token_file: hook.token}
authorization: {mode: free}
"""


def _sections(of: type[Section] = Section) -> list[type[Section]]:
    return [found for one in of.__subclasses__() for found in (one, *_sections(one))]


def test_no_kind_of_named_file_is_forgotten() -> None:
    named = {key for section in _sections() for key in section.model_fields if key.endswith("_file")}
    assert {"password_file", "rules_file", "token_file"} <= named <= PUBLIC | SECRET
    assert SECRET == SECRET_KEYS


async def test_every_named_file_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_over, data = tmp_path / "credentials", tmp_path / "data"
    handed_over.mkdir()
    data.mkdir()
    (handed_over / "secrets_CP01").write_text("only systemd may read it\n")
    (tmp_path / "rules.yaml").write_text("rules: []\n")
    for name in ("hook.secret", "hook.token"):
        (tmp_path / name).write_text(f"{name}\n")
        (tmp_path / name).chmod(0o600)
    (tmp_path / "site.yaml").write_text(SITE)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed_over))
    loaded = load(tmp_path / "site.yaml")
    assert isinstance(loaded, Loaded)
    with sqlite3.connect(data / "ledger.db") as ledger:
        ledger.execute("CREATE TABLE meta (key, value)")
    ledger.close()
    running = {"file": str(loaded.file), "settings": loaded.effective}
    backups = Backups(data, Stamp("gateway", 1), lambda: running, lambda: datetime(2026, 11, 30, tzinfo=UTC))
    with (tmp_path / "made").open("wb") as made:
        async for chunk in await backups.prepare(secrets=True):
            await asyncio.to_thread(made.write, chunk)
    with tarfile.open(tmp_path / "made") as tar:
        content = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    assert content["secrets/secrets/CP01"] == b"only systemd may read it\n"
    assert {"secrets/hook.secret", "secrets/hook.token", "configuration/rules.yaml"} <= content.keys()
    assert json.loads(content["manifest.json"])["left_out"] == []
