"""Circuits are a tree with exactly one root, and the root says its worst base load."""

from __future__ import annotations

from collections.abc import Mapping

from sitectl.config.draft import Draft
from sitectl.config.issues import did_you_mean, shown
from sitectl.model.circuit import Wiring

LEAST_A = 6.0
"""The least that a car charges with (IEC 61851-1)."""


def check(draft: Draft) -> None:
    """Report unknown parents, second roots, the links that close cycles, and what the root lacks.

    Works on what was written, so that a circuit with another fault still holds its place in the tree.
    """
    circuits = draft.section("circuits")
    if not circuits:
        cure = "describe the main fuse: circuits: {grid: {rated_a: 63, base_load_worst_a: 30}}"
        draft.findings.error(("circuits",), "no circuit, so nothing to protect", cure)
        return
    root: str | None = None
    links: dict[str, str] = {}
    for name, body in circuits.items():
        if not isinstance(body, Mapping):
            continue
        parent = body.get("parent")
        if isinstance(parent, str):
            _link(draft, name, parent, circuits, links)
        elif parent is None and root is None:
            root = name
        elif parent is None:
            message = f"a second root beside {shown(root)}"
            draft.findings.error(("circuits", name), message, f"give it a parent, such as parent: {root}", at_key=True)
    if root is not None:
        _check_root(draft, root)
    _check_base_loads(draft)
    _check_wiring(draft)


def _check_wiring(draft: Draft) -> None:
    """One wiring for all, margins that leave something, and imbalance only between phases."""
    for name, circuit in draft.config.circuits.items():
        if circuit.imbalance_a is not None and draft.wiring is not Wiring.WYE:
            message = f"phases of a circuit that is wired {draft.wiring} are not compared"
            draft.findings.error(("circuits", name, "imbalance_a"), message, "leave it away")
        elif circuit.imbalance_a is not None and circuit.imbalance_a < LEAST_A:
            message = f"{circuit.imbalance_a:g} A: a car on one phase never charges alone, for it takes {LEAST_A:g} A"
            draft.findings.warn(("circuits", name, "imbalance_a"), message, f"write {LEAST_A:g} or more")
        if circuit.wiring not in (None, draft.wiring) and circuit.parent is not None:
            message = f"{circuit.wiring} below a root that is wired {draft.wiring}; one tree has one wiring"
            cure = "leave it away; give what hangs behind a transformer a site (and a sitectl) of its own"
            draft.findings.error(("circuits", name, "wiring"), message, cure)
    for name, circuit in draft.config.circuits.items():
        if circuit.reserve_a >= circuit.rated_a:
            message = f"{circuit.reserve_a:g} A leaves nothing of {circuit.rated_a:g} A"
            draft.findings.error(("circuits", name, "reserve_a"), message, "write a few ampere, or leave it away")


def _link(draft: Draft, name: str, parent: str, circuits: Mapping[str, object], links: dict[str, str]) -> None:
    if parent not in circuits:
        cure = did_you_mean(parent, [other for other in circuits if other != name])
        draft.findings.error(("circuits", name, "parent"), f"no circuit {shown(parent)}", cure)
        return
    way = [name, parent]
    while way[-1] != name and way[-1] in links:
        way.append(links[way[-1]])
    if way[-1] != name:
        links[name] = parent
        return
    message = f"its parent closes a cycle: {' → '.join(way)}"
    cure = "let every circuit's parent be nearer to the root, which has none"
    draft.findings.error(("circuits", name), message, cure, at_key=True)


def _check_root(draft: Draft, root: str) -> None:
    if draft.section("circuits", root).get("base_load_worst_a") is None:
        cure = "write the most, in ampere per phase, that anything but stations may draw here"
        draft.findings.error(("circuits", root, "base_load_worst_a"), "required on the root circuit", cure)


def _check_base_loads(draft: Draft) -> None:
    """What is drawn below is drawn above: a parent's worst base load holds those of its children."""
    below: dict[str, float] = {}
    circuits = draft.config.circuits
    for circuit in circuits.values():
        if circuit.parent in circuits:
            below[circuit.parent] = below.get(circuit.parent, 0.0) + (circuit.base_load_worst_a or 0.0)
    for name, sum_a in below.items():
        own_a = circuits[name].base_load_worst_a
        if own_a is not None and own_a < sum_a:
            message = f"less than the {sum_a:g} A that the circuits below declare together"
            draft.findings.warn(("circuits", name, "base_load_worst_a"), message, f"write at least {sum_a:g}")
