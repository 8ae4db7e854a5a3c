"""Save the rows of a damaged file into a new one of the same schema.

What SQLite still reads is copied as it reads it, which is fast. Of a table that it does not read whole the damaged
pages are cut out and the copy is tried again; what this left without a table is found page by page and known by its
shape.
"""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field

from sitectl.store.damaged import DamagedFile
from sitectl.store.migrate import migrate
from sitectl.store.pages import Row, Value
from sitectl.store.shapes import Shape, shape

MONEY = ("transactions", "transaction_uplinks", "outbox", "outbox_archive", "epochs", "meta")
LATER = ("raw_frames", "events")
"""Many rows that nobody waits for."""

_READING = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS)
_OF_THE_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN)


log = logging.getLogger(__name__)


@dataclass(slots=True)
class Saved:
    """Rows saved, and the damaged pages of each table."""

    rows: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, int] = field(default_factory=dict)


def order(names: Iterable[str]) -> list[str]:
    """Tables by what they are worth; the many rows that nobody waits for are not among them."""
    last = ("limits", "overlay", "stations")
    rank = {name: place for place, name in enumerate(MONEY)} | {name: 100 + last.index(name) for name in last}
    wanted = (name for name in names if name not in LATER and not name.startswith("sqlite_"))
    return sorted(wanted, key=lambda name: (rank.get(name, 50 if name == "anomalies" else 200), name))


def save(file: DamagedFile, target: sqlite3.Connection, names: Sequence[str]) -> Saved:
    """Copy these tables. Raises OSError, and sqlite3.Error where the new file does not take the rows."""
    saved = Saved()
    damaged: list[Shape] = []
    for name in names:
        one = shape(target, name)
        if file.roots is not None and name not in file.roots:
            continue
        with _transaction(target):
            if not _copied(file, target, one):
                cut, left = file.cut_damage(name, rowids=one.rowids)
                saved.damaged[name] = max(1, cut)
                damaged.append(one)
                if not _copied(file, target, one):
                    _insert(target, [one], file.rows_of(name))
                _insert(target, [one], left)
    if damaged:
        with _transaction(target):
            _insert(target, damaged, file.orphaned_rows(), found_alone=True)
            _drop_what_was_answered(target)
    for name in names:
        saved.rows[name] = target.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608
    return saved


def reserve_numbers(file: DamagedFile, target: sqlite3.Connection) -> None:
    """Let new rows of the large tables be numbered after the old ones, which are copied later."""
    for name in LATER:
        one = shape(target, name)
        with _transaction(target):
            if not _copied(file, target, one, f"ORDER BY {one.alias} DESC LIMIT 1"):
                file.cut_damage(name, rowids=True)
                _copied(file, target, one, f"ORDER BY {one.alias} DESC LIMIT 1")


def shapes_in(file: DamagedFile, names: Iterable[str]) -> list[Shape]:
    """The shapes of tables in the damaged file itself; in those of now, where its schema cannot be read."""
    with closing(sqlite3.connect(":memory:" if file.roots is None else file.address, uri=True)) as connection:
        if file.roots is None:
            migrate(connection, None)
        return [shape(connection, name) for name in names if file.roots is None or name in file.roots]


def newest_first(file: DamagedFile, one: Shape) -> Iterator[Sequence[Value]]:
    """All rows of a table numbered by its rowid, in the order of `one.names`; repeated ones among them."""
    below, cut = 2**62, False
    while file.roots is not None:
        try:
            with closing(sqlite3.connect(file.address, uri=True)) as source:
                query = f'SELECT {", ".join(one.names())} FROM "{one.table}" WHERE {one.alias} < ?'  # noqa: S608
                for row in source.execute(f"{query} ORDER BY {one.alias} DESC", (below,)):
                    below = row[0]
                    yield row
            break
        except sqlite3.Error as error:
            log.warning("%s: %s", one.table, error)
            if cut:
                yield from _shaped(one, file.rows_of(one.table))
                break
        cut = True
        _, left = file.cut_damage(one.table, rowids=True)
        yield from _shaped(one, left)
    if cut or file.roots is None:
        yield from _shaped(one, file.orphaned_rows())


def _shaped(one: Shape, rows: Iterable[Row]) -> Iterator[Sequence[Value]]:
    """Whole rows alone: what is many is worth little."""
    for row in rows:
        values = one.values(row, found_alone=True)
        if values is not None and len(row.values) == len(one.columns):
            yield values


@contextmanager
def _transaction(target: sqlite3.Connection) -> Iterator[None]:
    target.execute("BEGIN")
    try:
        yield
    except BaseException:
        target.execute("ROLLBACK")
        raise
    target.execute("COMMIT")


def _copied(file: DamagedFile, target: sqlite3.Connection, one: Shape, rest: str = "") -> bool:
    """Whether SQLite read the table to its end; otherwise nothing was copied."""
    if file.roots is None:
        return False
    names = ", ".join(one.names())
    source = sqlite3.connect(file.address, uri=True, isolation_level=None)
    source.execute("PRAGMA cell_size_check = ON")  # or a cell outside of its page is read as what memory holds there
    target.execute("SAVEPOINT copy")
    try:
        rows = source.execute(f'SELECT {names} FROM "{one.table}" NOT INDEXED {rest}')  # noqa: S608
        target.executemany(one.statement(len(one.columns)), rows)
    except sqlite3.Error as error:
        target.execute("ROLLBACK TO copy")
        if _is_of_the_target(error):
            raise
        return False
    finally:
        with contextlib.suppress(sqlite3.Error):
            target.execute("RELEASE copy")
        source.close()
    return True


def _insert(
    target: sqlite3.Connection, shapes: Sequence[Shape], rows: Iterable[Row], *, found_alone: bool = False
) -> None:
    """Each row into the first table whose shape it has and that takes it."""
    for row in rows:
        for one in shapes:
            values = one.values(row, found_alone=found_alone)
            if values is not None and _taken(target, one.statement(len(row.values)), values):
                break


def _taken(target: sqlite3.Connection, statement: str, values: Sequence[Value]) -> bool:
    try:
        return target.execute(statement, values).rowcount > 0
    except sqlite3.Error as error:
        if _is_of_the_target(error):
            raise
        return False


def _is_of_the_target(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    return code & 0xFF in _OF_THE_DISK and code not in _READING


def _drop_what_was_answered(target: sqlite3.Connection) -> None:
    """A message that a central has answered left the outbox: where it is found again it comes from an old page."""
    target.execute(
        "DELETE FROM outbox WHERE EXISTS (SELECT 1 FROM transaction_uplinks u"
        " WHERE u.transaction_id = outbox.transaction_id AND u.uplink = outbox.uplink"
        " AND CASE outbox.kind WHEN 'start' THEN u.start_state WHEN 'stop' THEN u.stop_state END = 'acked')"
    )
