"""How much memory the daemon takes, beside what the service manager grants it: told before the kernel slows it down
(MemoryHigh of the unit) or ends it (MemoryMax).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sitectl.model.health import Finding

NEAR = 0.75
"""From this share on it is a problem."""


class Appetite:
    """Compares what is taken with what is granted. `groups` and `process`: where the kernel tells of both."""

    def __init__(self, groups: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self")) -> None:
        self._process = process
        self._granted = granted(groups, process)

    def findings(self) -> Iterator[Finding]:
        """That it is near its end."""
        if self._granted is None:
            return
        try:
            pages = int((self._process / "statm").read_text("ascii").split()[1])
        except (OSError, ValueError, IndexError):
            return
        taken = pages * os.sysconf("SC_PAGE_SIZE")
        if taken > NEAR * self._granted:
            what = f"The daemon takes much memory: {taken / 1e6:.0f} MB of the {self._granted / 1e6:.0f} MB of its unit"
            do = (
                "Report it with `sitectl doctor --bundle FILE`, then `systemctl restart sitectl`: stations wait, and"
                " nothing is lost."
            )
            yield what, "daemon/memory", do


def granted(groups: Path, process: Path) -> int | None:
    """Bytes that the group of this process may take before it is slowed down or ended; None: no such bound is known."""
    try:
        lines = (process / "cgroup").read_text().splitlines()
    except OSError:
        return None
    below = next((line.removeprefix("0::").lstrip("/") for line in lines if line.startswith("0::")), None)
    if below is None:
        return None
    bounds = []
    for name in ("memory.high", "memory.max"):
        try:
            bounds.append(int((groups / below / name).read_text()))
        except (OSError, ValueError):  # "max": none
            continue
    return min(bounds, default=None)
