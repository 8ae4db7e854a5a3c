"""Field buses: an endpoint has one owner, who can speak to it in one way only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from sitectl.config.connections import parse_connection
from sitectl.config.draft import Draft
from sitectl.config.issues import Path, shown
from sitectl.config.notation import Refusal
from sitectl.model.connection import Connection, SerialConnection
from sitectl.model.sheets import MeterSheet

SECTIONS = ("meters", "io_boxes")
_SERIAL = re.compile(r"(\d+) 8([NEO])([12])", re.ASCII)
"""As sheets write it: 9600 8N1."""


def check(draft: Draft) -> None:
    """Report the same endpoint spoken to in two ways, and two that read the same device."""
    first: dict[str, tuple[Path, Connection]] = {}
    units: dict[tuple[str, object], Path] = {}
    for path, body, connection in _connections(draft):
        where, known = first.setdefault(connection.endpoint, (path, connection))
        if known != connection:
            message = f"{'.'.join(map(str, where))} speaks to {connection.endpoint} as {known}"
            cure = "all devices on one serial line run at the same speed and parity"
            if not isinstance(connection, SerialConnection):
                cure = "an endpoint takes either Modbus TCP or bare RTU frames: write the same for all"
            draft.findings.error((*path, "connection"), message, cure)
        unit = body.get("unit")
        if not isinstance(unit, int):
            continue
        other = units.setdefault((connection.endpoint, unit), path)
        if other != path:
            message = f"{'.'.join(map(str, other))} is unit {shown(unit)} of {connection.endpoint} too"
            draft.findings.warn((*path, "unit"), message, "two devices with one number garble each other: check which")


def check_speeds(draft: Draft, sheets: Mapping[str, MeterSheet]) -> None:
    """Warn of serial lines whose speed nobody said, with a device on them that leaves the factory with another one."""
    for path, body, connection in _connections(draft):
        sheet = sheets.get(str(body.get("sheet")))
        found = None if sheet is None else _SERIAL.fullmatch(sheet.defaults.get("serial", ""))
        if sheet is None or found is None or not isinstance(connection, SerialConnection):
            continue
        usual = replace(connection, baud=int(found[1]), parity=found[2], stop=int(found[3]))
        if "baud=" not in str(body.get("connection")) and usual != connection:
            message = f"{sheet.id} leaves the factory with {found[0]}, and this line runs at 9600 8N1"
            draft.findings.warn((*path, "connection"), message, f"write {usual}, or set the device")


def _connections(draft: Draft) -> Iterator[tuple[Path, Mapping[str, object], Connection]]:
    for section in SECTIONS:
        for name, body in draft.section(section).items():
            text = body.get("connection") if isinstance(body, Mapping) else None
            connection = parse_connection(text) if isinstance(text, str) else None
            if isinstance(body, Mapping) and connection is not None and not isinstance(connection, Refusal):
                yield (section, name), body, connection
