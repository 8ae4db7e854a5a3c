"""Attempts as they are on record: with who the station said it was, and how long it took."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sitectl.model.health import Attempt
from sitectl.model.station import StationIdentity


@dataclass(frozen=True, slots=True)
class StoredAttempt:
    """One attempt. `since`: when its symptom began, of one that helped."""

    attempt: Attempt
    identity: StationIdentity
    since: datetime | None = None

    @property
    def recovery_s(self) -> float | None:
        """From the beginning of the symptom to its end; None where it did not help."""
        if not self.attempt.helped or self.since is None or self.attempt.ended is None:
            return None
        return max(0.0, (self.attempt.ended - self.since).total_seconds())
