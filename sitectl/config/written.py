"""Puts a file in the place of another: whole or not at all, as whom it was and with what rights it had.

Written beside it, synced, renamed, and the folder synced: a power cut leaves the old one or the new one. Where another
user owned it (root edits the file of the daemon's user), the owner stays, as far as the caller may give it away;
a new file belongs to the group of its folder, so that what root writes into /etc/sitectl can be read by the daemon.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path

NEW_FILE = 0o640


def replace(path: Path, content: bytes, mode: int = NEW_FILE) -> None:
    """Write `content` to `path`; `mode` is for a new file. Raises OSError, and then nothing has changed."""
    path = path.resolve()  # a link goes on pointing where it points
    before = path.stat() if path.exists() else None
    mode = stat.S_IMODE(before.st_mode) if before is not None else mode
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    beside.unlink(missing_ok=True)  # of one that was killed under the number that is ours now
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        try:
            _write_all(handle, content)
            if before is not None:
                with contextlib.suppress(PermissionError):
                    os.fchown(handle, before.st_uid, before.st_gid)
            else:
                give_to_group(beside)
            os.fchmod(handle, mode)
            os.fsync(handle)
        finally:
            os.close(handle)
        beside.rename(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until nobody else is in here for this folder: of two who read, change and write, neither undoes the other.

    Where the folder cannot be opened or locked nobody is kept out.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def cure(error: OSError) -> str:
    """What to do where a file could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room on this disk, and say it again"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "run this as a user who may write there"
    if error.errno == errno.EROFS:
        return "mount this disk so that it can be written"
    return "look at that path and at its disk (`dmesg`), and say it again"


def give_to_group(path: Path) -> None:
    """Let what was made belong to the group of the folder that it lies in, where the caller may say so."""
    with contextlib.suppress(PermissionError):
        os.chown(path, -1, path.parent.stat().st_gid)


def _write_all(handle: int, content: bytes) -> None:
    left = memoryview(content)
    while left:
        left = left[os.write(handle, left) :]


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
