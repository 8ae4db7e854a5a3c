"""Exports: the same columns always, times with their zone, nothing that a spreadsheet would run."""

import csv
import io
import json
import sys
from typing import Any

import pytest

from sitectl.cli.export_formats import COLUMNS, ParquetMissing, write_csv, write_json, write_parquet

HEAD = {"schema": 1, "export": "energy", "site": "depot", "zone": "Europe/Berlin"}
QUARTER = {
    "begin": "2026-10-25T00:45:00Z",
    "end": "2026-10-25T01:00:00Z",
    "kind": "evse",
    "circuit": None,
    "station": "CP01",
    "evse": 1,
    "wh": 250,
    "note": None,
}
GAP = QUARTER | {"begin": "2026-10-25T01:00:00Z", "end": "2026-10-25T01:15:00Z", "wh": None, "note": "station"}
TRANSACTION = {
    "id": "t1",
    "station": "CP01",
    "evse": 1,
    "station_id": "2000001234",
    "id_token": '=HYPERLINK("http://evil")',
    "started": "2026-07-01T06:00:00Z",
    "stopped": None,
    "meter_start_wh": 100,
    "meter_stop_wh": None,
    "reason": "@SUM(A1)\r\n,x",
    "synthetic": True,
    "stopped_by": None,
    "clock": {"started": "station", "stopped": None},
    "uplinks": {"central": {"id": "4711", "state": "acked", "verdict": "Accepted", "unsent": 0}},
}


def as_csv(head: dict[str, Any], *rows: dict[str, Any]) -> list[list[str]]:
    sink = io.BytesIO()
    write_csv(sink, head, iter(rows))
    return list(csv.reader(io.StringIO(sink.getvalue().decode(), newline="")))


def test_times_of_an_hour_that_comes_twice_differ_by_their_offset() -> None:
    header, first, second = as_csv(HEAD, QUARTER, GAP)
    assert header == list(COLUMNS["energy"])
    assert first == ["2026-10-25T02:45:00+02:00", "2026-10-25T02:00:00+01:00", "evse", "", "CP01", "1", "250", ""]
    assert second[0] == "2026-10-25T02:00:00+01:00"
    assert second[6:] == ["", "station"]


def test_nothing_is_a_formula() -> None:
    header, row = as_csv(HEAD | {"export": "transactions"}, TRANSACTION)
    cells = dict(zip(header, row, strict=True))
    assert cells["id_token"] == '\'=HYPERLINK("http://evil")'
    assert cells["reason"] == "'@SUM(A1)\r\n,x"
    assert cells["uplinks"] == "central=acked:4711"
    assert (cells["synthetic"], cells["energy_wh"], cells["clock_started"]) == ("true", "", "station")
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row)


@pytest.mark.parametrize(
    ("stop", "energy", "note"),
    [(None, "", ""), (100, "0", ""), (1100, "1000", ""), (99, "", "reset"), (0, "", "reset")],
)
def test_a_register_that_ran_backwards_gives_no_energy_and_says_so(stop: int | None, energy: str, note: str) -> None:
    header, row = as_csv(HEAD | {"export": "transactions"}, TRANSACTION | {"meter_stop_wh": stop})
    cells = dict(zip(header, row, strict=True))
    assert (cells["energy_wh"], cells["note"]) == (energy, note)
    assert (cells["meter_start_wh"], cells["meter_stop_wh"]) == ("100", "" if stop is None else str(stop))


@pytest.mark.parametrize("rows", [[], [TRANSACTION], [TRANSACTION, TRANSACTION | {"id": "t2", "meter_stop_wh": 1100}]])
def test_json_is_one_object(rows: list[dict[str, Any]]) -> None:
    sink = io.BytesIO()
    write_json(sink, HEAD | {"export": "transactions"}, iter(rows))
    read = json.loads(sink.getvalue())
    assert {key: read[key] for key in ("schema", "site", "zone")} == {
        "schema": 1,
        "site": "depot",
        "zone": HEAD["zone"],
    }
    assert [row["id"] for row in read["transactions"]] == [row["id"] for row in rows]
    assert all(list(row) == list(COLUMNS["transactions"]) for row in read["transactions"])


def test_without_the_library_parquet_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ParquetMissing, match=r"pip install 'sitectl\[parquet\]'"):
        write_parquet(io.BytesIO(), HEAD, iter([QUARTER]))


def test_parquet_keeps_what_a_column_is() -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra `parquet` is not installed")
    sink = io.BytesIO()
    write_parquet(sink, HEAD, iter([QUARTER, GAP]))
    table = parquet.read_table(io.BytesIO(sink.getvalue()))
    assert table.column_names == list(COLUMNS["energy"])
    assert table["wh"].to_pylist() == [250, None]
    assert table["begin"].to_pylist()[0].isoformat() == "2026-10-25T00:45:00+00:00"
