"""How long the cycles of the last minutes took."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class CycleTimes:
    """How long cycles took; the last ten minutes."""

    count: int = 0
    recent_ms: deque[float] = field(default_factory=lambda: deque(maxlen=600))

    def add(self, ms: float) -> None:
        """Note one cycle."""
        self.count += 1
        self.recent_ms.append(ms)

    def percentile(self, share: float) -> float | None:
        """The given share of the recent cycles took at most this long (ms)."""
        if not self.recent_ms:
            return None
        ordered = sorted(self.recent_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
