"""One word for one thing: names that say nothing, that mean two things, or that belong to a vendor stay out."""

import ast
import re

from tests.house.source import PACKAGE, ROOT, docstrings, identifiers, modules, place, tree

EMPTY_NAMES = {"common", "core", "helper", "helpers", "manager", "misc", "session", "sessions", "util", "utils"}
VENDORS = set(
    re.findall(
        r"\w+",
        """
        abb abl alfen alpitronic bender carlo circontrol compleo easee eastron ebee evbox fronius gavazzi hager
        heidelberg huawei iskra janitza keba kostal mennekes phoenix schneider shelly siemens socomec solaredge tesla
        wago webasto zaptec
        """,
    )
)
PLAYS_DEVICES = ("simulator",)
"""Rooms that pretend to be somebody's device, and so may say whose."""


def words(name: str) -> set[str]:
    """`maxSessionCount`, `MAX_SESSION` → lower-case words."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def test_no_module_has_an_empty_name() -> None:
    paths = [*PACKAGE.rglob("*"), *(ROOT / "tests").rglob("*")]
    offenders = [
        str(path.relative_to(ROOT))
        for path in paths
        if words(path.stem) & EMPTY_NAMES and "__pycache__" not in path.parts
    ]
    assert not offenders, offenders


def test_nothing_is_called_a_session() -> None:
    offenders = [
        f"{place(path, node)} {name}"
        for path in modules()
        for node, name in identifiers(tree(path))
        if words(name) & {"session", "sessions"}
    ]
    assert not offenders, f"say transaction (charging) or connection (wire): {offenders}"


def test_vendors_are_named_in_sheets_only() -> None:
    offenders = []
    for path in modules():
        if path.relative_to(PACKAGE).parts[0] in PLAYS_DEVICES:
            continue
        prose = docstrings(tree(path))
        texts = [
            (node, node.value)
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
        ]
        for node, text in [*identifiers(tree(path)), *texts]:
            if named := words(text) & VENDORS:
                offenders.append(f"{place(path, node)} {', '.join(sorted(named))}")
    assert not offenders, f"facts about a device are data: {offenders}"
