"""Trees with damaged pages: what SQLite reads of them afterwards, and what belongs to no tree."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sitectl.store.mending import cut_damage, orphans, reached
from sitectl.store.pages import Pages

SIZE = 2048
ROWS = 6000


@pytest.fixture
def pages(path: Path) -> Iterator[Pages]:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {SIZE}")
        connection.execute("CREATE TABLE plain (n INTEGER PRIMARY KEY, x TEXT NOT NULL)")
        connection.execute("CREATE TABLE keyed (k TEXT PRIMARY KEY, x TEXT NOT NULL) WITHOUT ROWID")
        connection.execute("CREATE INDEX by_x ON plain (x)")
        connection.execute("BEGIN")
        for number in range(ROWS):
            connection.execute("INSERT INTO plain VALUES (?, ?)", (number, f"{number:x}" * 120))
            connection.execute("INSERT INTO keyed VALUES (?, ?)", (f"key number {number}", "x" * 100))
        connection.execute("COMMIT")
    handle = os.open(path, os.O_RDWR)
    yield Pages(handle, SIZE)
    os.close(handle)


def ask(path: Path, statement: str) -> list[tuple[int, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchall()


def root(path: Path, table: str) -> int:
    return ask(path, f"SELECT rootpage FROM sqlite_schema WHERE name = '{table}'")[0][0]


def of(path: Path, table: str, kind: str) -> list[int]:
    return [row[0] for row in ask(path, f"SELECT pageno FROM dbstat WHERE name = '{table}' AND pagetype = '{kind}'")]


@pytest.mark.parametrize("table", ["plain", "keyed"])
def test_a_sound_tree_is_left_alone(pages: Pages, path: Path, table: str) -> None:
    before = path.read_bytes()
    walked = cut_damage(pages, root(path, table), rowids=table == "plain")
    assert (walked.cut, walked.rows) == ([], [])
    assert walked.reached == {*of(path, table, "leaf"), *of(path, table, "internal")}
    assert walked.reached == reached(pages, root(path, table))
    assert path.read_bytes() == before


@pytest.mark.parametrize("table", ["plain", "keyed"])
def test_a_damaged_leaf_costs_its_rows_alone(pages: Pages, path: Path, table: str) -> None:
    leaf = of(path, table, "leaf")[7]
    held = ask(path, f"SELECT ncell FROM dbstat WHERE pageno = {leaf}")[0][0]
    pages.write({leaf: bytes(SIZE)})
    assert cut_damage(pages, root(path, table), rowids=table == "plain").cut == [leaf]
    assert ask(path, f"SELECT count(x) FROM {table} NOT INDEXED") == [(ROWS - held,)]
    assert (
        list(orphans(pages, {1}.union(*(reached(pages, root(path, name)) for name in ("plain", "keyed", "by_x")))))
        == []
    )


@pytest.mark.parametrize("table", ["plain", "keyed"])
def test_below_a_damaged_inner_page_are_orphans(pages: Pages, path: Path, table: str) -> None:
    inner = next(page for page in of(path, table, "internal") if page != root(path, table))
    below = reached(pages, inner) - {inner}
    pages.write({inner: b"\xff" * SIZE})
    assert cut_damage(pages, root(path, table), rowids=table == "plain").cut == [inner]
    known = {1}.union(*(reached(pages, root(path, name), {inner}) for name in ("plain", "keyed", "by_x")))
    assert set(orphans(pages, known)) == below
    assert 0 < ask(path, f"SELECT count(x) FROM {table} NOT INDEXED")[0][0] < ROWS


def test_a_page_that_refers_to_anothers_is_cut_and_takes_nothing_from_it(pages: Pages, path: Path) -> None:
    inner = next(page for page in of(path, "plain", "internal") if page != root(path, "plain"))
    changed = bytearray(pages.read(inner))
    changed[8:12] = (pages.count + 1000).to_bytes(4, "big")
    pages.write({inner: bytes(changed)})
    assert cut_damage(pages, root(path, "plain"), rowids=True).cut == [inner]
    assert ask(path, "SELECT count(x) FROM keyed") == [(ROWS,)]


def test_a_loop_ends(pages: Pages, path: Path) -> None:
    top = root(path, "plain")
    inner = next(page for page in of(path, "plain", "internal") if page != top)
    changed = bytearray(pages.read(inner))
    changed[8:12] = top.to_bytes(4, "big")
    pages.write({inner: bytes(changed)})
    assert inner in cut_damage(pages, top, rowids=True).cut
    assert reached(pages, top)
