"""What the import contract cannot see: bodies of `__init__.py`, waiting in still rooms, hidden tasks and clocks."""

import ast
import re
import tomllib

from tests.house.source import PACKAGE, ROOT, STILL, docstrings, imported, modules, place, still_modules, tree

WALL_CLOCK_READS = {"now", "utcnow", "today", "localtime", "gmtime"}
PAPER_ROOMS = ("config", "api")
"""Where pydantic belongs: at the border where others' data comes in."""


def test_package_files_hold_a_docstring_and_nothing_else() -> None:
    offenders = [
        place(path, 1)
        for path in modules()
        if path.name == "__init__.py"
        and not (ast.get_docstring(tree(path)) and len(tree(path).body) == len(docstrings(tree(path))) == 1)
    ]
    assert not offenders, f"only a docstring belongs here, imports would hide from the import graph: {offenders}"


def test_every_folder_with_modules_is_a_package() -> None:
    offenders = {str(path.parent.relative_to(ROOT)) for path in modules() if not (path.parent / "__init__.py").exists()}
    assert not offenders, f"without __init__.py the import contract does not see: {sorted(offenders)}"


def test_the_contract_names_every_still_room() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (named,) = [contract["source_modules"] for contract in contracts if contract["name"].startswith("Still rooms")]
    assert named == [f"sitectl.{room}" for room in STILL if (PACKAGE / room).is_dir()]


def test_still_rooms_use_errors_and_units_of_the_ground_only() -> None:
    offenders = [
        place(path, node)
        for path in still_modules()
        for node, name in imported(tree(path))
        if name.startswith("sitectl.base") and not name.startswith(("sitectl.base.errors.", "sitectl.base.units."))
    ]
    assert not offenders, offenders


def test_still_rooms_neither_wait_nor_touch_files() -> None:
    waiting = (ast.Await, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)
    offenders = [
        place(path, node)
        for path in still_modules()
        for node in ast.walk(tree(path))
        if isinstance(node, waiting)
        or (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"open", "input", "print"}
        )
    ]
    assert not offenders, offenders


def test_tasks_are_created_in_one_place() -> None:
    offenders = [
        place(path, node)
        for path in modules()
        if path != PACKAGE / "base/tasks.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in {"create_task", "ensure_future"}
    ]
    assert not offenders, f"spawn through sitectl.base.tasks: {offenders}"


def test_time_is_read_in_one_place() -> None:
    offenders = [
        place(path, node)
        for path in modules()
        if path != PACKAGE / "base/clock.py"
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Import) and any(alias.name == "time" for alias in node.names))
        or (isinstance(node, ast.ImportFrom) and node.module == "time")
        or (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WALL_CLOCK_READS)
    ]
    assert not offenders, f"take a sitectl.base.clock.Clock: {offenders}"


def test_pydantic_stays_at_the_border() -> None:
    offenders = [
        place(path, node)
        for path in modules()
        if path.relative_to(PACKAGE).parts[0] not in PAPER_ROOMS
        for node, name in imported(tree(path))
        if name.partition(".")[0] == "pydantic"
    ]
    assert not offenders, offenders


def test_the_files_that_a_package_names_are_there() -> None:
    """In its opening docstring, as `name.py` or at the head of a line of its list."""
    gone = []
    for module in modules():
        if module.name != "__init__.py":
            continue
        said = ast.get_docstring(tree(module)) or ""
        heads = " ".join(re.findall(r"^\* (.*?)(?: \(pure\))?:", said, re.MULTILINE))
        named = re.findall(r"`(\w+)\.py`", said) + re.findall(r"`(\w+)`", heads)
        there = {path.stem for path in module.parent.iterdir()}
        gone += [f"{place(module, 1)}: {name}" for name in named if name not in there]
    assert gone == []
