"""The tokens file: a CSV of who may charge, as spreadsheets write it (comma or semicolon, with or without a BOM)."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from io import StringIO

from sitectl.base.units import format_utc, parse_timestamp
from sitectl.config.issues import Issue, did_you_mean, shown
from sitectl.config.settings import ListedToken

LIMIT_BYTES = 16 * 1024 * 1024
COLUMNS = ("id_token", "group", "parent", "valid_until", "note")
_LONGEST = 36
_LONGEST_1_6 = 20
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class TokenList:
    """Tokens by their text, with what is wrong in the file."""

    tokens: Mapping[str, ListedToken]
    errors: tuple[Issue, ...] = ()
    warnings: tuple[Issue, ...] = ()


def parse_tokens(raw: bytes, file: str, zone: tzinfo) -> TokenList:
    """Read a tokens file. The first line names the columns; `id_token` is the only one that must be there.

    `valid_until` is a moment, in `zone` unless it says its own, or a date, which is valid to its end; it becomes UTC.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        number = raw.count(b"\n", 0, error.start) + 1
        return TokenList({}, (Issue(file, number, 1, "", "not UTF-8 text", "save the file as UTF-8"),))
    header = text.partition("\n")[0]
    delimiter = ";" if ";" in header and "," not in header else ","
    parser = _Parser(file, zone)
    rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for row in rows:
            parser.take(row, rows.line_num)
    except csv.Error as error:
        parser.error(rows.line_num, f"broken CSV: {error}", "check the quotes on this line")
    if parser.columns is None and not parser.errors:
        parser.error(1, "no header", f"begin with {','.join(COLUMNS)}")
    return TokenList(parser.tokens, tuple(parser.errors), tuple(parser.warnings))


class _Parser:
    def __init__(self, file: str, zone: tzinfo) -> None:
        self.file = file
        self.zone = zone
        self.columns: list[str] | None = None
        self.tokens: dict[str, ListedToken] = {}
        self.errors: list[Issue] = []
        self.warnings: list[Issue] = []
        self._lines: dict[str, int] = {}

    def error(self, line: int, message: str, cure: str) -> None:
        self.errors.append(Issue(self.file, max(line, 1), 1, "", message, cure))

    def take(self, row: list[str], line: int) -> None:
        cells = [cell.strip() for cell in row]
        if not any(cells):
            return
        if self.columns is None:
            self._header(cells, line)
        elif len(cells) > len(self.columns):
            self.error(
                line, f"{len(cells)} values for {len(self.columns)} columns", "put text that holds a comma in quotes"
            )
        else:
            self._token(dict(zip(self.columns, cells, strict=False)), line)

    def _header(self, cells: list[str], line: int) -> None:
        self.columns = cells
        if "id_token" not in cells:
            self.error(line, "the first line does not name the columns", f"begin with {','.join(COLUMNS)}")
            return
        for name in cells:
            if name not in COLUMNS:
                self.error(line, f"no column {shown(name)}", did_you_mean(name, COLUMNS))
            elif cells.count(name) > 1:
                self.error(line, f"column {name} stands twice", "remove one of them")

    def _token(self, values: dict[str, str], line: int) -> None:
        token = values.get("id_token", "")
        if not token:
            if self.columns and "id_token" in self.columns:
                self.error(line, "no id_token", "write the token, or remove the line")
            return
        if len(token) > _LONGEST or not token.isprintable():
            self.error(line, f"{shown(token)} is no token", f"write at most {_LONGEST} printable characters")
            return
        if len(token) > _LONGEST_1_6:
            cure = f"stations of OCPP 1.6 send at most {_LONGEST_1_6} characters"
            self.warnings.append(Issue(self.file, line, 1, "", f"{shown(token)} can never be presented", cure))
        first = self._lines.setdefault(token.lower(), line)
        if first != line:
            self.error(
                line, f"{shown(token)} already stands in line {first}", "remove one of them (case does not count)"
            )
            return
        until = values.get("valid_until") or None
        moment = _moment(until, self.zone) if until else None
        if until and moment is None:
            self.error(line, f"{shown(until)} is not a date", "write 2026-12-31, or 2026-12-31T18:00:00Z")
        self.tokens[token] = ListedToken(
            token, values.get("group") or None, values.get("parent") or None, moment, values.get("note") or None
        )


def _moment(text: str, zone: tzinfo) -> str | None:
    """As UTC on the wire, or None when it is no moment."""
    try:
        if _DATE.fullmatch(text):
            day = datetime.combine(datetime.fromisoformat(text).date() + timedelta(days=1), time(), zone)
            return format_utc(day.astimezone(UTC))
        parsed = parse_timestamp(text)
        if parsed is None:
            return None
        moment, names_zone = parsed
        return format_utc(moment if names_zone else moment.replace(tzinfo=zone).astimezone(UTC))
    except (ValueError, OverflowError):
        return None
