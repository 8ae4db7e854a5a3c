"""Damaged files, set aside: `corrupt/<time>/` beside the ledger, each with a report of what was saved from it.

A folder stays until a person removes it, and with it goes the notice. One that says that its work is not done is taken
up again at the next start, so that a crash in the middle loses nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from sitectl.base.units import format_utc, parse_timestamp
from sitectl.model.storage import Salvage
from sitectl.store import disk

FOLDER = "corrupt"
REPORT = "report.json"
MOVING, SAVING, LATER, DONE = "moving", "saving", "later", "done"
"""How far a salvage is: files are moved; money is saved; the many rows that nobody waits for are; all is."""


@dataclass(slots=True)
class Case:
    """One damaged file and its report."""

    folder: Path
    report: dict[str, Any]

    @property
    def state(self) -> str:
        """How far its salvage is."""
        return str(self.report.get("state", DONE))

    @property
    def file(self) -> Path:
        """The damaged file itself."""
        return self.folder / str(self.report["file"])

    def note(self, **more: Any) -> None:
        """Write more into the report. Raises OSError."""
        self.report |= more
        disk.replace(self.folder / REPORT, orjson.dumps(self.report, option=orjson.OPT_INDENT_2))

    def told(self) -> Salvage:
        """The report, for others."""
        when = parse_timestamp(str(self.report.get("when", "")))
        return Salvage(
            when=when[0] if when is not None else datetime.min.replace(tzinfo=UTC),
            why=str(self.report.get("why", "")),
            folder=str(self.folder),
            complete=self.state == DONE,
            saved=_counts(self.report.get("saved")),
            damaged=_counts(self.report.get("damaged")),
            lost_frames=int(self.report.get("lost_frames", 0)),
            missing=tuple(str(one) for one in self.report.get("missing", ())),
        )


def cases(path: Path) -> list[Case]:
    """All of them, oldest first."""
    found = []
    for report in sorted((path.parent / FOLDER).glob(f"*/{REPORT}")):
        with contextlib.suppress(OSError, orjson.JSONDecodeError, AttributeError):
            read = orjson.loads(report.read_bytes())
            if read.get("file") == path.name:
                found.append(Case(report.parent, read))
    return found


def set_aside(path: Path, why: str, wall: datetime) -> Case:
    """Move a file and its log away from where they are looked for. Nobody has them open. Raises OSError."""
    parent = path.parent / FOLDER
    name = wall.strftime("%Y%m%dT%H%M%SZ")
    taken = sum(1 for one in parent.glob(f"{name}*"))
    folder = parent / (f"{name}-{taken}" if taken else name)
    folder.mkdir(parents=True, mode=0o750)
    case = Case(folder, {"file": path.name, "when": format_utc(wall), "why": why, "state": MOVING})
    case.note()
    finish_moving(path, case)
    return case


def finish_moving(path: Path, case: Case) -> None:
    """The file before its log: alone it would be taken for a whole one, without what stands in the log."""
    for suffix in ("", "-wal"):
        with contextlib.suppress(FileNotFoundError):
            Path(f"{path}{suffix}").rename(f"{case.file}{suffix}")
    Path(f"{path}-shm").unlink(missing_ok=True)
    disk.sync_directory(path.parent)
    disk.sync_directory(case.folder)
    case.note(state=SAVING)


def _counts(found: object) -> Mapping[str, int]:
    return {str(key): int(value) for key, value in found.items()} if isinstance(found, dict) else {}
