"""Keys, passwords and certificates that came up at run time: small files below the data directory, for nobody else.

Files are 0600 in folders of 0700, and each is there whole or not at all (written beside, synced, renamed). All of it is
held in memory: what is read here is on the disk. Names are relative paths; `segment` makes a part of one from any text.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from sitectl.base.errors import EnvironmentFault
from sitectl.base.worker import Worker

log = logging.getLogger(__name__)

LARGEST = 256 * 1024
"""Nothing that belongs here is larger; a larger file is left alone."""

_NEW = ".new"


def segment(text: str) -> str:
    """A text as one part of a name: identities of stations may hold dots and stars, and `..` is a lawful one."""
    return quote(text, safe="").replace(".", "%2E").replace("~", "%7E")


class Vault:
    """One directory. `worker` does what touches the disk."""

    def __init__(self, directory: Path, worker: Worker) -> None:
        self._directory = directory
        self._worker = worker
        self._held: dict[str, bytes] = {}

    async def open(self) -> None:
        """Read everything. What cannot be read is told in the log and counts as not there: charging must go on."""
        self._held = await self._worker.do(self._read_all)

    def held(self, name: str) -> bytes | None:
        """The content of a file, None when there is none."""
        return self._held.get(name)

    def names(self, prefix: str) -> list[str]:
        """The files whose names begin so, in order."""
        return sorted(name for name in self._held if name.startswith(prefix))

    def path(self, name: str) -> Path:
        """Where a file lies, for libraries that read files themselves."""
        return self._directory / name

    async def write(self, files: Mapping[str, bytes]) -> None:
        """Write files, one after the other: the last names the others where it matters. Raises EnvironmentFault."""

        def job() -> None:
            for name, content in files.items():
                self._write(name, content)

        await self._do(job)
        self._held.update(files)

    async def remove(self, *names: str) -> None:
        """Remove files; one that is not there is no error. Raises EnvironmentFault."""

        def job() -> None:
            for name in names:
                self.path(name).unlink(missing_ok=True)

        await self._do(job)
        for name in names:
            self._held.pop(name, None)

    async def _do(self, job: Callable[[], None]) -> None:
        try:
            await self._worker.do(job)
        except OSError as error:
            raise EnvironmentFault(f"{self._directory}: {error.strerror or error}") from error

    # --- on the disk -------------------------------------------------------------------------------------------------

    def _read_all(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for path in sorted(self._directory.rglob("*")) if self._directory.is_dir() else ():
            try:
                if not path.is_file() or path.is_symlink() or path.stat().st_size > LARGEST:
                    continue
                if path.name.endswith(_NEW):
                    path.unlink()  # left by a crash: never named, never used
                    continue
                if path.stat().st_mode & 0o077:
                    log.warning("%s was open to others: it is closed now, but its secret may be known", path)
                    path.chmod(0o600)
                found[path.relative_to(self._directory).as_posix()] = path.read_bytes()
            except OSError as error:
                log.error("%s cannot be read: %s", path, error)
        return found

    def _write(self, name: str, content: bytes) -> None:
        path = self.path(name)
        _make_folders(self._directory, path.parent)
        new = path.with_name(path.name + _NEW)
        new.unlink(missing_ok=True)
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        new.replace(path)
        _sync_folder(path.parent)


def _make_folders(top: Path, folder: Path) -> None:
    """Each new folder is on the disk before anything in it is."""
    if folder.is_dir():
        return
    if folder != top:
        _make_folders(top, folder.parent)
    folder.mkdir(mode=0o700, parents=folder == top, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
