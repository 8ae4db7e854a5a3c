"""The commissioning record as one page that needs nothing else: to read, to print, to hand over.

The record itself, as it was signed, lies in the page, so that `sitectl commission verify` takes the page, too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

Json = Mapping[str, Any]

_HELD = re.compile(r'<script type="application/json" id="record">(.*?)</script>', re.DOTALL)
_STYLE = """
body{font:14px/1.4 system-ui,sans-serif;margin:2em auto;max-width:60em;color:#111}
h1{font-size:1.5em;margin:0}h2{font-size:1.15em;margin:1.6em 0 .4em}
table{border-collapse:collapse;width:100%}
td,th{border:1px solid #bbb;padding:.25em .5em;text-align:left;vertical-align:top}
th{background:#eee}.green{color:#060}.red{color:#a00;font-weight:bold}.open{color:#950}.hand{color:#047}
.sign{display:flex;gap:4em;margin-top:3em}.sign div{border-top:1px solid #111;width:18em;padding-top:.3em}
.key{font-family:monospace;font-size:.85em;overflow-wrap:anywhere}tr{break-inside:avoid}
@media print{body{margin:0;max-width:none}}
"""


def page(document: Json) -> str:
    """The whole page; everything that came from elsewhere is escaped."""
    parts = [
        f"<h1>Commissioning record: {escape(str(document['site']))}</h1>",
        f"<p>Made {_text(document['made'])} by {_text(document['by'])}. "
        + ("All steps are proven." if document["finished"] else "<b class=red>Not finished.</b>")
        + "</p>",
        *[f"<p><b>{_text(line)}</b></p>" for line in document["if_dead"]],
        _steps(document["steps"]),
        _circuits(document["circuits"]),
        _stations(document["stations"]),
        _others(document),
        _drills(document["drills"]),
        _signed(document["signature"]),
    ]
    title = escape(f"Commissioning record of {document['site']}")
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style>'
    return f"<!doctype html><html lang=en><head>{head}</head><body>{''.join(parts)}{_held(document)}</body></html>\n"


def within(text: str) -> str:
    """The record in a page, or the text itself where it is no page."""
    found = _HELD.search(text)
    return text if found is None else found[1]


def _held(document: Json) -> str:
    """JSON in a page: no text in it may end the element, whatever a station calls itself."""
    text = json.dumps(document, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="record">{text}</script>'


def _steps(steps: Sequence[Json]) -> str:
    rows = [
        (
            step["number"],
            f"{_text(step['title'])} ({_text(step['key'])})",
            f"<span class={_text(step['light'].split()[-1])}>{_text(step['light'])}</span>",
            "<br>".join(_text(line) for line in step["evidence"]),
        )
        for step in steps
    ]
    return "<h2>Steps</h2>" + _table(("", "Step", "Stands", "Evidence"), rows)


def _circuits(circuits: Json) -> str:
    rows = [
        (
            _text(id),
            _number(one["rated_a"], "A"),
            _number(one["fallback_a"], "A"),
            _number(one["base_load_worst_a"], "A"),
            "-" if one["ratio"] is None else f"{one['ratio']:.2f} x on {_text(one['phase'])}",
            "yes" if one["holds"] else "<b class=red>not proven</b>",
        )
        for id, one in circuits.items()
    ]
    heads = ("Circuit", "Rated", "Fallbacks together", "Worst base load", "If this box dies now", "Holds")
    return "<h2>Circuits, ampere per phase</h2>" + _table(heads, rows)


def _stations(stations: Json) -> str:
    rows = []
    for id, station in stations.items():
        for number, evse in station["evses"].items():
            limits = f"{_number(evse['min_a'])} to {_number(evse['max_a'], 'A')}"
            limits += f", fallback {_number(evse['fallback_a'], 'A')}"
            rows.append(
                (
                    _text(id if len(station["evses"]) == 1 else f"{id}:{number}"),
                    " ".join(_text(station[key]) for key in ("vendor", "model", "serial") if station[key]) or "-",
                    _text(station["firmware"] or "-"),
                    _text(station["circuit"]),
                    limits,
                    _text(evse["wiring"] or "unknown"),
                    _text("proven" if evse["proven"] else evse["control"]),
                    "<br>".join(_test(kind, outcome) for kind, outcome in evse["tests"].items()) or "-",
                )
            )
    heads = ("Station", "Device", "Firmware", "Circuit", "Limits", "Wiring", "Obeys", "Tests")
    return "<h2>Stations</h2>" + _table(heads, rows)


def _test(kind: str, outcome: Json) -> str:
    seconds = outcome.get("meter_s") or outcome.get("station_s")
    after = f" after {seconds:g} s" if isinstance(seconds, int | float) else ""
    return _text(f"{kind.replace('_', ' ')}: {outcome.get('verdict')}{after}")


def _others(document: Json) -> str:
    rows = [(_text(f"meter {id}"), _text(one["state"])) for id, one in document["meters"].items()]
    rows += [(_text(f"central {id}"), _text(one["state"])) for id, one in document["uplinks"].items()]
    rows += [(_text(f"relay {id}"), _text(one["contact"])) for id, one in document["signals"].items()]
    who = document["authorization"]
    told = f"{who['mode']}, {who['tokens']} tokens, unknown ones offline: {who['offline_unknown']}"
    return "<h2>Meters, centrals, relays</h2>" + _table(("What", "Stands"), [*rows, ("authorization", _text(told))])


def _drills(drills: Sequence[Json]) -> str:
    rows = [
        (
            _text(drill["began"]),
            _text(f"{drill['kind']} {drill['target']}"),
            _text(drill["verdict"]),
            "<br>".join(_text(one["text"]) for one in drill["evidence"]),
        )
        for drill in drills
    ]
    return "<h2>Drills</h2>" + (_table(("When", "Taken away", "Verdict", "Seen"), rows) if rows else "<p>None yet.</p>")


def _signed(signature: Json) -> str:
    return (
        "<h2>Signed</h2><p class=key>"
        + "<br>".join(_text(f"{key}: {signature[key]}") for key in ("algorithm", "public_key", "value"))
        + "</p><div class=sign><div>Installer, date</div><div>Owner, date</div></div>"
    )


def _table(heads: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """Cells are HTML already."""
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def _text(value: object) -> str:
    return escape(str(value))


def _number(value: object, unit: str = "") -> str:
    return "-" if not isinstance(value, int | float) else f"{value:g}{' ' + unit if unit else ''}"
