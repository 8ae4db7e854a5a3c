import sqlite3
from collections.abc import Iterator

import pytest

from sitectl.store.migrate import migrate
from sitectl.store.pages import Row
from sitectl.store.shapes import shape


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, None)
    connection.execute(
        "CREATE TABLE plain (n INTEGER PRIMARY KEY, t TEXT NOT NULL, r REAL, d INTEGER NOT NULL DEFAULT 7) STRICT"
    )
    connection.execute("CREATE TABLE bare (t TEXT NOT NULL, b BLOB) STRICT")
    connection.execute(
        "CREATE TABLE keyed (v TEXT, k2 INTEGER NOT NULL, k1 TEXT NOT NULL, a TEXT, b TEXT, c TEXT,"
        " PRIMARY KEY (k1, k2)) STRICT, WITHOUT ROWID"
    )
    yield connection
    connection.close()


def test_a_record_becomes_a_row(connection: sqlite3.Connection) -> None:
    plain = shape(connection, "plain")
    assert plain.names() == ["n", "t", "r", "d"]
    assert plain.values(Row(5, (None, "x", 1, 2)), found_alone=True) == [5, "x", 1, 2]
    bare = shape(connection, "bare")
    assert bare.names() == ["rowid", "t", "b"]
    assert bare.values(Row(9, ("x", b"y")), found_alone=True) == [9, "x", b"y"]
    keyed = shape(connection, "keyed")
    assert keyed.names() == ["k1", "k2", "v", "a", "b", "c"]
    assert keyed.values(Row(None, ("k", 1, None, "a", "b", "c")), found_alone=True) == ["k", 1, None, "a", "b", "c"]


def test_a_row_of_before_a_column_was_added_is_one_of_this_table(connection: sqlite3.Connection) -> None:
    plain = shape(connection, "plain")
    assert plain.values(Row(5, (None, "x")), found_alone=True) == [5, "x"]
    connection.execute(plain.statement(2), (5, "x"))
    assert connection.execute("SELECT * FROM plain").fetchall() == [(5, "x", None, 7)]


@pytest.mark.parametrize(
    "row",
    [
        Row(None, (None, "x", 1.0, 2)),
        Row(5, (None, None, 1.0, 2)),
        Row(5, (None, 3, 1.0, 2)),
        Row(5, (None, "x", "y", 2)),
        Row(5, (None, "x", 1.0, 2, 3)),
        Row(5, (None,)),
    ],
    ids=["no-rowid", "null", "type", "type-of-optional", "too-long", "too-short"],
)
def test_what_has_another_shape_is_no_row_of_it(connection: sqlite3.Connection, row: Row) -> None:
    assert shape(connection, "plain").values(row, found_alone=True) is None


def test_a_short_record_that_is_found_alone_may_be_of_an_index(connection: sqlite3.Connection) -> None:
    keyed = shape(connection, "virtual_variables")
    row = Row(None, ("central", "CP1", "key", "value"))
    assert keyed.values(row, found_alone=True) is None
    assert keyed.values(row, found_alone=False) == ["central", "CP1", "key", "value"]


def test_every_table_of_the_ledger_has_a_shape_that_its_own_rows_fit(connection: sqlite3.Connection) -> None:
    names = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    samples = {"TEXT": "x", "INTEGER": 1, "REAL": 1.0, "BLOB": b"x"}
    for name in names:
        if not name.startswith("sqlite_"):
            one = shape(connection, name)
            values = tuple(None if column.name == one.alias else samples[column.type] for column in one.columns)
            row = Row(1 if one.rowids else None, values)
            assert one.values(row, found_alone=False) is not None, name
