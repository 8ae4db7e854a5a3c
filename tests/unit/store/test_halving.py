import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sitectl.store.halving import BESIDE, Ordered, first_behind, first_since


def made(rows: list[tuple[int, int]]) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE raw_frames (id INTEGER PRIMARY KEY, received_us)")
    connection.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, time_us)")
    for table in ("raw_frames", "events"):
        connection.executemany(f"INSERT INTO {table} VALUES (?, ?)", rows)
    return connection


@given(st.sets(st.integers(1, 500)), st.lists(st.integers(0, 50)), st.integers(-1, 51))
def test_it_is_the_first_row_since_then_whatever_was_deleted(ids: set[int], times: list[int], us: int) -> None:
    rows = list(zip(sorted(ids), sorted(times), strict=False))
    connection = made(rows)
    for table in Ordered:
        found = first_since(connection, table, us)
        assert [id for id, time in rows if id >= found] == [id for id, time in rows if time >= us]
    connection.close()


@pytest.mark.parametrize("table", Ordered)
def test_in_an_empty_table_it_is_where_the_first_row_will_be(table: Ordered) -> None:
    connection = made([])
    assert first_since(connection, table, 5) <= 1
    connection.close()


@pytest.mark.parametrize("table", Ordered)
def test_rows_beside_a_clock_that_was_wrong_for_a_while_are_not_missed(table: Ordered) -> None:
    boot = [5] * (BESIDE // 2)  # stamped before the clock was set
    times = [*range(1000, 2000), *boot, *range(1900, 3000)]
    connection = made(list(enumerate(times, 1)))
    for since, until in ((1500, 2500), (1950, 1960), (1999, 2001), (1000, 1001), (2999, 5000)):
        first, behind = first_since(connection, table, since), first_behind(connection, table, until)
        meant = [id for id, time in enumerate(times, 1) if since <= time < until]
        assert first <= min(meant)
        assert max(meant) < behind
    connection.close()
