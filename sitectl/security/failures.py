"""Failed attempts to prove an identity, counted per address."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Record:
    count: int
    at: float


class Failures:
    """Failed attempts per address: each makes the *next refusal* slower. Nobody is locked out: who shows the right
    credential is let in at once, even from an address where somebody guesses.
    """

    FREE = 3
    LONGEST_S = 4.0
    FORGIVEN_S = 300.0

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._records: dict[str, _Record] = {}

    def count(self, address: str, now: float) -> float:
        """Note a failure; the seconds to wait before it is answered. The longest-silent address is forgotten first."""
        record = self._records.pop(address, None)
        if record is None or now - record.at > self.FORGIVEN_S:
            record = _Record(0, now)
        record.count += 1
        record.at = now
        self._records[address] = record
        if len(self._records) > self._size:
            del self._records[next(iter(self._records))]
        beyond = record.count - self.FREE
        return min(self.LONGEST_S, 0.125 * 2.0 ** min(beyond, 10)) if beyond > 0 else 0.0

    def of(self, address: str) -> int:
        """How many failures are remembered of an address."""
        record = self._records.get(address)
        return record.count if record is not None else 0
