import sqlite3
from collections.abc import Iterator
from random import Random

import pytest

from sitectl.model.ids import StationId
from sitectl.store.counters import LOWEST, SLICE, SLICES, next_station_transaction_id
from sitectl.store.migrate import migrate

FROM = LOWEST + 7 * SLICE
CP1, CP2 = StationId("CP1"), StationId("CP2")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, None)
    connection.execute("INSERT INTO meta VALUES ('ids_from', ?)", (str(FROM),))
    yield connection
    connection.close()


def test_a_station_counts_up_from_a_random_point(connection: sqlite3.Connection) -> None:
    first = next_station_transaction_id(connection, CP1, Random(1))
    assert FROM <= first < FROM + SLICE
    assert [next_station_transaction_id(connection, CP1, Random(9)) for _ in range(3)] == [
        first + 1,
        first + 2,
        first + 3,
    ]
    assert next_station_transaction_id(connection, CP2, Random(2)) != first + 4


def test_the_slice_wraps(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO station_counters VALUES ('CP1', ?)", (FROM + SLICE - 1,))
    assert next_station_transaction_id(connection, CP1, Random(1)) == FROM + SLICE - 1
    assert next_station_transaction_id(connection, CP1, Random(1)) == FROM


def test_the_slices_end_where_stations_stop_counting() -> None:
    assert LOWEST + SLICES * SLICE <= 2**31 - 1 < LOWEST + (SLICES + 1) * SLICE


def test_an_id_on_file_is_never_given_again(connection: sqlite3.Connection) -> None:
    connection.execute("INSERT INTO station_counters VALUES ('CP1', ?)", (LOWEST,))
    for number in (LOWEST, LOWEST + 1):
        connection.execute(
            "INSERT INTO transactions (id, gateway_id, epoch, station, evse, station_transaction_id, version, state,"
            " start_key, id_token, started_us, started_raw, start_clock_trusted, start_message_id, start_received_us,"
            " meter_start_wh) VALUES (?, '', 1, 'CP1', 1, ?, '1.6', 'stopped', ?, '', 0, '', 1, '', 0, 0)",
            (str(number), number, str(number)),
        )
    assert next_station_transaction_id(connection, CP1, Random(1)) == LOWEST + 2
    assert next_station_transaction_id(connection, CP1, Random(1)) == LOWEST + 3
