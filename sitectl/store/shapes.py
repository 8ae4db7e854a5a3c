"""The shape of each table, by which a row without a table is known."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from sitectl.store.pages import Row, Value

LIKE_AN_INDEX = 5
"""So many columns the record of an index may have: a table without rowids has to have more to be known by them."""

_TYPES: dict[str, tuple[type, ...]] = {"TEXT": (str,), "INTEGER": (int,), "REAL": (int, float), "BLOB": (bytes,)}


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `needed`: a row without it is none; it has no default and may not be null."""

    name: str
    type: str
    nullable: bool
    needed: bool

    def takes(self, value: Value) -> bool:
        """Whether this may stand there."""
        return self.nullable if value is None else isinstance(value, _TYPES.get(self.type, (object,)))


@dataclass(frozen=True, slots=True)
class Shape:
    """One table; `columns` in the order of its records. `alias`: the column that is the rowid, and null in records."""

    table: str
    columns: tuple[Column, ...]
    rowids: bool
    alias: str | None

    def statement(self, count: int) -> str:
        """Insert a row of which the first `count` columns are there."""
        names = self.names(count)
        return f'INSERT OR IGNORE INTO "{self.table}" ({", ".join(names)}) VALUES ({", ".join("?" * len(names))})'  # noqa: S608

    def names(self, count: int | None = None) -> list[str]:
        """What a row is written by: the rowid, where there is one, then the columns."""
        plain = [column.name for column in self.columns[:count] if column.name != self.alias]
        return [self.alias or "rowid", *plain] if self.rowids else plain

    def values(self, row: Row, *, found_alone: bool) -> list[Value] | None:
        """A record as a row of this table, in the order of `names`; None when it has not its shape."""
        count = len(row.values)
        if count > len(self.columns) or (row.rowid is not None) != self.rowids:
            return None
        if found_alone and not self.rowids and count <= LIKE_AN_INDEX:
            return None
        if any(column.needed for column in self.columns[count:]):
            return None
        pairs = [(c, value) for c, value in zip(self.columns, row.values, strict=False) if c.name != self.alias]
        if not all(column.takes(value) for column, value in pairs):
            return None
        return [*([row.rowid] if self.rowids else []), *(value for _, value in pairs)]


def shape(connection: sqlite3.Connection, table: str) -> Shape:
    """The shape of a table of ours (strict, names without a quote)."""
    declared = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
    (rowids,) = connection.execute("SELECT wr = 0 FROM pragma_table_list(?) WHERE schema = 'main'", (table,)).fetchone()
    if not rowids:  # the key stands first in the records
        declared.sort(key=lambda row: (row[5] == 0, row[5], row[0]))
    keys = [row for row in declared if row[5]]
    alias = keys[0][1] if rowids and len(keys) == 1 and keys[0][2] == "INTEGER" else None
    columns = [
        Column(
            row[1], row[2], nullable=not row[3] and not (row[5] and not rowids), needed=bool(row[3]) and row[4] is None
        )
        for row in declared
    ]
    return Shape(table, tuple(columns), bool(rowids), alias)
