"""When a message may leave. Pure: moments come in, monotonic seconds.

News gathers until it is quiet, so that an outage of the whole site is one message; and there are so many messages an
hour at most: what comes meanwhile waits, and goes with the next as a digest.
"""

from __future__ import annotations

from dataclasses import dataclass

QUIET_S = 10.0
GATHER_S = 60.0
"""However much goes on, the first of it is told after so long."""
BURST = 3.0
HOUR_S = 3600.0


@dataclass(slots=True)
class Pace:
    """A bucket that fills with `per_hour` messages an hour and holds three; after a start there is one in it."""

    per_hour: float
    at: float
    quiet_s: float = QUIET_S
    left: float = 1.0

    def gathered_at(self, first_at: float, newest_at: float) -> float:
        """When news that began to come at `first_at` is complete."""
        return min(newest_at + self.quiet_s, first_at + max(GATHER_S, self.quiet_s))

    def allowed_at(self, now: float) -> float:
        """From when on the ration lets the next message go."""
        left = self._left(now)
        return now if left >= 1.0 else now + (1.0 - left) * HOUR_S / self.per_hour

    def spend(self, now: float) -> None:
        """A message went."""
        self.left, self.at = max(0.0, self._left(now) - 1.0), now

    def _left(self, now: float) -> float:
        return min(BURST, self.left + (now - self.at) * self.per_hour / HOUR_S)
