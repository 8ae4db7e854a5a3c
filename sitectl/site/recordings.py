"""Recordings on disk: what was in memory when something went wrong, bounded in number and size, the oldest go first.

A file is gzipped lines of JSON: what it is (`why`, from when to when, by which version), then for each part a line with
the topology and the rules and the lines of the part as the recorder wrote them.
"""

from __future__ import annotations

import contextlib
import gzip
import logging
import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import orjson

from sitectl.allocator.rules import SharingRules
from sitectl.base.errors import EnvironmentFault
from sitectl.base.units import format_utc
from sitectl.model.circuit import Topology
from sitectl.site.plain import built, plain
from sitectl.site.recorder import Part

log = logging.getLogger(__name__)

FORMAT = 1
SUFFIX = ".incident.gz"
MOST_FILES = 20
MOST_BYTES = 50_000_000
LONGEST_LINE = 1 << 26
"""A line of a thousand stations takes half a megabyte; a file with a longer one is none of ours."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One file: why it was written, what it covers (s since 1970), and by which version."""

    path: Path
    why: tuple[str, ...]
    began: float
    ended: float
    version: str


def write(folder: Path, parts: Sequence[Part], why: Sequence[str]) -> Path:
    """Write down these parts and make room for them. Raises OSError; nothing half-written is left."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    began, ended = parts[0].began, max(part.ended for part in parts)
    kind = why[0].split(":")[0].replace(" ", "-")
    path = folder / f"{datetime.fromtimestamp(ended, UTC):%Y%m%dT%H%M%SZ}-{kind}{SUFFIX}"
    unfinished = Path(f"{path}.unfinished")
    try:
        handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            with gzip.GzipFile(fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed:
                for line in _lines(parts, why, began, ended):
                    packed.write(line)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise
    _make_room(folder)
    return path


def _lines(parts: Sequence[Part], why: Sequence[str], began: float, ended: float) -> Iterator[bytes]:
    yield _line({"format": FORMAT, "version": _version(), "why": list(why), "from": began, "to": ended})
    for number, part in enumerate(parts):
        again = number > 0 and parts[number - 1].topology is part.topology
        header: dict[str, Any] = {"topology": None if again else plain(part.topology), "rules": plain(part.rules)}
        yield _line(header | {"from": part.began, "to": part.ended})
        yield zlib.decompress(part.data)


def _version() -> str:
    try:
        return version("sitectl")
    except PackageNotFoundError:
        return "unknown"


def _line(value: Any) -> bytes:
    return orjson.dumps(value) + b"\n"


def moment(wall: float) -> str:
    """Seconds since 1970 as people read them."""
    return format_utc(datetime.fromtimestamp(wall, UTC))


def _make_room(folder: Path) -> None:
    """Delete the oldest until the rest is within its bounds; the newest stays whatever it takes."""
    files = sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.name, reverse=True)
    taken = 0
    for number, path in enumerate(files):
        taken += path.stat().st_size
        if number and (number >= MOST_FILES or taken > MOST_BYTES):
            path.unlink(missing_ok=True)
    for left in folder.glob(f"*{SUFFIX}.unfinished"):
        left.unlink(missing_ok=True)


def listed(folder: Path) -> list[Recording]:
    """All recordings, the newest first; what is none is passed over."""
    found = (_described(path) for path in sorted(folder.glob(f"*{SUFFIX}"), reverse=True))
    return [recording for recording in found if recording is not None]


def _described(path: Path) -> Recording | None:
    try:
        with gzip.open(path) as file:
            head = orjson.loads(file.readline(LONGEST_LINE))
        if head["format"] == FORMAT:
            return Recording(path, tuple(head["why"]), float(head["from"]), float(head["to"]), str(head["version"]))
        log.warning("%s is of a version that is not known here", path)
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        log.warning("%s is no recording: %s", path, error)
    return None


def read(recording: Recording) -> list[Part]:
    """The parts of a recording. Raises EnvironmentFault where it cannot be read to its end."""
    parts: list[Part] = []
    head: dict[str, Any] = {}
    topology: Topology | None = None
    lines: list[bytes] = []

    def finish() -> None:
        if head and topology is not None:
            rules, data = built(SharingRules, head["rules"]), zlib.compress(b"".join(lines), 1)
            parts.append(Part(topology, rules, head["from"], head["to"], data))

    try:
        with gzip.open(recording.path) as file:
            file.readline(LONGEST_LINE)
            while text := file.readline(LONGEST_LINE):
                if not text.startswith(b'{"topology":'):
                    lines.append(text)
                    continue
                finish()
                head, lines = orjson.loads(text), []
                if head["topology"] is not None:
                    topology = built(Topology, head["topology"])
        finish()
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise EnvironmentFault(f"{recording.path} cannot be read: {error!r}") from error
    return parts
