"""The support bundle: what the daemon says, the last hour of every wire, the log, the configuration; without secrets.

It is put together in memory, secrets are taken out of every part once all of them are known, and a last look goes over
what is left: where anything is found, nothing is written.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import platform
import re
import shutil
import sqlite3
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from importlib.metadata import distributions
from itertools import islice
from pathlib import Path
from typing import Any

from sitectl.base.clock import SystemClock
from sitectl.cli.client import Client, DaemonAway, NotAllowed, Refused
from sitectl.cli.doctor_checks import SECRET_KEYS, named_files
from sitectl.cli.redacting import Redactor
from sitectl.config import files, merge
from sitectl.config.load import Broken, load

STATIONS_MOST = 60
ENTRIES_MOST = 500
EVENTS_MOST = 3000
TRANSACTIONS_MOST = 200
LOG_LINES = 3000
LOG_S = 20
LARGEST = 64 * 2**20
_WEBHOOK = re.compile(r"""\bwebhook["']?\s*:\s*["']?(https?://[^\s"',}]+)""")


class NotClean(Exception):
    """A secret was still there at the last look."""


def write(path: Path, config: Path, client: Client | None, answer: dict[str, Any], told: dict[str, Any]) -> None:
    """Write the bundle, 0600. Raises NotClean, and OSError."""
    redactor = Redactor()
    documents: dict[str, Any] = {"doctor.json": answer, "versions.json": versions()}
    documents |= {f"{name}.json": told[name] for name in ("status", "inventory") if name in told}
    texts = {"configuration.yaml": _text(config), "log.txt": _log()}
    if client is not None:
        documents |= dict(_asked(client, told))
    _learn_files(redactor, config, documents.get("configuration.json"))
    for document in documents.values():
        redactor.learn(document)
    for text in texts.values():
        redactor.learn_text(text)
    members = {name: redactor.document(document) for name, document in documents.items()}
    members |= {name: redactor.text(text) for name, text in texts.items() if text}
    content = {name: text.encode("utf-8", "replace") for name, text in members.items()}
    for name, one in content.items():
        if redactor.remains(one) or redactor.remains(name.encode()):
            raise NotClean(f"a secret would have been left in {name}")
    _pack(path, content)


def _pack(path: Path, content: dict[str, bytes]) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile("", "wb", fileobj=packed, mtime=0) as zipped, tarfile.open(fileobj=zipped, mode="w") as tar:
        for name, one in content.items():
            info = tarfile.TarInfo(f"sitectl-bundle/{name}")
            info.size, info.mode = len(one), 0o600
            tar.addfile(info, io.BytesIO(one))
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(packed.getvalue())
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def versions() -> dict[str, Any]:
    """What runs here."""
    packages = {found.metadata["Name"]: found.version for found in distributions()}
    return {
        "system": platform.platform(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "packages": dict(sorted(packages.items())),
    }


def _learn_files(redactor: Redactor, config: Path, running: Any) -> None:
    """The secrets of what stands in the files, be it sound or not, and of what runs, which may be another."""
    loaded, raw = load(config), merge.read_all(config).data
    for settings in (None if isinstance(loaded, Broken) else loaded.effective, raw, running):
        _learn_named(redactor, config.parent, settings)
    redactor.hide(_WEBHOOK.findall(_text(config)))  # where it is not even YAML


def _learn_named(redactor: Redactor, folder: Path, settings: Any) -> None:
    """Addresses that are secrets, and what the files hold that are named: passwords (a line each where they are many)
    and tokens."""
    redactor.hide(address for _, address in named_files(settings, {"webhook"}))
    for place, name in named_files(settings, SECRET_KEYS):
        text = _text(folder / name)
        if place.endswith("passwords_file"):
            redactor.hide(line.partition(":")[2] for line in text.splitlines())
        elif "PRIVATE KEY" in text:
            redactor.hide(line for line in text.splitlines() if line and not line.startswith("-----"))
        else:
            redactor.hide([text, *text.splitlines()])
    for _, name in named_files(settings, {"tokens_file"}):
        for line in _text(folder / name).splitlines()[1:]:
            cells = [cell.strip().strip('"') for cell in line.split(",")]
            redactor.hide_tokens([cells[0], *cells[2:3]])


def _asked(client: Client, told: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What the daemon tells beyond the status; what it does not is left out."""
    now = SystemClock().wall()
    hour = (now - timedelta(hours=1)).isoformat()
    for name, path in (("configuration", ("config",)), ("alerts", ("alerts",)), ("signals", ("signals",))):
        with suppress(DaemonAway, NotAllowed, Refused):
            yield f"{name}.json", client.get(*path)
    with suppress(DaemonAway, NotAllowed, Refused):
        yield "transactions.json", client.get("transactions", limit=TRANSACTIONS_MOST, long=True)
    with suppress(DaemonAway, NotAllowed, Refused):
        since = (now - timedelta(days=1)).isoformat()
        rows = list(islice(client.events("events", since=since, follow=False), EVENTS_MOST))
        yield "events.json", rows
    for id in list(told["inventory"]["stations"])[:STATIONS_MOST]:
        with suppress(DaemonAway, NotAllowed, Refused):
            found = client.get("timeline", id, since=hour, limit=ENTRIES_MOST, long=True)
            for entry in found["entries"]:
                with suppress(KeyError, ValueError, TypeError):
                    entry["frame"] = json.loads(entry["frame"])
            yield f"timeline/{_file_name(id)}.json", found


def _file_name(id: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else f"%{ord(c):02X}" for c in id)


def _text(path: Path) -> str:
    """ "" where there is nothing to be read: what a broken configuration names may be anything."""
    content = files.read(path, LARGEST)
    return "" if isinstance(content, files.Unreadable) else content.data.decode("utf-8", "replace")


def _log() -> str:
    """The newest of the service's log, where this machine keeps one and lets us read it."""
    journalctl = shutil.which("journalctl")
    if journalctl is None:
        return ""
    command = [journalctl, "-u", "sitectl", "-n", str(LOG_LINES), "--no-pager", "-o", "short-iso"]
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=LOG_S).stdout.decode(
            "utf-8", "replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
