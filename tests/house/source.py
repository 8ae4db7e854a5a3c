"""The project's own files, read for the house tests."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "sitectl"
GENERATED = {"build", "dist", "__pycache__"}
STILL = ("model", "ocpp", "quirks", "state", "allocator", "planner", "healing", "routing", "translation", "evidence")
"""Rooms without clock, waiting, sockets or files: values in, values out."""


def modules(*parts: str) -> list[Path]:
    """Every Python file under sitectl, or under one of its rooms; rooms that are not built yet have none."""
    return sorted(PACKAGE.joinpath(*parts).rglob("*.py"))


def still_modules() -> list[Path]:
    return [module for room in STILL for module in modules(room)]


def own_files() -> Iterator[Path]:
    """Every file of the project that is neither generated nor a cache."""
    pending = [ROOT]
    while pending:
        for path in sorted(pending.pop().iterdir()):
            if path.is_symlink() or path.name in GENERATED or path.suffix == ".egg-info":
                continue
            if path.is_dir() and (not path.name.startswith(".") or path.name == ".ci"):
                pending.append(path)
            elif path.is_file():
                yield path


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def place(path: Path, node: ast.AST | int) -> str:
    """`file:line`, for messages."""
    return f"{path.relative_to(ROOT)}:{node if isinstance(node, int) else getattr(node, 'lineno', 1)}"


def imported(module: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every module a file imports, as dotted names; `from a import b` gives `a.b`, which may be a module or not."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def docstrings(module: ast.Module) -> set[int]:
    """The ids of the constants that stand as statements: docstrings of modules, classes, functions and of names."""
    return {
        id(node.value)
        for node in ast.walk(module)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }


def identifiers(module: ast.Module) -> Iterator[tuple[ast.AST, str]]:
    """Every name that a file gives; those that it uses are given elsewhere, perhaps by a library."""
    for node in ast.walk(module):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield node, name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield node, name
            case ast.alias(asname=str(name)):
                yield node, name
