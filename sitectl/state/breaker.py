"""How long a breaker surely holds more than its rating.

A conservative envelope through the fixed points of IEC 60898-1 (1.13 x In: 3600 s, 2.55 x In: 1 s), a straight line on
log-log paper; its line serves between 1.0 and 1.13 too.
"""

from __future__ import annotations

TRIP_EXPONENT = 10.06
COOLS_BELOW = 1.13
"""The conventional non-tripping current: it may flow for ever."""

SHARE_OF_TRIP = 0.1
"""A tenth of the trip time is the most that anything we answer for may take."""


def trip_time_s(ratio: float) -> float:
    """How long a breaker surely holds `ratio` times its rating; infinite up to 1.0."""
    if ratio <= 1.0:
        return float("inf")
    return 3600.0 * float((ratio / 1.13) ** -TRIP_EXPONENT)


def bearable_ratio(seconds: float) -> float:
    """The ratio that may last `seconds` within a tenth of the trip time; at least 1.0."""
    return max(1.0, 1.13 * float((seconds / SHARE_OF_TRIP / 3600.0) ** (-1.0 / TRIP_EXPONENT)))
