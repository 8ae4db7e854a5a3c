import sqlite3
from contextlib import closing
from pathlib import Path

from sitectl.store import outline
from sitectl.store.connection import PAGE_SIZE
from sitectl.store.migrate import migrate, shipped


def make(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        migrate(connection, None)


def test_it_holds_the_pages_of_the_schema(path: Path) -> None:
    make(path)
    found = outline.take(path, PAGE_SIZE)
    assert found is not None
    with closing(sqlite3.connect(path)) as connection:
        pages = connection.execute("SELECT pageno FROM dbstat WHERE name = 'sqlite_schema'").fetchall()
        assert sorted(found) == sorted(row[0] for row in pages)
        assert connection.execute("PRAGMA schema_version").fetchone()[0] == outline.number_at(
            found, outline.SCHEMA_COOKIE
        )
    assert outline.number_at(found, outline.SCHEMA_VERSION) == shipped()[-1].number


def test_it_is_kept_and_found_again(path: Path) -> None:
    make(path)
    found = outline.take(path, PAGE_SIZE)
    assert found is not None
    outline.keep(path, found)
    before = Path(f"{path}.outline").stat().st_mtime_ns
    outline.keep(path, found)
    assert Path(f"{path}.outline").stat().st_mtime_ns == before  # nothing new is not written again
    assert outline.kept(path, PAGE_SIZE) == found


def test_of_what_is_no_sound_file_there_is_none(path: Path) -> None:
    assert outline.take(path, PAGE_SIZE) is None
    assert outline.kept(path, PAGE_SIZE) is None
    path.write_bytes(b"")
    assert outline.take(path, PAGE_SIZE) is None
    path.unlink()
    make(path)
    with path.open("r+b") as file:
        file.seek(PAGE_SIZE)
        file.write(bytes(10 * PAGE_SIZE))
    assert outline.take(path, PAGE_SIZE) is None
    Path(f"{path}.outline").write_bytes(b"short")
    assert outline.kept(path, PAGE_SIZE) is None
