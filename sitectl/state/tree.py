"""Sums over the tree of circuits."""

from __future__ import annotations

from collections.abc import Sequence

from sitectl.model.circuit import Topology
from sitectl.model.ids import CircuitId


def leaves_first(topology: Topology) -> Sequence[CircuitId]:
    """Every circuit before the one above it."""
    return sorted(topology.circuits, key=lambda circuit: -len(topology.paths[circuit]))


def add_up(topology: Topology, currents: dict[CircuitId, list[float]]) -> None:
    """From what hangs on each circuit itself to what hangs below it, place by place."""
    for circuit in leaves_first(topology):
        above = topology.circuits[circuit].parent
        if above is not None:
            currents[above] = [a + b for a, b in zip(currents[above], currents[circuit], strict=True)]
