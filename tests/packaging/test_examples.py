"""The sample and the example sites: what people copy has to be right."""

import json
import sys
from pathlib import Path

import jsonschema
import pytest

from sitectl.config import document
from tests.packaging.packages import ROOT, run

CONFIG = ROOT / "config"
SITES = sorted([CONFIG / "site.yaml", *(CONFIG / "examples").glob("*.yaml")])
ABOUT = {"single-fuse": "1 circuit, 1 meter, 4 stations", "tenant-tree": "4 circuits, 2 meters, 5 stations"}


def test_there_are_examples() -> None:
    assert {path.stem for path in SITES} >= {"site", *ABOUT}


@pytest.mark.parametrize("path", SITES, ids=lambda path: path.stem)
def test_it_is_taken_without_a_word_against_it(path: Path) -> None:
    said = run(sys.executable, "-m", "sitectl", "check", path, PYTHONPATH=str(ROOT))
    assert (said.stderr, "warning" in said.stdout) == ("", False)
    assert ABOUT.get(path.stem, "") in said.stdout


@pytest.mark.parametrize("path", SITES, ids=lambda path: path.stem)
def test_an_editor_agrees(path: Path) -> None:
    schema = json.loads((CONFIG / "site.schema.json").read_text())
    jsonschema.validate(document.parse(path.read_bytes(), path.name).data, schema)
    first = path.read_text().splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / named).resolve() == CONFIG / "site.schema.json"
