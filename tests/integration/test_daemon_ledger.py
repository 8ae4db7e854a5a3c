"""The daemon and a ledger that it cannot use as it is."""

import contextlib
import re
import shutil
import sqlite3
from pathlib import Path

from tests.e2e.rig import daemon, site
from tests.integration.test_daemon import refused


async def test_a_ledger_of_a_newer_version_is_refused_with_what_goes_back(tmp_path: Path) -> None:
    config = site(tmp_path)
    async with daemon(config) as running:
        await running.stop()
    ledger = tmp_path / "data" / "ledger.db"
    shutil.copy(ledger, f"{ledger}.schema-1")
    with contextlib.closing(sqlite3.connect(ledger)) as newer:
        newer.execute("PRAGMA user_version = 999")
    back = f"mv {re.escape(str(ledger))} .*ledger.db.schema-999 && cp -p .*ledger.db.schema-1 {re.escape(str(ledger))}$"
    await refused(config, 1, f"has schema 999, this sitectl knows up to .*: {back}")
