"""The commands that write years of the ledger into a file, for other programs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from sitectl.cli.asking import DEFAULT_CONFIG, FAILED, USAGE, Config, Socket, ask, fail
from sitectl.cli.client import Client, Value
from sitectl.cli.export_formats import FORMATS, ParquetMissing
from sitectl.cli.since import day_or_time

export_app = typer.Typer(help="Write transactions or energy into a file, for other programs.", no_args_is_help=True)

TRANSACTION_EXAMPLES = """\b
  sitectl export transactions --out transactions.csv                  all of them
  sitectl export transactions --since 30d --format json | jq .
  sitectl export transactions --since 2026-01-01 --until 2027-01-01 --format parquet --out 2026.parquet
"""
ENERGY_EXAMPLES = """\b
  sitectl export energy --out energy.csv                              every quarter of an hour of every place
  sitectl export energy --station CP01 --since 7d --format json
"""


class Format(StrEnum):
    """What is written."""

    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


As = Annotated[Format, typer.Option("--format", help="csv, json, or parquet (needs the extra `parquet`).")]
Out = Annotated[Path | None, typer.Option("--out", help="Into this file, which is whole or not there; else printed.")]
Since = Annotated[str | None, typer.Option(help="From then on: 30d, 12h, a date or a time; default: all there is.")]
Until = Annotated[str | None, typer.Option(help="Before then: as --since.")]


@export_app.command("transactions", epilog=TRANSACTION_EXAMPLES)
def export_transactions(
    format: As = Format.CSV,
    out: Out = None,
    since: Since = None,
    until: Until = None,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Write every transaction that began in a span of time."""
    query: dict[str, Value] = {"since": day_or_time(since), "until": day_or_time(until, "--until")}
    _export("transactions", query, format, out, config, socket)


@export_app.command("energy", epilog=ENERGY_EXAMPLES)
def export_energy(
    format: As = Format.CSV,
    out: Out = None,
    since: Since = None,
    until: Until = None,
    circuit: Annotated[str | None, typer.Option(help="Only this circuit.")] = None,
    station: Annotated[str | None, typer.Option(help="Only this station.")] = None,
    evse: Annotated[int | None, typer.Option(min=1, help="Only this EVSE of stations.")] = None,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Write the energy of every quarter of an hour; where it is not known the value is empty and `note` says why."""
    query: dict[str, Value] = {"since": day_or_time(since), "until": day_or_time(until, "--until")}
    query |= {"circuit": circuit, "station": station, "evse": evse}
    _export("energy", query, format, out, config, socket)


def _export(
    what: str, query: dict[str, Value], format: Format, out: Path | None, config: Path, socket: Path | None
) -> None:
    if format is Format.PARQUET and out is None and sys.stdout.isatty():
        raise fail("Parquet is not for a terminal: name a file with --out", USAGE)

    def write(client: Client) -> None:
        rows = client.lines("export", what, **query)
        head = next(rows)
        with _sink(out) as sink:
            FORMATS[format.value](sink, head, rows)

    try:
        ask(config, socket, write)
    except ParquetMissing as error:
        raise fail(str(error), FAILED) from error
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise fail(f"{out or 'standard output'}: {error.strerror or error}", FAILED) from error


@contextmanager
def _sink(out: Path | None) -> Iterator[BinaryIO]:
    """Where it goes: a file appears under its name when it is whole, and only then."""
    if out is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    unfinished = out.with_name(f".{out.name}.unfinished")
    try:
        with unfinished.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(out)
    finally:
        unfinished.unlink(missing_ok=True)
