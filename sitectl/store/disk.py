"""What the disk says: how much room there is, and why it refused."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import sqlite3
from pathlib import Path
from typing import NamedTuple

from sitectl.model.storage import StoreState

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_READ_ONLY = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})
_PLAIN = {
    sqlite3.SQLITE_FULL: StoreState.FULL,
    sqlite3.SQLITE_READONLY: StoreState.READ_ONLY,
    sqlite3.SQLITE_BUSY: StoreState.BUSY,
    sqlite3.SQLITE_LOCKED: StoreState.BUSY,
    sqlite3.SQLITE_CORRUPT: StoreState.CORRUPT,
    sqlite3.SQLITE_NOTADB: StoreState.CORRUPT,
}


class Space(NamedTuple):
    """Of the file system (bytes)."""

    free: int
    total: int


def space(directory: Path) -> Space:
    """The room that is left to us. Raises OSError."""
    found = os.statvfs(directory)
    return Space(found.f_bavail * found.f_frsize, found.f_blocks * found.f_frsize)


def size(path: Path) -> int:
    """Of a file; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it; none of them goes with the power once something inside was synced. Raises
    OSError.
    """
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for made in missing:
        handle = os.open(made.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def allocate(path: Path, length: int) -> None:
    """Make a file whose blocks are really taken. Raises OSError and leaves nothing behind."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.posix_fallocate(handle, 0, length)
        if os.fstat(handle).st_blocks * 512 < length:  # a file system that compresses, or promises only
            os.pwrite(handle, os.urandom(length), 0)
            os.fsync(handle)
    except OSError:
        with contextlib.suppress(OSError):
            path.unlink()
        raise
    finally:
        os.close(handle)


def replace(path: Path, content: bytes) -> None:
    """Write a small file so that after a power cut it is the old or the new one. Raises OSError."""
    unfinished = Path(f"{path}.unfinished")
    handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o640)
    try:
        os.write(handle, content)
        os.fsync(handle)
    finally:
        os.close(handle)
    unfinished.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make names durable. Raises OSError."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def drop_cache(*paths: Path) -> None:
    """Have the files read from the disk the next time.

    Only while no connection is open: to close a file takes SQLite's locks on it away from the whole process.
    """
    for path in paths:
        with contextlib.suppress(OSError):
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(handle)


def refusal(path: Path, length: int) -> OSError | None:
    """Take room for `length` bytes beside the file and give it back: what the disk says to that."""
    probe = Path(f"{path}.probe")
    try:
        allocate(probe, length)
        probe.unlink()
    except OSError as error:
        return error
    return None


def state_of(error: BaseException, path: Path) -> StoreState:
    """What a failed call means for the store. SQLite calls most things an I/O error: then the disk itself is asked."""
    if isinstance(error, OSError):
        return _of_errno(error)
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_IOERR)
    if code & 0xFF in _PLAIN:
        return _PLAIN[code & 0xFF]
    if code == sqlite3.SQLITE_IOERR_CORRUPTFS:
        return StoreState.CORRUPT
    if _at_size_limit(path):
        return StoreState.FULL
    said = refusal(path, 4096)
    return StoreState.FAILING if said is None else _of_errno(said)


def _of_errno(error: OSError) -> StoreState:
    if error.errno in _FULL:
        return StoreState.FULL
    return StoreState.READ_ONLY if error.errno in _READ_ONLY else StoreState.FAILING


def _at_size_limit(path: Path) -> bool:
    """Whether a file has reached the size that this process may give it."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(size(path), size(Path(f"{path}-wal")))
    return limit != resource.RLIM_INFINITY and largest + 65536 > limit
