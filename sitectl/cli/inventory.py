"""The command that lists what stands on the site, for people, for programs and for a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from sitectl.cli.asking import DEFAULT_CONFIG, USAGE, AsJson, Config, Socket, ask, fail, show_answer
from sitectl.cli.export_formats import FORMULA
from sitectl.cli.tables import Answer, add_row, new_table

EXAMPLES = """\b
  sitectl inventory                         stations, meters, uplinks and this gateway
  sitectl inventory --csv > depot.csv       the same for a spreadsheet, a line for each thing
"""
COLUMNS = (
    "kind", "id", "evse", "vendor", "model", "serial", "firmware", "ocpp", "circuit", "phases", "max_a", "fallback_a",
    "fallback_installed_a", "obeys", "state", "last_seen", "connection",
)  # fmt: skip


def inventory(
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV: a line for each thing.")] = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """List what stands on the site: vendors, models, serials, firmware, wiring, limits, and when it was seen last."""
    if as_json and as_csv:
        raise fail("--json and --csv exclude each other", USAGE)
    answer = ask(config, socket, lambda client: client.get("inventory"))
    if as_csv:
        sys.stdout.write(as_lines(answer))
        return
    show_answer(answer, as_json, table)


def as_lines(answer: Answer) -> str:
    """CSV; nothing in it is a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in rows(answer):
        writer.writerow(_cell(row.get(column)) for column in COLUMNS)
    return text.getvalue()


def _cell(value: Any) -> str:
    text = "" if value is None else str(value) if not isinstance(value, list) else json.dumps(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(FORMULA) else text


def rows(answer: Answer) -> list[dict[str, Any]]:
    """A flat row for each thing; a station has one for each EVSE."""
    box = answer["gateway"]
    found = [{"kind": "gateway", "id": box["host"], "model": box["machine"], "firmware": f"sitectl {box['sitectl']}"}]
    for id, one in answer["stations"].items():
        state = "quarantined" if one["quarantined"] else "online" if one["online"] else "offline"
        base = {key: one[key] for key in ("vendor", "model", "serial", "firmware", "ocpp", "circuit", "last_seen")}
        base |= {"kind": "station", "id": id, "state": state, "obeys": one["obeys"], "connection": one["address"]}
        for number, evse in one["evses"].items():
            keys = ("phases", "max_a", "fallback_a", "fallback_installed_a", "obeys")
            found.append(base | {key: evse[key] for key in keys} | {"evse": number})
        if not one["evses"]:
            found.append(base)
    for id, one in answer["meters"].items():
        sheet = one["sheet"] or f"sum of {', '.join(one['sum'] or [])}"
        found.append(
            {"kind": "meter", "id": id, "model": sheet, "state": one["state"], "connection": one["connection"]}
        )
    for id, one in answer["uplinks"].items():
        found.append({"kind": "uplink", "id": id, "ocpp": one["ocpp"], "state": one["state"], "connection": one["url"]})
    return found


def table(answer: Answer, narrow: bool) -> RenderableType:
    """For people."""
    box = answer["gateway"]
    head = Text(f"{box['site']} on {box['host']} ({box['machine']}): sitectl {box['sitectl']}, Python {box['python']}")
    right = ("MAX A", "FALLBACK")
    wide = () if narrow else ("SERIAL", "CIRCUIT", "OBEYS")
    stations = new_table("STATION", "MODEL", "FIRMWARE", "PHASES", *right, "LAST SEEN", *wide, right=right)
    things = new_table("", "ID", "WHAT", "STATE", "WHERE")
    for row in rows(answer):
        if row["kind"] == "gateway":
            continue
        if row["kind"] != "station":
            what = row.get("model") or f"OCPP {row.get('ocpp')}"
            add_row(things, row["kind"], row["id"], what, row["state"], row["connection"] or "-")
            continue
        model = " ".join(word for word in (row["vendor"], row["model"]) if word) or "-"
        seen = "now" if row["state"] == "online" else row["last_seen"] or "never"
        name = row["id"] if row.get("evse") in (None, "1") else f"  :{row['evse']}"
        cells = (name, model, row["firmware"] or "-", row.get("phases", "-"), _a(row.get("max_a")))
        more = () if narrow else (row["serial"] or "-", row["circuit"] or "-", row["obeys"])
        add_row(stations, *cells, _fallback(row), seen, *more)
    return Group(head, "", stations, "", things)


def _a(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _fallback(row: dict[str, Any]) -> str:
    wanted, installed = row.get("fallback_a"), row.get("fallback_installed_a")
    return _a(wanted) if wanted == installed or wanted is None else f"{_a(wanted)} (holds {_a(installed)})"
