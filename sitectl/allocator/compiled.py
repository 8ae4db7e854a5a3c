"""The tree of circuits as flat lists, compiled once per topology so that a control cycle only adds and compares
integers.

A *node* is a circuit, or a post (a station with several EVSEs, whose own `max_a` bounds their sum). Nodes are
numbered children before parents, so one forward pass sums the tree up and one backward pass hands flags down. A
*row* is one node on one phase: `node * 3 + phase`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from sitectl.base.units import deci
from sitectl.model.circuit import Topology
from sitectl.model.electrical import ALL_PHASES, Phase
from sitectl.model.ids import CircuitId, EvseId, StationId

PHASE_MASK: Mapping[tuple[Phase, ...], int] = {
    order: sum(1 << phase for phase in order) for count in (1, 2, 3) for order in permutations(ALL_PHASES, count)
} | {(): 0b111}
"""Phases in any order -> bit mask; nothing known counts on all three."""


@dataclass(frozen=True, slots=True)
class CompiledSite:
    """One topology, flat. Amperes are whole tenths. EVSEs are numbered in the order of their ids, rows as the
    module says.

    * `ids`, `index`: number -> EVSE and back; `minimum`, `maximum`, `rank` (0: the class that goes first), `node`:
      per EVSE.
    * `parent`: per node, -1 for the root (the last node). `circuit_node`, `post_node`: where circuits and posts are;
      `alone`: stations with one EVSE, which need no row of their own.
    * `leaf_rows`, `path_rows`: by `node * 8 + phase mask`, the rows at the node itself and all rows up to the root.
    * `rated`: per row, before base load; `row_parent`, `row_children`: the same phase one node up (-1: none) and
      down.
    * `row_name`, `share_text` per row and `full_text` per EVSE: for people.
    """

    topology: Topology
    ids: tuple[EvseId, ...]
    index: Mapping[EvseId, int]
    minimum: Sequence[int]
    maximum: Sequence[int]
    rank: Sequence[int]
    ranks: int
    node: Sequence[int]
    parent: Sequence[int]
    circuit_node: Mapping[CircuitId, int]
    post_node: Mapping[StationId, int]
    alone: Mapping[StationId, int]
    leaf_rows: Sequence[tuple[int, ...]]
    path_rows: Sequence[tuple[int, ...]]
    rated: Sequence[int]
    row_parent: Sequence[int]
    row_children: Sequence[tuple[int, ...]]
    row_name: Sequence[str]
    share_text: Sequence[str]
    full_text: Sequence[str]


def compile_site(topology: Topology) -> CompiledSite:
    """Flatten a topology. Raises ValueError when the EVSEs of one post hang on different circuits."""
    plans = sorted(topology.evses().values(), key=lambda plan: plan.id)
    classes = sorted({plan.priority for plan in plans}, reverse=True)
    index = {plan.id: number for number, plan in enumerate(plans)}
    posts = [station for station in topology.stations.values() if station.installed and len(station.evses) > 1]
    for post in posts:
        if any(evse.circuit != post.circuit for evse in post.evses):
            raise ValueError(f"the EVSEs of station {post.id} hang on different circuits")
    post_node = {post.id: number for number, post in enumerate(posts)}
    deepest_first = sorted(topology.circuits, key=lambda circuit: (-len(topology.paths[circuit]), circuit))
    circuit_node = {circuit: len(posts) + number for number, circuit in enumerate(deepest_first)}
    parent = [circuit_node[post.circuit] for post in posts]
    for name in deepest_first:
        above = topology.circuits[name].parent
        parent.append(-1 if above is None else circuit_node[above])
    leaf_rows, path_rows = _rows_by_mask(parent)
    names = [f"station {post.id}" for post in posts] + [f"circuit {name}" for name in deepest_first]
    amperes = [post.max_a for post in posts] + [topology.circuits[name].rated_a for name in deepest_first]
    maximum = [deci(min(plan.max_a, topology.stations[plan.id.station].max_a)) for plan in plans]
    alone = {plan.id.station: number for number, plan in enumerate(plans) if plan.id.station not in post_node}
    return CompiledSite(
        topology=topology,
        ids=tuple(plan.id for plan in plans),
        index=index,
        minimum=[-deci(-plan.min_a) for plan in plans],
        maximum=maximum,
        rank=[classes.index(plan.priority) for plan in plans],
        ranks=len(classes),
        node=[post_node.get(plan.id.station, circuit_node[plan.circuit]) for plan in plans],
        parent=parent,
        circuit_node=circuit_node,
        post_node=post_node,
        alone=alone,
        leaf_rows=leaf_rows,
        path_rows=path_rows,
        rated=[deci(a) for a in amperes for _ in ALL_PHASES],
        row_parent=[-1 if node < 0 else node * 3 + phase for node in parent for phase in ALL_PHASES],
        row_children=[
            tuple(below * 3 + phase for below in range(node) if parent[below] == node)
            for node in range(len(parent))
            for phase in ALL_PHASES
        ],
        row_name=[f"{name} {phase.name}" for name in names for phase in ALL_PHASES],
        share_text=[f"fair share of {name} on {phase.name}" for name in names for phase in ALL_PHASES],
        full_text=[f"its own maximum {a / 10:g} A" for a in maximum],
    )


def _rows_by_mask(parent: Sequence[int]) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]]]:
    leaf_rows: list[tuple[int, ...]] = []
    path_rows: list[tuple[int, ...]] = []
    for node in range(len(parent)):
        path: list[int] = []
        here = node
        while here >= 0:
            path.append(here)
            here = parent[here]
        for mask in range(8):
            phases = [phase for phase in ALL_PHASES if mask & 1 << phase]
            leaf_rows.append(tuple(node * 3 + phase for phase in phases))
            path_rows.append(tuple(above * 3 + phase for above in path for phase in phases))
    return leaf_rows, path_rows
