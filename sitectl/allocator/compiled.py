"""The tree of circuits as flat lists, compiled once per topology so that a control cycle only adds and compares
integers.

A *node* is a circuit, or a post (a station with several EVSEs, whose own `max_a` bounds their sum). Nodes are
numbered children before parents, so one forward pass sums the tree up and one backward pass hands flags down. A
*row* is one node on one phase: `node * 3 + phase`; without a neutral it is one side of the polygon that stands for a
line (see `polygon`), and what an ampere counts there depends on the lines that an EVSE is on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from operator import itemgetter
from typing import Any, TypeVar

from sitectl.allocator import polygon
from sitectl.base.units import deci
from sitectl.model.circuit import Topology
from sitectl.model.electrical import ALL_PHASES, Phase
from sitectl.model.ids import CircuitId, EvseId, StationId

Amount = TypeVar("Amount", int, float)
Gather = Callable[[Sequence[int]], Sequence[int]]
"""Picks the amounts of the rows below one row."""

PHASE_MASK: Mapping[tuple[Phase, ...], int] = {
    order: sum(1 << phase for phase in order) for count in (1, 2, 3) for order in permutations(ALL_PHASES, count)
} | {(): 0b111}
"""Phases in any order -> bit mask; nothing known counts on all three."""


@dataclass(frozen=True, slots=True)
class CompiledSite:
    """One topology, flat. Amperes are whole tenths, on rows times `scale`. EVSEs are numbered in the order of their
    ids, rows as the module says.

    * `ids`, `index`: number -> EVSE and back; `minimum`, `maximum`, `rank` (0: the class that goes first), `node`:
      per EVSE.
    * `parent`: per node, -1 for the root (the last node). `circuit_node`, `post_node`: where circuits and posts are;
      `alone`: stations with one EVSE, which need no row of their own.
    * `leaf_rows`, `path_rows`: by `node * 8 + phase mask`, the rows at the node itself and all rows up to the root.
    * `path_terms`: by the same, each row with what an ampere counts there; None: one `scale` on every row.
    * `width`: rows of a node; `lines`: which of them are those of L1, L2 and L3.
    * `rated`: per row, before base load; `row_children`: the rows below that its sum is made of; `sums`: each row that
      has such, with what picks them, in the order of summing up.
    * `switching`: EVSEs that can be told to charge by one phase or by three.
    * `balanced`: circuits that bound their imbalance, the deepest first.
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
    balanced: Sequence[CircuitId]
    switching: frozenset[int]
    leaf_rows: Sequence[tuple[int, ...]]
    path_rows: Sequence[tuple[int, ...]]
    path_terms: Sequence[tuple[tuple[int, int], ...]] | None
    scale: int
    width: int
    lines: tuple[tuple[int, ...], ...]
    rated: Sequence[int]
    row_children: Sequence[tuple[int, ...]]
    sums: Sequence[tuple[int, Gather]]
    row_name: Sequence[str]
    share_text: Sequence[str]
    full_text: Sequence[str]

    def rows_of(self, node: int, phase: int) -> list[int]:
        """The rows of a node on one phase."""
        first = node * self.width
        return [first + row for row in self.lines[phase]]

    def place_of(self, row: int) -> tuple[int, int]:
        """The node and the phase of a row."""
        node, within = divmod(row, self.width)
        return node, next(phase for phase, rows in enumerate(self.lines) if within in rows)


def _sums(below: Sequence[tuple[int, ...]]) -> list[tuple[int, Gather]]:
    """`below`: per row, the rows that it sums up."""
    # Of one row alone `itemgetter` gives the amount itself; of a slice of one it gives a list, too.
    return [
        (row, itemgetter(*rows) if len(rows) > 1 else itemgetter(slice(rows[0], rows[0] + 1)))
        for row, rows in enumerate(below)
        if rows
    ]


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
        switching=frozenset(number for number, plan in enumerate(plans) if plan.switches_phases),
        balanced=[name for name in deepest_first if topology.circuits[name].imbalance_a is not None],
        full_text=[f"its own maximum {a / 10:g} A" for a in maximum],
        **(_polygon_rows if topology.wiring.is_triangle else _phase_rows)(parent, amperes, names),
    )


def _below(parent: Sequence[int]) -> list[list[int]]:
    """By node, in order, the nodes that hang on it."""
    found: list[list[int]] = [[] for _ in parent]
    for number, node in enumerate(parent):
        if node >= 0:
            found[node].append(number)
    return found


def _phase_rows(parent: Sequence[int], amperes: Sequence[float], names: Sequence[str]) -> dict[str, Any]:
    """One row a node and phase, on which every ampere counts as one."""
    nodes = range(len(parent))
    leaf_rows: list[tuple[int, ...]] = []
    path_rows: list[tuple[int, ...]] = []
    for node in nodes:
        path = _upwards(parent, node)
        for mask in range(8):
            phases = [phase for phase in ALL_PHASES if mask & 1 << phase]
            leaf_rows.append(tuple(node * 3 + phase for phase in phases))
            path_rows.append(tuple(above * 3 + phase for above in path for phase in phases))
    children = [tuple(child * 3 + phase for child in below) for below in _below(parent) for phase in ALL_PHASES]
    return {
        "leaf_rows": leaf_rows,
        "path_rows": path_rows,
        "path_terms": None,
        "scale": 1,
        "width": 3,
        "lines": ((0,), (1,), (2,)),
        "rated": [deci(a) for a in amperes for _ in ALL_PHASES],
        "row_children": children,
        "sums": _sums(children),
        "row_name": [f"{name} {phase.name}" for name in names for phase in ALL_PHASES],
        "share_text": [f"fair share of {name} on {phase.name}" for name in names for phase in ALL_PHASES],
    }


def _polygon_rows(parent: Sequence[int], amperes: Sequence[float], names: Sequence[str]) -> dict[str, Any]:
    """Sums of plain amperes by class of lines, and the sides of three polygons, at every node."""
    nodes, width, kinds = range(len(parent)), polygon.WIDTH, range(len(polygon.CLASSES))
    leaf_rows: list[tuple[int, ...]] = []
    path_terms: list[tuple[tuple[int, int], ...]] = []
    for node in nodes:
        path = _upwards(parent, node)
        for kind in polygon.CLASS_OF_MASK:
            counts = [(row, terms[kind]) for row, terms in enumerate(polygon.COEFFICIENTS, len(kinds)) if terms[kind]]
            leaf_rows.append((node * width + kind,))
            path_terms.append(tuple((above * width + row, k) for above in path for row, k in ((kind, 1), *counts)))
    children: list[tuple[int, ...]] = []
    to_sum: list[tuple[int, ...]] = []
    for node, below in enumerate(_below(parent)):
        plain = [tuple(child * width + kind for child in below) for kind in kinds]
        sides = [tuple(node * width + kind for kind in kinds if terms[kind]) for terms in polygon.COEFFICIENTS]
        children += plain + sides
        to_sum += plain + [()] * len(sides)
    sums = [polygon.UNBOUNDED] * len(kinds)
    shown = [*polygon.CLASSES, *(phase.name for phase in ALL_PHASES for _ in range(polygon.ROWS))]
    return {
        "leaf_rows": leaf_rows,
        "path_rows": [tuple(row for row, _ in terms) for terms in path_terms],
        "path_terms": path_terms,
        "scale": polygon.SCALE,
        "width": width,
        "lines": polygon.lines(),
        "rated": [bound for a in amperes for bound in (*sums, *[deci(a) * polygon.SCALE] * (width - len(kinds)))],
        "row_children": children,
        "sums": _sums(to_sum),
        "row_name": [f"{name} {line}" for name in names for line in shown],
        "share_text": [f"fair share of {name} on {line}" for name in names for line in shown],
    }


def _upwards(parent: Sequence[int], node: int) -> list[int]:
    path: list[int] = []
    while node >= 0:
        path.append(node)
        node = parent[node]
    return path


def sum_up(plan: CompiledSite, rows: list[int]) -> None:
    """Add every row to the one above it; children come first in the numbering."""
    for row, gather in plan.sums:
        rows[row] += sum(gather(rows))
    if plan.path_terms is not None:
        polygon.spread(rows)


def sum_of(plan: CompiledSite, key: Sequence[int], amount: Sequence[int], numbers: Iterable[int]) -> list[int]:
    """Per row, what these EVSEs come to on it; `key` and `amount` by EVSE number."""
    rows = [0] * len(plan.rated)
    leaf_rows = plan.leaf_rows
    for number in numbers:
        mine = amount[number]
        for row in leaf_rows[key[number]]:
            rows[row] += mine
    sum_up(plan, rows)
    return rows


def first_full(plan: CompiledSite, slack: Sequence[int], key: int, amount: int) -> int:
    """The first row without so much to spare for an EVSE with this key; -1: all have it."""
    if plan.path_terms is None:
        for row in plan.path_rows[key]:
            if slack[row] < amount:
                return row
    else:
        for row, counts in plan.path_terms[key]:
            if slack[row] < amount * counts:
                return row
    return -1


def take(plan: CompiledSite, slack: list[Amount], key: int, amount: Amount) -> None:
    """An EVSE with this key takes so much on all its rows."""
    if plan.path_terms is None:
        for row in plan.path_rows[key]:
            slack[row] -= amount
    else:
        for row, counts in plan.path_terms[key]:
            slack[row] -= amount * counts


def tightest(plan: CompiledSite, slack: Sequence[int], key: int) -> tuple[int, int]:
    """How much an EVSE with this key could still take (negative: how much is too much), and the row that says so."""
    if plan.path_terms is None:
        path = plan.path_rows[key]
        left = [slack[row] for row in path]
        least = min(left)
        return least, path[left.index(least)]
    return min((slack[row] // counts, row) for row, counts in plan.path_terms[key])


def most_missing(plan: CompiledSite, missing: Sequence[int], key: int) -> int:
    """How much an EVSE with this key must give back for none of its rows to lack anything."""
    if plan.path_terms is None:
        return max(map(missing.__getitem__, plan.path_rows[key]))
    return max(-(-missing[row] // counts) for row, counts in plan.path_terms[key])
