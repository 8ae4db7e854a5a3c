"""Real file systems that are too small, or on which files may not grow: code runs there in a process of its own."""

import resource
import subprocess
import sys
import tempfile
import textwrap
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PREAMBLE = """
import asyncio, errno, os, sqlite3, sys
from pathlib import Path
from sitectl.model.storage import StoreState
from sitectl.store import disk
here = Path(sys.argv[1])
path = here / "ledger.db"
"""


@cache
def private_mounts() -> str | None:
    """Why a process may not mount a file system of its own here; None where it may."""
    try:
        tried = subprocess.run([*ON_TMPFS, "1m", "true"], capture_output=True, text=True, timeout=20, check=False)
    except OSError as error:
        return str(error)
    return None if tried.returncode == 0 else tried.stderr.strip() or "refused"


# Nobody outside sees the mount, and it ends with the process.
ON_TMPFS = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size="$0" tmpfs /mnt && exec "$@"')


def run_on_a_small_disk(megabytes: int, code: str) -> None:
    """Run code with `here` on a file system of this size; skips where that is not allowed."""
    if (why := private_mounts()) is not None:
        pytest.skip(f"no file system of its own: {why}")
    command = [*ON_TMPFS, f"{megabytes}m", sys.executable, "-c", _script(code), "/mnt"]
    _run(command)


def run_with_a_size_limit(megabytes: int, code: str) -> None:
    """Run code with files held to this size."""
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({megabytes * 2**20},) * 2)\n"
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as directory:
        _run([sys.executable, "-c", limit + _script(code), directory])


def _script(code: str) -> str:
    return PREAMBLE + textwrap.dedent(code)


def _run(command: list[str]) -> None:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, cwd=ROOT)
    assert ended.returncode == 0, ended.stdout + ended.stderr
