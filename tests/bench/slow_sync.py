"""A disk whose every sync takes longer: `fsync` and `fdatasync` of a process sleep after the real call.

A library in front of the C library's costs nothing but the sleep; a tracer would stop every thread at every system call
that it looks at.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

static int slowly(const char *name, int fd) {
    static long microseconds = -1;
    if (microseconds < 0) microseconds = atol(getenv("SYNC_TAKES_US"));
    int result = ((int (*)(int))dlsym(RTLD_NEXT, name))(fd);
    struct timespec span = {microseconds / 1000000, microseconds % 1000000 * 1000};
    nanosleep(&span, NULL);
    return result;
}
int fsync(int fd) { return slowly("fsync", fd); }
int fdatasync(int fd) { return slowly("fdatasync", fd); }
"""


def environment(folder: Path, sync_s: float) -> dict[str, str]:
    """Variables for a process whose syncs take so much longer; builds the library in `folder`."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("a C compiler is needed to make a disk slow: install gcc")
    library = folder / "slow_sync.so"
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), "-x", "c", "-", "-ldl"]
    subprocess.run(command, input=SOURCE, text=True, check=True, timeout=60)
    return {"LD_PRELOAD": str(library), "SYNC_TAKES_US": str(round(sync_s * 1e6))}
