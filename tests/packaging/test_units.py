"""What systemd is told, as far as it can be judged without running it."""

import configparser
import re
import shutil
from pathlib import Path

import pytest

from tests.packaging.packages import ROOT, needs, run

UNITS = ROOT / "systemd"
MOST_EXPOSED = 1.5
SERIAL = {"char-ttyUSB rw", "char-ttyACM rw", "char-ttyS rw", "char-ttyAMA rw"}


def settings(unit: str, section: str) -> dict[str, list[str]]:
    """Every line of a section, by key."""
    found: dict[str, list[str]] = {}
    within = ""
    for line in (UNITS / unit).read_text().splitlines():
        if line.startswith("["):
            within = line.strip("[]")
        elif within == section and "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_service_is_hardened_and_serial_meters_are_served() -> None:
    needs("systemd-analyze", root=False)
    said = run("systemd-analyze", "security", "--offline=true", "--no-pager", UNITS / "sitectl.service").stdout
    overall = re.search(r"Overall exposure level for sitectl.service: ([\d.]+)", said)
    assert overall, said
    assert float(overall[1]) <= MOST_EXPOSED, said
    service = settings("sitectl.service", "Service")
    assert set(service["DeviceAllow"]) >= SERIAL
    assert service["DevicePolicy"] == ["closed"]
    assert "m sitectl dialout" in (UNITS / "sitectl.sysusers").read_text()


def test_callers_are_known_and_the_boot_is_too() -> None:
    """Two settings that would lower the figure, and break who may do what and how times are put right."""
    service = settings("sitectl.service", "Service")
    assert "PrivateUsers" not in service
    assert "ProcSubset" not in service


def test_it_is_watched_and_started_again_but_not_for_a_refused_configuration() -> None:
    service, unit = settings("sitectl.service", "Service"), settings("sitectl.service", "Unit")
    assert (service["Type"], service["NotifyAccess"], service["WatchdogSec"]) == (["notify"], ["main"], ["30"])
    assert (service["Restart"], service["RestartSec"]) == (["always"], ["1"])
    assert service["RestartPreventExitStatus"] == ["2"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    assert unit["ConditionPathExists"] == ["/etc/sitectl/site.yaml"]
    assert "--last-good" in service["ExecStart"][0]
    assert not any("network-online" in value for values in unit.values() for value in values)


def test_a_minimal_system_has_what_the_service_calls() -> None:
    """`kill` as a program belongs to procps, which a minimal Debian has not: the reload failed there."""
    service = settings("sitectl.service", "Service")
    called = {
        line.lstrip("-+!@").split()[0] for key, lines in service.items() if key.startswith("Exec") for line in lines
    }
    assert called == {"/usr/bin/sitectl", "/bin/sh"}


def test_the_units_are_understood(tmp_path: Path) -> None:
    """By systemd itself, with something in the place of the command."""
    needs("systemd-analyze", root=False)
    for unit in ("sitectl.service", "sitectl-ocpp.socket"):
        text = (UNITS / unit).read_text().replace("/usr/bin/sitectl", "/bin/true")
        (tmp_path / unit).write_text(re.sub(r"^Documentation=.*$", "", text, flags=re.MULTILINE))
    said = run("systemd-analyze", "verify", "--man=no", *sorted(tmp_path.iterdir()), check=False)
    ours = [line for line in (said.stdout + said.stderr).splitlines() if "sitectl" in line]
    assert not ours, ours


def test_the_socket_is_that_of_the_sample() -> None:
    (listen,) = settings("sitectl-ocpp.socket", "Socket")["ListenStream"]
    assert f"  listen: {listen} " in (ROOT / "config" / "site.yaml").read_text()
    assert "disable sitectl-ocpp.socket" in (UNITS / "sitectl.preset").read_text()


def test_users_groups_and_folders_come_out_as_they_are_meant(tmp_path: Path) -> None:
    needs("systemd-sysusers", "systemd-tmpfiles")
    for folder, name in (("sysusers.d", "sitectl.sysusers"), ("tmpfiles.d", "sitectl.tmpfiles")):
        (tmp_path / "usr" / "lib" / folder).mkdir(parents=True)
        shutil.copy(UNITS / name, tmp_path / "usr" / "lib" / folder / "sitectl.conf")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "group").write_text("root:x:0:\ndialout:x:20:\n")
    (tmp_path / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    run("systemd-sysusers", f"--root={tmp_path}", "sitectl.conf")
    groups = {line.split(":")[0]: line.split(":")[3] for line in (tmp_path / "etc" / "group").read_text().split()}
    assert set(groups) >= {"sitectl", "sitectl-tech", "sitectl-admin"}
    assert groups["dialout"] == "sitectl"
    ran = run("systemd-tmpfiles", f"--root={tmp_path}", "--create", "sitectl.conf", check=False)
    if "/proc" in ran.stderr:
        pytest.skip(ran.stderr.strip())
    meant = {"etc/sitectl": 0o2750, "etc/sitectl/secrets": 0o700, "var/lib/sitectl": 0o700, "run/sitectl": 0o750}
    assert {path: (tmp_path / path).stat().st_mode & 0o7777 for path in meant} == meant


def test_credentials_are_the_secrets_beside_the_configuration() -> None:
    assert settings("sitectl.service", "Service")["LoadCredential"] == ["secrets:/etc/sitectl/secrets"]
    assert "password_file: secrets/CP01" in (ROOT / "config" / "site.yaml").read_text()


def test_units_can_be_read_by_other_readers() -> None:
    """No line that is neither a comment, a section nor a setting."""
    for unit in ("sitectl.service", "sitectl-ocpp.socket"):
        configparser.RawConfigParser(strict=False, delimiters=("=",), comment_prefixes=("#",)).read(UNITS / unit)
