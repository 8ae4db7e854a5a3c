"""Reads files that a configuration names: whole, bounded, and with a reason instead of an exception."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Why a file could not be read, in words."""

    reason: str
    cure: str


@dataclass(frozen=True, slots=True)
class Content:
    """The bytes of a file and its permission bits."""

    data: bytes
    mode: int

    @property
    def is_too_open(self) -> bool:
        """Others than owner and group can read it, or others than the owner can change it."""
        return bool(self.mode & 0o027)


_noted: ContextVar[dict[Path, bytes] | None] = ContextVar("noted", default=None)


@contextmanager
def noted() -> Iterator[dict[Path, bytes]]:
    """Which files are read meanwhile, each with the digest of what it held."""
    found: dict[Path, bytes] = {}
    token = _noted.set(found)
    try:
        yield found
    finally:
        _noted.reset(token)


def digest(data: bytes) -> bytes:
    """Tells two contents apart."""
    return hashlib.blake2b(data, digest_size=16).digest()


def handed_over(name: str) -> Path | None:
    """Where the service manager has laid a file for us that the configuration names; None: it has not.

    LoadCredential=secrets:/etc/sitectl/secrets gives `secrets/CP01` as secrets_CP01.
    """
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if not credentials or name.startswith("/"):
        return None
    path = Path(credentials) / name.replace("/", "_")
    return path if path.is_file() else None


def read(path: Path, limit: int) -> Content | Unreadable:
    """Read a regular file of at most `limit` bytes. Devices and pipes are refused: they may never end."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            return Unreadable("is a directory", "name a file")
        if not stat.S_ISREG(status.st_mode):
            return Unreadable("is not a regular file", "name a file on disk")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError:
        return Unreadable("no such file", "create it or correct the name")
    except PermissionError:
        return Unreadable("may not be read by this user", "give the user that runs sitectl the right to read it")
    except (OSError, ValueError) as error:
        return Unreadable(f"cannot be read ({error.__class__.__name__})", "check the name and the disk")
    if len(data) > limit:
        return Unreadable(f"is larger than {limit // 1024} kB", "name the right file")
    if (found := _noted.get()) is not None:
        found[path.absolute()] = digest(data)
    return Content(data, stat.S_IMODE(status.st_mode))
