"""Memory that comes near what the unit grants, as the kernel tells it in files."""

import os
from pathlib import Path

import pytest

from sitectl.daemon.appetite import Appetite, granted

PAGE = os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The group of a service that may take 100 MB before it is slowed down, and 200 MB at all."""
    (tmp_path / "cgroup").write_text("12:memory:/old\n0::/system.slice/sitectl.service\n")
    group = tmp_path / "system.slice" / "sitectl.service"
    group.mkdir(parents=True)
    (group / "memory.high").write_text("100000000\n")
    (group / "memory.max").write_text("200000000\n")
    return tmp_path


def takes(unit: Path, megabytes: float) -> list[str]:
    (unit / "statm").write_text(f"999999 {round(megabytes * 1e6 / PAGE)} 0 0 0 0 0\n")
    return [what for what, _, _ in Appetite(unit, unit).findings()]


def test_near_its_bound_it_is_a_problem(unit: Path) -> None:
    assert takes(unit, 70) == []
    assert takes(unit, 80) == ["The daemon takes much memory: 80 MB of the 100 MB of its unit"]


def test_the_lower_bound_counts_and_none_is_none(unit: Path) -> None:
    high = unit / "system.slice" / "sitectl.service" / "memory.high"
    assert granted(unit, unit) == 100_000_000
    high.write_text("max\n")
    assert granted(unit, unit) == 200_000_000
    high.with_name("memory.max").write_text("max\n")
    assert granted(unit, unit) is None
    assert takes(unit, 5000) == []


def test_where_the_kernel_tells_nothing_nothing_is_said(tmp_path: Path) -> None:
    assert granted(tmp_path, tmp_path) is None
    assert list(Appetite(tmp_path, tmp_path).findings()) == []
    (tmp_path / "cgroup").write_text("12:memory:/old\n")
    assert granted(tmp_path, tmp_path) is None


def test_what_cannot_be_read_is_no_problem(unit: Path) -> None:
    (unit / "statm").write_text("nonsense\n")
    assert list(Appetite(unit, unit).findings()) == []
