"""Rows as CSV, JSON and Parquet. Columns are the same in each of them, always, and in this order.

Times are ISO 8601: with the site's offset in CSV, in UTC in JSON, as moments in Parquet. A row is written as it comes.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, tzinfo
from itertools import islice
from typing import Any, BinaryIO

from sitectl.cli.energy import zone_named

Row = dict[str, Any]
Write = Callable[[BinaryIO, Row, Iterable[Row]], None]

COLUMNS: dict[str, dict[str, str]] = {
    "energy": {
        "begin": "time",
        "end": "time",
        "kind": "text",
        "circuit": "text",
        "station": "text",
        "evse": "number",
        "wh": "number",
        "note": "text",
    },
    "transactions": {
        "id": "text",
        "station": "text",
        "evse": "number",
        "station_id": "text",
        "id_token": "text",
        "started": "time",
        "stopped": "time",
        "meter_start_wh": "number",
        "meter_stop_wh": "number",
        "energy_wh": "number",
        "note": "text",
        "reason": "text",
        "synthetic": "truth",
        "stopped_by": "text",
        "clock_started": "text",
        "clock_stopped": "text",
        "uplinks": "text",
    },
}
"""By export: each column and what stands in it."""

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A text that begins so may be taken by a spreadsheet for a formula: it gets a ' before it."""

GROUP = 10_000
"""Rows of one Parquet row group."""


class ParquetMissing(Exception):
    """The library that writes Parquet is not installed; the text says how it gets here."""


def taken_wh(row: Row) -> int | None:
    """What a transaction took; None while it runs, and where the register ran backwards, which tells nothing."""
    start, stop = row["meter_start_wh"], row["meter_stop_wh"]
    return None if start is None or stop is None or stop < start else stop - start


def flat(export: str, row: Row) -> Row:
    """The columns of a row, with what is nested put into them."""
    if export == "transactions":
        energy_wh = taken_wh(row)
        row = row | {
            "energy_wh": energy_wh,
            "note": "reset" if energy_wh is None and row["meter_stop_wh"] is not None else None,
            "clock_started": row["clock"]["started"],
            "clock_stopped": row["clock"]["stopped"],
            "uplinks": " ".join(f"{name}={copy['state']}:{copy['id'] or '-'}" for name, copy in row["uplinks"].items()),
        }
    return {column: row.get(column) for column in COLUMNS[export]}


def write_csv(sink: BinaryIO, head: Row, rows: Iterable[Row]) -> None:
    """RFC 4180, UTF-8; nothing in it is a formula."""
    export, zone = head["export"], zone_named(head["zone"])
    columns = COLUMNS[export]
    text = io.TextIOWrapper(sink, "utf-8", newline="", write_through=True)
    try:
        writer = csv.writer(text)
        writer.writerow(columns)
        for row in rows:
            cells = flat(export, row)
            writer.writerow(_cell(columns[name], value, zone) for name, value in cells.items())
    finally:
        text.detach()


def _cell(kind: str, value: Any, zone: tzinfo) -> str:
    if value is None:
        return ""
    if kind == "time":
        return datetime.fromisoformat(value).astimezone(zone).isoformat()
    if kind == "truth":
        return "true" if value else "false"
    text = str(value)
    return f"'{text}" if kind == "text" and text.startswith(FORMULA) else text


def write_json(sink: BinaryIO, head: Row, rows: Iterable[Row]) -> None:
    """One object; its rows stand under the name of the export, a line each."""
    export = head["export"]
    before = json.dumps({key: value for key, value in head.items() if key != "export"})
    sink.write(f'{before[:-1]}, "{export}": ['.encode())
    for number, row in enumerate(rows):
        sink.write(("," if number else "").encode() + b"\n" + json.dumps(flat(export, row)).encode())
    sink.write(b"\n]}\n")


def write_parquet(sink: BinaryIO, head: Row, rows: Iterable[Row]) -> None:
    """Row groups of ten thousand; times are moments in UTC."""
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise ParquetMissing(
            "Parquet needs the library pyarrow, which is not installed: `pip install 'sitectl[parquet]'` in sitectl's "
            "environment, or export --format csv"
        ) from error
    export = head["export"]
    kinds = {"time": arrow.timestamp("us", tz="UTC"), "text": arrow.string(), "number": arrow.int64()}
    kinds["truth"] = arrow.bool_()
    schema = arrow.schema([(name, kinds[kind]) for name, kind in COLUMNS[export].items()])
    with parquet.ParquetWriter(sink, schema) as writer:
        for group in _groups(rows):
            flats = [_moments(export, flat(export, row)) for row in group]
            writer.write_table(arrow.Table.from_pylist(flats, schema=schema))


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    each = iter(rows)
    while group := list(islice(each, GROUP)):
        yield group


def _moments(export: str, row: Row) -> Row:
    return {
        name: datetime.fromisoformat(value) if value is not None and COLUMNS[export][name] == "time" else value
        for name, value in row.items()
    }


FORMATS: dict[str, Write] = {"csv": write_csv, "json": write_json, "parquet": write_parquet}
