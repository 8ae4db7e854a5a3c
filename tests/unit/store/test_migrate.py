import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from sitectl.store.errors import SchemaTooNew
from sitectl.store.migrate import Migration, migrate, shipped
from tests.unit.store.old_schemas import EXPECTED, build_old, summary
from tests.unit.store.small_disk import ROOT, run_on_a_small_disk

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
    with pytest.raises(
        SchemaTooNew, match=r"has schema 2, this sitectl knows up to 1: install the newer sitectl again$"
    ):
        migrate(connection, path, [FIRST])
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    connection.close()


@pytest.mark.parametrize("name", ["ledger.db", "a ledger; of $(mine).db"])
def test_the_refusal_names_the_command_that_goes_back(path: Path, name: str) -> None:
    path = path.with_name(name)
    connection = connect(path)
    migrate(connection, path, [FIRST])
    connection.execute("INSERT INTO a VALUES (7)")
    migrate(connection, path, [FIRST, SECOND])
    connection.execute("INSERT INTO a VALUES (8, 9)")
    with pytest.raises(SchemaTooNew) as refused:
        migrate(connection, path, [FIRST])
    connection.close()
    told, _, command = str(refused.value).rpartition(": ")
    assert "go back to what was before the upgrade" in told
    subprocess.run(command, shell=True, check=True, timeout=20)
    connection = connect(path)
    migrate(connection, path, [FIRST])
    assert connection.execute("SELECT * FROM a").fetchall() == [(7,)]
    connection.close()
    connection = connect(Path(f"{path}.schema-2"))
    assert connection.execute("SELECT * FROM a").fetchall() == [(7, None), (8, 9)]
    connection.close()


# --- interrupted ------------------------------------------------------------------------------------------------------

KILLED = """
import os, sqlite3, sys
from pathlib import Path
from sitectl.store.migrate import migrate, shipped

path, left = Path(sys.argv[1]), int(sys.argv[2])
connection = sqlite3.connect(path, isolation_level=None)
connection.execute("PRAGMA journal_mode = WAL")
def statement(text):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
connection.set_trace_callback(statement)
migrate(connection, path)
"""


def test_killed_at_any_statement_it_is_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    old = tmp_path / "old.db"
    build_old(old)
    version, seen, left = 0, set(), 0
    while version < shipped()[-1].number:
        path = tmp_path / "ledger.db"
        for file in tmp_path.glob("ledger.db*"):
            file.unlink()
        shutil.copy(old, path)
        command = [sys.executable, "-c", KILLED, str(path), str(left)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False)
        assert ended.returncode in (0, -9), ended.stderr
        connection = connect(path)
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        seen.add(version)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        migrate(connection, path)
        assert summary(connection) == EXPECTED
        connection.close()
        if ended.returncode == 0:
            break
        left += 4
    assert len(seen) >= len(shipped()) - 1  # it was killed between all steps, and within them


def test_a_disk_without_room_for_the_copy_changes_nothing_and_says_what_it_needs() -> None:
    run_on_a_small_disk(
        12,
        """
        from sitectl.store.migrate import Migration, migrate
        first = Migration(1, "CREATE TABLE a (x BLOB);")
        second = Migration(2, "CREATE TABLE b AS SELECT x FROM a;")
        connection = sqlite3.connect(path, isolation_level=None)
        migrate(connection, path, [first])
        connection.execute("INSERT INTO a VALUES (randomblob(5000000))")
        filler = here / "filler"
        filler.write_bytes(bytes(disk.space(here).free - 3 * 2**20))
        for room in ("copy", "step"):
            try:
                migrate(connection, path, [first, second])
                raise AssertionError("where was room for it?")
            except sqlite3.Error as error:
                assert disk.state_of(error, path) is StoreState.FULL
                assert ("takes 5 MB; free them" in str(error)) == (room == "copy"), error
            assert connection.execute("PRAGMA user_version").fetchone() == (1,)
            assert connection.execute("SELECT count(*) FROM sqlite_schema").fetchone() == (1,)
            left = sorted(file.name for file in here.iterdir() if not file.name.endswith("-journal"))
            assert left == ["filler", "ledger.db"] + (["ledger.db.schema-1"] if room == "step" else [])
            filler.write_bytes(bytes(2**20))
        """,
    )
