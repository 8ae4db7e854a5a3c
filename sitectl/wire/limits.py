"""How much a peer may do, and how long it may be silent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one connection, by the table of times. Times in seconds."""

    ping_every_s: float = 20.0
    lost_after_s: float = 40.0
    calls_per_s: float = 200.0
    burst: int = 1000
    pending: int = 8
    backlog_bytes: int = 512 * 1024


LIMITS = Limits()
