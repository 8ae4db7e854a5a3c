"""The file of a backup: a tar archive that begins with a list of what is in it, each with its size and checksum.

`manifest.json`, `ledger.db`, `configuration/…`, and, where they were asked for, `credentials/…` and `secrets/…`.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import orjson

KIND = "sitectl-backup"
SCHEMA = 1
MANIFEST = "manifest.json"
LEDGER = "ledger.db"
CHUNK = 256 * 1024
LARGEST_MANIFEST = 16 * 2**20


class BadArchive(Exception):
    """It is no backup, or not whole; the text says why."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a backup. `file`: it is open already, and may have no name any more."""

    name: str
    path: Path
    size: int
    sha256: str
    file: BinaryIO | None = None

    def opened(self) -> BinaryIO:
        """From its beginning."""
        if self.file is None:
            return self.path.open("rb")
        self.file.seek(0)
        return self.file

    @classmethod
    def nameless(cls, name: str, path: Path) -> Part:
        """A file that goes with its last reader, whatever becomes of that. Raises OSError."""
        part = cls.of(name, path)
        file = path.open("rb")
        path.unlink()
        return cls(name, path, part.size, part.sha256, file)

    @classmethod
    def of(cls, name: str, path: Path) -> Part:
        """A file as it is. Raises OSError."""
        digest, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
        return cls(name, path, size, digest.hexdigest())


def manifest(about: Mapping[str, Any], parts: Sequence[Part]) -> bytes:
    """The list, as bytes."""
    files = [{"name": part.name, "size": part.size, "sha256": part.sha256} for part in parts]
    return orjson.dumps({"schema": SCHEMA, "kind": KIND, **about, "files": files}, option=orjson.OPT_INDENT_2)


def stream(listed: bytes, parts: Sequence[Part]) -> Iterator[bytes]:
    """The archive, a little at a time."""
    yield _header(MANIFEST, len(listed)) + listed + _padding(len(listed))
    for part in parts:
        yield _header(part.name, part.size)
        left = part.size
        with part.opened() as file:
            while left and (chunk := file.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk
        if left:
            raise BadArchive(f"{part.path} has become shorter meanwhile")
        yield _padding(part.size)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    return info.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def unpack(archive: Path, into: Path, only: tuple[str, ...] = ()) -> dict[str, Any]:
    """Lay the files of a backup into a folder (`only`: those below these) and compare each with its checksum; the
    manifest.

    Raises BadArchive, and OSError where the folder cannot be written.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            return _unpack(tar, archive, lambda name: into / name if not only or name.split("/")[0] in only else None)
    except tarfile.TarError as error:
        raise BadArchive(f"{archive} is no backup of sitectl, or not whole: {error}") from error


def check(archive: Path) -> dict[str, Any]:
    """Compare each file of a backup with its checksum, and lay out nothing; the manifest. Raises as `unpack`."""
    try:
        with tarfile.open(archive, "r:") as tar:
            return _unpack(tar, archive, lambda name: None)
    except tarfile.TarError as error:
        raise BadArchive(f"{archive} is no backup of sitectl, or not whole: {error}") from error


def _unpack(tar: tarfile.TarFile, archive: Path, place: Callable[[str], Path | None]) -> dict[str, Any]:
    listed = _listed(tar, archive)
    missing = {file["name"]: file for file in listed["files"]}
    for member in tar:
        if member.name == MANIFEST:
            continue
        told = missing.pop(member.name, None)
        if told is None or not member.isreg():
            raise BadArchive(f"{archive} holds {member.name!r}, of which its list says nothing")
        content = tar.extractfile(member)
        assert content is not None
        if ".." in Path(member.name).parts or Path(member.name).is_absolute():
            raise BadArchive(f"{archive} names a file outside of its folder: {member.name!r}")
        digest, target = hashlib.sha256(), place(member.name)
        with nullcontext() if target is None else _opened(target) as sink:
            while chunk := content.read(CHUNK):
                digest.update(chunk)
                if sink is not None:
                    sink.write(chunk)
        if digest.hexdigest() != told["sha256"]:
            raise BadArchive(f"{archive}: {member.name} is not what was written; take another backup")
    if missing:
        raise BadArchive(f"{archive} ends before {sorted(missing)[0]}: it is not whole")
    return listed


def _listed(tar: tarfile.TarFile, archive: Path) -> dict[str, Any]:
    first = tar.next()
    content = tar.extractfile(first) if first is not None and first.name == MANIFEST and first.isreg() else None
    if content is None:
        raise BadArchive(f"{archive} is no backup of sitectl")
    try:
        found: dict[str, Any] = orjson.loads(content.read(LARGEST_MANIFEST))
        if found["kind"] != KIND or not all({"name", "size", "sha256"} <= file.keys() for file in found["files"]):
            raise BadArchive(f"{archive} is no backup of sitectl")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise BadArchive(f"{archive} is no backup of sitectl") from error
    if found["schema"] > SCHEMA:
        raise BadArchive(f"{archive} was written by a newer sitectl: install that one to restore it")
    return found


def _opened(path: Path) -> BinaryIO:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0o600)
    return path.open("wb")
