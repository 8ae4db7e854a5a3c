"""What is looked for on this machine: each finding says how bad it is and what to do."""

import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sitectl.cli import doctor_checks as checks
from sitectl.cli.doctor_checks import ERROR, OK, WARNING, Found
from sitectl.config.load import Broken, Loaded, load

SITE = """
site: {name: depot, data_dir: data}
circuits: {grid: {rated_a: 100, base_load_worst_a: 40}}
stations: {CP01: {circuit: grid, max_a: 32, phases: L1L2L3, password_file: cp01.password}}
authorization: {mode: free}
ocpp: {listen: "127.0.0.1:%d"}
"""


def loaded(folder: Path, port: int = 8887) -> Loaded:
    (folder / "data").mkdir(exist_ok=True, mode=0o750)
    (folder / "cp01.password").write_text("a secret of forty characters, or so it is")
    (folder / "cp01.password").chmod(0o600)
    path = folder / "site.yaml"
    path.write_text(SITE % port)
    path.chmod(0o640)
    found = load(path)
    assert isinstance(found, Loaded), found
    return found


def levels(found: list[Found]) -> list[str]:
    assert all(one.do for one in found if one.level != OK), "each says what to do"
    return [one.level for one in found]


def test_errors_of_the_configuration_are_told_with_their_place(tmp_path: Path) -> None:
    (tmp_path / "site.yaml").write_text("circuits: {grid: {rated_a: many}}\n")
    broken = load(tmp_path / "site.yaml")
    assert isinstance(broken, Broken)
    found = list(checks.configuration(broken))
    assert set(levels(found)) == {ERROR}
    assert "site.yaml:1:" in found[0].what


def test_secrets_that_everybody_may_read_are_an_error(tmp_path: Path) -> None:
    one = loaded(tmp_path)
    assert levels(list(checks.permissions(one))) == [OK]
    (tmp_path / "cp01.password").chmod(0o644)
    (tmp_path / "data").chmod(0o777)
    found = list(checks.permissions(one))
    assert levels(found) == [ERROR, ERROR]
    assert found[0].what == "stations.CP01.password_file: cp01.password may be read by everybody"
    assert found[0].do == f"chmod 640 {tmp_path / 'cp01.password'}"


@pytest.mark.parametrize(
    ("life", "level"), [("0x01 0x02", OK), ("0x08 0x01", WARNING), ("0x0b 0x01", ERROR), ("nonsense", OK), (None, OK)]
)
def test_a_disk_that_tells_its_life(tmp_path: Path, life: str | None, level: str) -> None:
    if life is not None:
        (tmp_path / "device").mkdir()
        (tmp_path / "device" / "life_time").write_text(life)
    assert levels([checks.wear(tmp_path)]) == [level]


@pytest.mark.parametrize(("free_mb", "level"), [(900, OK), (300, WARNING), (20, ERROR)])
def test_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_mb: int, level: str) -> None:
    shown = os.statvfs_result((1000, 1000, 10**6, free_mb * 1000, free_mb * 1000, 100, 50, 50, 0, 255))
    assert levels(list(checks.disk(tmp_path / "nothing", tmp_path))) == [ERROR]
    monkeypatch.setattr(os, "statvfs", lambda _: shown)
    assert levels(list(checks.disk(tmp_path, tmp_path))) == [level, OK]


def test_a_clock_that_nobody_sets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "machine_is_synchronised", lambda: False)
    assert levels(list(checks.clock(tmp_path))) == [WARNING, WARNING]
    monkeypatch.setattr(checks, "machine_is_synchronised", lambda: True)
    (tmp_path / "rtc0").touch()
    assert levels(list(checks.clock(tmp_path))) == [OK]


def test_memory_and_open_files(tmp_path: Path) -> None:
    (tmp_path / "meminfo").write_text("MemTotal: 1000000 kB\nMemAvailable: 30000 kB\n")
    assert levels([checks.memory(tmp_path)]) == [WARNING]
    assert levels([checks.memory(tmp_path / "no")]) == [OK]
    (tmp_path / "7" / "fd").mkdir(parents=True)
    for number in range(9):
        (tmp_path / "7" / "fd" / str(number)).touch()
    (tmp_path / "7" / "status").write_text("Name: x\nVmRSS:  90000 kB\n")
    (tmp_path / "7" / "limits").write_text("Max open files            10                  10        files\n")
    found = list(checks.process(7, tmp_path))
    assert [one.what for one in found] == ["the daemon (pid 7) takes 90 MB", "the daemon has 9 of 10 files open"]
    assert levels(found) == [OK, WARNING]
    assert list(checks.process(8, tmp_path)) == []


def test_addresses_that_stations_are_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = loaded(tmp_path, server.getsockname()[1])
        assert levels(list(checks.listeners(one, daemon_runs=True))) == [OK]
        assert levels(list(checks.listeners(one, daemon_runs=False))) == [ERROR]  # somebody else has it
    assert levels(list(checks.listeners(one, daemon_runs=True))) == [ERROR]
    assert levels(list(checks.listeners(one, daemon_runs=False))) == [OK]


@pytest.mark.parametrize(("days", "level"), [(-1, ERROR), (3, ERROR), (20, WARNING), (200, OK)])
def test_certificates_by_the_days_that_are_left(days: int, level: str) -> None:
    now = datetime(2026, 11, 30, tzinfo=UTC)
    found = checks._dated("ocpp.tls.certificate", now - timedelta(days=100), now + timedelta(days=days), now)
    assert levels([found]) == [level]
    early = checks._dated("x", now + timedelta(days=1), now + timedelta(days=days + 400), now)
    assert (early.level, "clock" in early.do) == (ERROR, True)
