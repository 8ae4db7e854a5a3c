"""What is known of station models stands in sheets, each with its sources, and nowhere else."""

import ast
import re
from itertools import chain

from sitectl.config.station_sheets import load_sheet
from sitectl.quirks.match import ties
from sitectl.quirks.sheet import StationSheet
from tests.house.source import PACKAGE, docstrings, identifiers, modules, place, tree
from tests.house.test_words import PLAYS_DEVICES

SHIPPED = sorted((PACKAGE / "quirks" / "sheets").glob("*.yaml"))
REPOSITORY = re.compile(r"\b[\w.-]+/[\w.-]+")
"""`owner/name`: where something was reported, whoever owns it."""


def sheets() -> list[StationSheet]:
    loaded = [load_sheet(path) for path in SHIPPED]
    return [sheet for sheet in loaded if isinstance(sheet, StationSheet)]


def test_every_shipped_sheet_can_be_used_and_says_where_it_knows_it_from() -> None:
    faulty = {
        path.name: [str(issue) for issue in found] for path in SHIPPED if isinstance(found := load_sheet(path), list)
    }
    assert not faulty
    assert SHIPPED
    assert not [sheet.id for sheet in sheets() if not sheet.sources or not sheet.title or not sheet.patterns]


def test_no_two_shipped_sheets_contradict_each_other() -> None:
    assert list(ties(sheets())) == []


def test_no_vendor_of_a_sheet_is_named_in_code() -> None:
    vendors = {pattern.vendor for sheet in sheets() for pattern in sheet.patterns if pattern.vendor}
    named = re.compile("|".join(rf"(?<!\w){re.escape(vendor)}(?!\w)" for vendor in vendors), re.IGNORECASE)
    offenders = []
    for path in modules():
        if path.relative_to(PACKAGE).parts[0] in PLAYS_DEVICES:
            continue
        module = tree(path)
        prose = docstrings(module)
        texts = (
            (node, node.value)
            for node in ast.walk(module)
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
        )
        for node, text in chain(identifiers(module), texts):
            if found := named.search(REPOSITORY.sub("", text)):
                offenders.append(f"{place(path, node)} {found[0]}")
    assert not offenders, f"a fact about a model belongs in its sheet: {offenders}"
