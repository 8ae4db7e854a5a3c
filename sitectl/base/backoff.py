"""Exponential back-off with full jitter: values only, the waiting is the caller's.

Full jitter (each delay uniform between 0 and the current bound) spreads a crowd of peers that lost the same service
at the same moment better than a fixed delay with a small random part (M. Brooker, "Exponential Backoff And Jitter",
2015).
"""

from __future__ import annotations

from random import Random


class Backoff:
    """Delays in seconds whose bound doubles from `base_s` to at most `cap_s`."""

    def __init__(self, base_s: float, cap_s: float, random: Random) -> None:
        if not 0 < base_s <= cap_s:
            raise ValueError(f"need 0 < base_s <= cap_s, got {base_s} and {cap_s}")
        self._base_s = base_s
        self._cap_s = cap_s
        self._random = random
        self._bound_s = base_s

    def next(self) -> float:
        """The delay before the next attempt."""
        bound_s = self._bound_s
        self._bound_s = min(self._cap_s, bound_s * 2)
        return self._random.uniform(0.0, bound_s)

    def reset(self) -> None:
        """The attempt succeeded: begin with the smallest bound again."""
        self._bound_s = self._base_s
