"""The last configuration that served, kept in the data directory: what serves when the next start finds a broken one.

A folder holds copies of all files that were read from the configuration's own directory, under their own names, and
the name of that directory; `load` takes the folder like any other. Each time the daemon is ready it keeps what it runs
by; a link that is replaced at once says which of two folders is whole.
"""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sitectl.config import files
from sitectl.config.adopted import Adopted
from sitectl.config.load import Broken, Loaded, data_dir
from sitectl.config.quick import KEPT_FROM

log = logging.getLogger(__name__)

LINK = "last-good"
_FOLDERS = ("last-good.1", "last-good.2")


@dataclass(frozen=True, slots=True)
class StandIn:
    """That the configuration which is `wanted` was refused, `why`, and what is read in its place: the last good one."""

    wanted: Path
    why: str
    read: Callable[[Adopted], Loaded | Broken]


def kept(config: Path, environ: Mapping[str, str] = os.environ) -> Path | None:
    """The last good copy of this configuration file, if there is one. Where the file does not even tell where its data
    are, the service manager's STATE_DIRECTORY is looked into, then the default."""
    copy = data_dir(config, environ.get("STATE_DIRECTORY")) / LINK / config.name
    return copy if copy.is_file() else None


async def keep_if_possible(loaded: Loaded) -> None:
    """As `keep`, beside everything else; a disk that takes nothing is told and ends nothing."""
    try:
        await asyncio.to_thread(keep, loaded)
    except OSError as error:
        log.warning("the configuration is not kept as the last good one: %s", error)


def keep(loaded: Loaded) -> bool:
    """Keep the files of a configuration that serves; False when that was not called for. Raises OSError.

    Files outside its directory, and what the service manager hands over, are not copied but read where they are. What
    was changed since it was read has not been proven, and is not kept.
    """
    folder, home = loaded.settings.site.data_dir, loaded.file.parent
    if (home / KEPT_FROM).exists():
        return False  # it is the copy itself
    mine = {str(path.relative_to(home)): digest for path, digest in loaded.files.items() if _is_below(path, home)}
    link = folder / LINK
    if _holds(link, home, mine):
        return False
    fresh = folder / next(name for name in _FOLDERS if not link.is_symlink() or link.readlink() != Path(name))
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    for name, digest in mine.items():
        data = (home / name).read_bytes()
        if files.digest(data) != digest:
            return False
        _write(fresh / name, data)
    _write(fresh / KEPT_FROM, str(home).encode())
    _sync(fresh)
    _point(link, fresh)
    for name in _FOLDERS:
        if name != fresh.name:
            shutil.rmtree(folder / name, ignore_errors=True)
    return True


def _is_below(path: Path, home: Path) -> bool:
    return Path(os.path.normpath(path)).is_relative_to(home) and ".." not in path.parts


def _holds(link: Path, home: Path, mine: Mapping[str, bytes]) -> bool:
    try:
        there = {str(path.relative_to(link)) for path in link.rglob("*") if path.is_file()}
        return (
            there == {*mine, KEPT_FROM}
            and (link / KEPT_FROM).read_text() == str(home)
            and all(files.digest((link / name).read_bytes()) == digest for name, digest in mine.items())
        )
    except OSError:
        return False


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _point(link: Path, folder: Path) -> None:
    """In one step: whoever follows the link finds a whole folder."""
    fresh = link.with_name(f"{LINK}.unfinished")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(folder.name)
    fresh.replace(link)
    _sync(link.parent)


def _sync(directory: Path) -> None:
    opened = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
