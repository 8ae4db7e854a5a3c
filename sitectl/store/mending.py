"""Cut damaged pages out of a file, so that SQLite reads what is around them, and find the rows that this leaves behind.

A page that is no page of its tree becomes a leaf without a row of meaning. What hung below it belongs to no tree then:
such pages are orphans, and their rows are told apart by their shape.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass, field

from sitectl.store.pages import (
    INDEX_LEAF,
    INTERIORS,
    LEAVES,
    TABLE_INTERIOR,
    TABLE_LEAF,
    WITH_ROWS,
    Damaged,
    Pages,
    Row,
    children,
    kind,
    rows,
)

DEEPEST = 20


@dataclass(slots=True)
class Walked:
    """The pages of one tree. `cut`: those that were damaged; `rows`: what could be read of these all the same."""

    reached: set[int] = field(default_factory=set)
    cut: list[int] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)


def cut_damage(pages: Pages, root: int, *, rowids: bool) -> Walked:
    """Look at every page of a table's tree and cut out what is no page of such a tree. Raises OSError."""
    walked = Walked()
    leaf = TABLE_LEAF if rowids else INDEX_LEAF
    waiting = [(root, 0)]
    while waiting:
        number, depth = waiting.pop()
        walked.reached.add(number)
        try:
            below = _below(pages, number, leaf, depth, walked.reached)
        except Damaged:
            walked.cut.append(number)
            walked.rows += rows(pages, number, strict=False)
            continue
        waiting += [(child, depth + 1) for child in below]
    pages.write({number: pages.nothing(number, leaf) for number in walked.cut})
    return walked


def _below(pages: Pages, number: int, leaf: int, depth: int, reached: set[int]) -> list[int]:
    page = pages.read(number)
    found = kind(page, number)
    if found == leaf:
        return []
    if found not in INTERIORS or (found == TABLE_INTERIOR) != (leaf == TABLE_LEAF) or depth >= DEEPEST:
        raise Damaged(f"page {number} is of kind {found}")
    below = children(page, number)
    last = pages.count
    if len(set(below)) < len(below) or any(not 1 < child <= last or child in reached for child in below):
        raise Damaged(f"page {number} refers to pages that are not its own")
    return below


def reached(pages: Pages, root: int, cut: Set[int] = frozenset()) -> set[int]:
    """The pages of a tree, leaves unread: which page is one is told by its neighbours, but for those that were cut."""
    found = {root}
    waiting = [root]
    while waiting:
        number = waiting.pop()
        page = pages.read(number)
        try:
            if kind(page, number) in LEAVES:
                continue
            below = [child for child in children(page, number) if 1 < child <= pages.count and child not in found]
        except Damaged:
            continue
        found.update(below)
        if not _is_leaf(pages, (child for child in below if child not in cut)):
            waiting += below
    return found


def _is_leaf(pages: Pages, below: Iterable[int]) -> bool:
    for child in below:
        try:
            return kind(pages.read(child), child) in LEAVES
        except Damaged:
            continue
    return True


def orphans(pages: Pages, known: set[int]) -> Iterator[int]:
    """The pages with rows that no tree holds."""
    for number in range(2, pages.count + 1):
        with suppress(Damaged):
            if number not in known and kind(pages.read(number), number) in WITH_ROWS:
                yield number
