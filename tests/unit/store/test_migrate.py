import sqlite3
from pathlib import Path

import pytest

from sitectl.store.errors import SchemaTooNew
from sitectl.store.migrate import Migration, migrate, shipped

FIRST = Migration(1, "CREATE TABLE a (x INTEGER);")
SECOND = Migration(2, "ALTER TABLE a ADD COLUMN y INTEGER; CREATE INDEX a_y ON a (y);")


def connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, isolation_level=None)


def test_no_two_shipped_steps_have_the_same_number() -> None:
    numbers = [step.number for step in shipped()]
    assert numbers[0] == 1
    assert numbers == sorted(set(numbers))


def test_the_shipped_steps_make_a_sound_file(path: Path) -> None:
    connection = connect(path)
    assert migrate(connection, path) == shipped()[-1].number
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert migrate(connection, path) == shipped()[-1].number
    connection.close()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_older_file_is_copied_first_and_then_brought_forward(path: Path) -> None:
    connection = connect(path)
    migrate(connection, path, [FIRST])
    connection.execute("INSERT INTO a VALUES (7)")
    migrate(connection, path, [FIRST, SECOND])
    assert connection.execute("SELECT x, y FROM a").fetchall() == [(7, None)]
    connection.close()
    copy = connect(Path(f"{path}.schema-1"))
    assert copy.execute("SELECT * FROM a").fetchall() == [(7,)]
    assert copy.execute("PRAGMA user_version").fetchone() == (1,)
    copy.close()


def test_a_step_that_fails_leaves_nothing_behind(path: Path) -> None:
    connection = connect(path)
    migrate(connection, path, [FIRST])
    broken = Migration(2, "CREATE TABLE b (x INTEGER); CREATE TABLE a (x INTEGER);")
    with pytest.raises(sqlite3.OperationalError, match="already exists"):
        migrate(connection, path, [FIRST, broken])
    assert connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall() == [("a",)]
    assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


def test_a_newer_file_is_refused_and_untouched(path: Path) -> None:
    connection = connect(path)
    migrate(connection, path, [FIRST, SECOND])
    with pytest.raises(SchemaTooNew, match="has schema 2, this sitectl knows up to 1"):
        migrate(connection, path, [FIRST])
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()
