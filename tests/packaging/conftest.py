"""A system with the package in it, fresh for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.trees import Tree, fresh, with_package


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Tree]:
    source, _ = with_package()
    with fresh(source, tmp_path / "tree") as tree:
        yield tree
