"""The reader of the format, beside SQLite itself."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sitectl.store.pages import INTERIORS, LEAVES, TABLE_LEAF, Damaged, Pages, children, kind, rows, varint

SIZE = 2048


@pytest.fixture
def pages(path: Path) -> Iterator[Pages]:
    """A file with tables of small, large and odd rows, with rowids and without."""
    random = Random(4)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {SIZE}")
        connection.execute("CREATE TABLE plain (a, b, c)")
        connection.execute("CREATE TABLE keyed (k TEXT, n INTEGER, v, PRIMARY KEY (k, n)) WITHOUT ROWID")
        connection.execute("BEGIN")
        for number in range(400):
            value: Any = random.choice([None, 0, 1, -1, 127, -32768, 2**23, -(2**31), 2**40, -(2**63), 2**63 - 1, 1.5])
            text = random.choice(["", "ä€", "x" * 50, "y" * 3000])
            connection.execute("INSERT INTO plain VALUES (?, ?, ?)", (value, text, random.randbytes(number * 20)))
            connection.execute("INSERT INTO keyed VALUES (?, ?, ?)", (f"key {number % 7}", number, text))
        connection.execute("COMMIT")
    handle = os.open(path, os.O_RDWR)
    yield Pages(handle, SIZE)
    os.close(handle)


def expected(path: Path, statement: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def of(path: Path, table: str) -> list[int]:
    return [row[0] for row in expected(path, f"SELECT pageno FROM dbstat WHERE name = '{table}'")]


def test_rows_are_what_sqlite_says_overflow_and_all(pages: Pages, path: Path) -> None:
    found = [(row.rowid, *row.values) for page in of(path, "plain") for row in readable(pages, page)]
    assert sorted(found) == sorted(expected(path, "SELECT rowid, * FROM plain"))
    found = [row.values for page in of(path, "keyed") for row in readable(pages, page)]
    assert sorted(found) == sorted(expected(path, "SELECT * FROM keyed"))


def readable(pages: Pages, page: int) -> list[Any]:
    try:
        return list(rows(pages, page))
    except Damaged:
        return []  # a page of the rest of a long row


def test_a_tree_is_walked_as_sqlite_walks_it(pages: Pages, path: Path) -> None:
    for table in ("plain", "keyed"):
        waiting = [expected(path, f"SELECT rootpage FROM sqlite_schema WHERE name = '{table}'")[0][0]]
        found = set()
        while waiting:
            number = waiting.pop()
            found.add(number)
            if kind(pages.read(number), number) in INTERIORS:
                waiting += children(pages.read(number), number)
        query = f"SELECT pageno FROM dbstat WHERE name = '{table}' AND pagetype <> 'overflow'"
        assert found == {row[0] for row in expected(path, query)}


def test_what_is_no_page_is_damaged(pages: Pages) -> None:
    for content in (bytes(SIZE), b"\xff" * SIZE, bytes([TABLE_LEAF]) + b"\xff" * (SIZE - 1)):
        with pytest.raises(Damaged):
            kind(content, 2)
        with pytest.raises(Damaged):
            children(content, 2)
    with pytest.raises(Damaged):
        list(rows(pages, pages.count + 100))


def test_rubbish_is_read_as_nothing_and_in_finite_time(pages: Pages, path: Path) -> None:
    """Whatever the bytes are: rows that can be, or none."""
    random = Random(7)
    numbers = [number for number in of(path, "plain") if pages.read(number)[0] in LEAVES][:20]
    for number in numbers:
        good = pages.read(number)
        for _ in range(60):
            bad = bytearray(good)
            for _ in range(random.randrange(1, 30)):
                bad[random.randrange(1, SIZE)] = random.randrange(256)
            pages.write({number: bytes(bad)})
            for row in rows(pages, number, strict=False):
                assert isinstance(row.values, tuple)
        pages.write({number: good})


def test_a_page_of_nothing_is_a_leaf_of_one_row_without_values(pages: Pages, path: Path) -> None:
    for table, leaf in (("plain", TABLE_LEAF), ("keyed", 10)):
        number = next(page for page in of(path, table) if pages.read(page)[0] == leaf)
        pages.write({number: pages.nothing(number, leaf)})
        (row,) = rows(pages, number)
        assert row.values == (None,)
    total = expected(path, "SELECT count(*), count(b) FROM plain NOT INDEXED")
    assert total[0][0] == total[0][1] + 1
    assert expected(path, "SELECT count(*) - count(v) FROM keyed NOT INDEXED") == [(1,)]


@pytest.mark.parametrize("value", [0, 127, 128, 16383, 16384, 2**31, 2**56, 2**63 - 1, -1, -(2**63)])
def test_numbers_of_one_to_nine_bytes(value: int) -> None:
    encoded, left = b"", value & (2**64 - 1)
    if left >= 2**56:
        encoded, left = bytes([left & 0xFF]), left >> 8
        for _ in range(8):
            encoded, left = bytes([left & 0x7F | 0x80]) + encoded, left >> 7
    else:
        encoded, left = bytes([left & 0x7F]), left >> 7
        while left:
            encoded, left = bytes([left & 0x7F | 0x80]) + encoded, left >> 7
    assert varint(b"\xff" + encoded + b"\x01", 1) == (value, 1 + len(encoded))
