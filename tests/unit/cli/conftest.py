"""A configuration, and a daemon of canned answers behind its socket."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.cli.canned import Canned, canned

SITE = """
site: {name: depot-north, data_dir: data}
circuits: {grid: {rated_a: 100, base_load_worst_a: 40}}
stations: {CP01: {circuit: grid, max_a: 32, phases: L1L2L3, security_profile: 0}}
ocpp: {security_profile: 0}
authorization: {mode: free}
api: {socket: run/sitectl.sock}
"""


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SITECTL_CONFIG", "SITECTL_SOCKET", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    return path


@pytest.fixture
def daemon(config: Path) -> Iterator[Canned]:
    with canned(config.parent / "run" / "sitectl.sock") as daemon:
        yield daemon
