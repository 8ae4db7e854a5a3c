"""A system with the package in it, fresh for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.packages import run
from tests.packaging.trees import Tree, copied, with_package


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Tree]:
    source, _ = with_package()
    tree = copied(source, tmp_path / "system")
    yield tree
    run("rm", "-rf", "--one-file-system", tree.path)
