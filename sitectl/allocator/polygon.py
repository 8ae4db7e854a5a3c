"""Rows of circuits without a neutral, where stations load two lines at once and their currents add up as vectors.

On line L1 a load between L1 and L2 leads the line's own voltage by 30 degrees, one between L3 and L1 lags by 30, at
unity power factor; so |I|² = x² + xy + y², and what fits a line of L ampere is a disc. An inscribed polygon stands for
it: three rows a line, whose corners lie on the disc at -30, -10, 10 and 30 degrees. All coefficients are positive, so
sharing stays exact; at worst, half way between two corners, 1.5 % of the line is given away.

A station on three lines (and one whose lines nobody knows) may carry a balanced car or one between any two of its
lines: it counts at the worst angle of these on every row.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, cos, radians

SCALE = 1000
"""What a coefficient of 1 is. Coefficients are rounded up."""

ROWS = 3
"""A line."""

CLASSES = ("L1-L2", "L2-L3", "L3-L1", "all lines")
ANY = 3
CLASS_OF_MASK = (ANY, ANY, ANY, 0, ANY, 2, 1, ANY)
"""By bit mask of the lines that a station is on."""

WIDTH = len(CLASSES) + 3 * ROWS
"""Rows of a node: first a sum of plain amperes of each class, which bounds nothing, then those of L1, L2 and L3."""

UNBOUNDED = 10**15
_LEAD = 30.0


def _coefficients() -> list[tuple[int, ...]]:
    half = _LEAD / ROWS
    rows: list[tuple[int, ...]] = []
    for line in range(3):
        for number in range(ROWS):
            normal = -_LEAD + half * (2 * number + 1)
            angles = {line: (_LEAD,), (line + 2) % 3: (-_LEAD,), ANY: (-_LEAD, 0.0, _LEAD)}
            rows.append(tuple(_coefficient(angles.get(kind, ()), normal, half) for kind in range(len(CLASSES))))
    return rows


def _coefficient(angles: Sequence[float], normal: float, half: float) -> int:
    return max((ceil(SCALE * cos(radians(a - normal)) / cos(radians(half)) - 1e-9) for a in angles), default=0)


COEFFICIENTS: Sequence[tuple[int, ...]] = _coefficients()
"""By row of a node (those of L1, then L2, L3) and class: what an ampere counts there, of SCALE."""


def lines() -> tuple[tuple[int, ...], ...]:
    """Where in a node the rows of each line are."""
    first = len(CLASSES)
    return tuple(tuple(range(first + line * ROWS, first + (line + 1) * ROWS)) for line in range(3))


def spread(sums: list[int]) -> None:
    """From the sums of classes, which are there, to the rows of the lines, at every node."""
    for base in range(0, len(sums), WIDTH):
        first, second, third, every = sums[base : base + ANY + 1]
        if first or second or third or every:
            for row, (a, b, c, d) in enumerate(COEFFICIENTS, base + ANY + 1):
                sums[row] = a * first + b * second + c * third + d * every
