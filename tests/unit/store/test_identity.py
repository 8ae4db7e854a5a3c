import sqlite3
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from sitectl.store.counters import LOWEST, SLICE, SLICES
from sitectl.store.identity import begin_epoch, continue_epoch, kept
from sitectl.store.migrate import migrate


def fresh() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, None)
    return connection


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = fresh()
    yield connection
    connection.close()


def ids_from(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT value FROM meta WHERE key = 'ids_from'").fetchone()[0])


def test_each_opening_is_an_epoch_of_one_gateway(connection: sqlite3.Connection, path: Path) -> None:
    first = begin_epoch(connection, path, Random(1), 10)
    second = begin_epoch(connection, path, Random(2), 20)
    assert (first.gateway_id, first.epoch, second.epoch) == (second.gateway_id, 1, 2)
    assert connection.execute("SELECT epoch, opened_us FROM epochs").fetchall() == [(1, 10), (2, 20)]
    found = kept(path)
    assert found is not None
    assert (found.gateway_id, found.epoch, len(found.slices)) == (first.gateway_id, 2, 1)
    assert ids_from(connection) == LOWEST + found.slices[0] * SLICE


def test_another_file_goes_on_as_the_same_gateway_with_other_ids(path: Path) -> None:
    seen = []
    for number in range(5):
        connection = fresh()
        stamp = begin_epoch(connection, path, Random(1), number)
        seen.append((stamp.gateway_id, stamp.epoch, ids_from(connection)))
        connection.close()
    assert len({one[0] for one in seen}) == 1
    assert [one[1] for one in seen] == [1, 2, 3, 4, 5]
    assert len({one[2] for one in seen}) == 5


def test_an_older_copy_loses_its_counters_and_its_ids(connection: sqlite3.Connection, path: Path) -> None:
    begin_epoch(connection, path, Random(1), 1)
    connection.execute("INSERT INTO station_counters VALUES ('CP1', 2000000005)")
    before, older = ids_from(connection), fresh()
    connection.backup(older)
    begin_epoch(connection, path, Random(1), 2)
    assert connection.execute("SELECT count(*) FROM station_counters").fetchone() == (1,)
    assert ids_from(connection) == before
    assert begin_epoch(older, path, Random(1), 3).epoch == 3
    assert older.execute("SELECT count(*) FROM station_counters").fetchone() == (0,)
    assert ids_from(older) != before
    older.close()


def test_when_all_slices_were_used_it_begins_anew(path: Path) -> None:
    seen = set()
    for number in range(SLICES):
        connection = fresh()
        begin_epoch(connection, path, Random(number), number)
        seen.add(ids_from(connection))
        connection.close()
    assert len(seen) == SLICES
    connection = fresh()
    begin_epoch(connection, path, Random(1), 0)
    assert ids_from(connection) in seen
    connection.close()


def test_the_same_opening_goes_on_in_a_new_file(connection: sqlite3.Connection, path: Path) -> None:
    stamp = begin_epoch(connection, path, Random(1), 1)
    before, other = ids_from(connection), fresh()
    continue_epoch(other, path, Random(1), stamp, 7)
    assert other.execute("SELECT epoch, gateway_id FROM epochs").fetchall() == [(stamp.epoch, stamp.gateway_id)]
    assert ids_from(other) != before
    other.close()


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"gateway_id": "x", "epoch": "y", "slices": []}', b"\xff"])
def test_what_cannot_be_read_is_nothing(path: Path, content: bytes) -> None:
    Path(f"{path}.identity").write_bytes(content)
    assert kept(path) is None


def test_a_place_that_cannot_be_written_only_costs_the_certainty(
    connection: sqlite3.Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stamp = begin_epoch(connection, tmp_path / "no" / "ledger.db", Random(1), 1)
    assert stamp.epoch == 1
    assert "ids of stations may repeat" in caplog.text


def test_a_store_in_memory_keeps_nothing(connection: sqlite3.Connection) -> None:
    assert begin_epoch(connection, None, Random(1), 1).epoch == 1
    assert kept(None) is None
