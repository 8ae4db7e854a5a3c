"""The package on a machine that runs: systemd itself, in a container of its own without a network."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.packages import built, needs, run, variant
from tests.packaging.trees import SITE, Tree, fresh, until, with_package

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]

SITE_8887 = (SITE % 8887).replace("CP01: {", "CP01: {password_file: secrets/CP01, ").replace("profile: 0", "profile: 1")
STATION = """
import asyncio, base64, sys
from websockets.asyncio.client import connect
async def come():
    word = base64.b64encode(b"CP01:" + sys.argv[1].encode()).decode()
    async with connect("ws://127.0.0.1:8887/CP01", subprotocols=["ocpp1.6"], proxy=None, open_timeout=60,
                       additional_headers={"Authorization": "Basic " + word}) as station:
        print("let in", station.subprotocol)
asyncio.run(come())
"""
METER = """
import os, pty, struct, time, tty
ours, theirs = pty.openpty()
tty.setraw(ours), tty.setraw(theirs)
os.chown(os.ttyname(theirs), 0, %d), os.chmod(os.ttyname(theirs), 0o660)
print(os.ttyname(theirs), os.getpid(), flush=True)
def crc(frame):
    value = 0xFFFF
    for byte in frame:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return struct.pack("<H", value)
watts = {12: 2300.0, 14: 2530.0, 16: 2760.0}
image = {0: 230.0, 2: 230.0, 4: 230.0, 6: 10.0, 8: 11.0, 10: 12.0, **watts, 18: 2300.0, 20: 2530.0, 22: 2760.0,
         30: 1.0, 32: 1.0, 34: 1.0, 48: 33.0, 52: 7590.0, 56: 7590.0, 70: 50.0, 72: 1.0}
held = b""
while True:
    held += os.read(ours, 256)
    while len(held) >= 8:
        unit, function, start, count = struct.unpack(">BBHH", held[:6])
        held = held[8:]
        values = [image.get(start + n, 0.0) for n in range(0, count, 2)]
        frame = struct.pack(f">BBB{len(values)}f", unit, function, 4 * len(values), *values)
        time.sleep(0.01)
        os.write(ours, frame + crc(frame))
"""
"""A meter at the end of a serial line: what an Eastron SDM630 answers (function 4, pairs of registers as floats)."""
PASSWORD = "a-password-that-only-root-may-read"


class Machine:
    """A booted container."""

    def __init__(self, tree: Tree, process: subprocess.Popen[bytes]) -> None:
        self.tree = tree
        self._process = process

    @property
    def pid(self) -> int:
        """Of its systemd, seen from here."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0])

    def run(self, *words: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run("nsenter", "-t", self.pid, "-a", "--", *words, check=check, PATH="/usr/sbin:/usr/bin:/sbin:/bin")

    def begin(self, *words: object) -> subprocess.Popen[str]:
        command = ["nsenter", "-t", str(self.pid), "-a", "--", *(str(word) for word in words)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def come(self) -> subprocess.Popen[str]:
        """A station that connects and says whether it was let in."""
        return self.begin("/usr/lib/sitectl/bin/python3", "-c", STATION, PASSWORD)

    def property(self, name: str) -> str:
        return self.run("systemctl", "show", "--value", "-p", name, "sitectl.service").stdout.strip()

    def active(self, within_s: float = 60.0) -> None:
        until(lambda: self.property("ActiveState") == "active", within_s, lambda: self.journal("-u", "sitectl"))

    def journal(self, *fields: str) -> str:
        return self.run("journalctl", "--no-pager", "-o", "cat", *fields).stdout


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    needs("systemd-nspawn", "nsenter")
    source, _ = with_package()
    with fresh(source, tmp_path_factory.mktemp("machine")) as tree:
        tree.configure(SITE_8887)
        (tree.file("/etc/sitectl/secrets/CP01")).write_text(PASSWORD)
        (tree.file("/etc/sitectl/secrets/CP01")).chmod(0o600)
        tree.file("/etc/machine-id").unlink(missing_ok=True)
        command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--boot"]
        log = tree.path.parent / "boot.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [*command, f"--directory={tree.path}"], stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        try:
            booted = Machine(tree, process)
            deadline = time.monotonic() + 90
            while "running" not in (state := _state(booted)) and "degraded" not in state:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.skip(f"systemd does not boot in a container here: {log.read_text()[-300:]!r}")
                time.sleep(0.5)
            yield booted
        finally:
            if process.poll() is None:
                process.terminate()  # to systemd-nspawn: a power-off
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def _state(machine: Machine) -> str:
    try:
        return machine.run("systemctl", "is-system-running", check=False).stdout
    except (OSError, IndexError):
        return ""


def test_it_serves_after_the_boot_and_the_optional_socket_is_off(machine: Machine) -> None:
    machine.active()
    assert machine.run("systemctl", "is-enabled", "sitectl.service").stdout.strip() == "enabled"
    assert machine.run("systemctl", "is-enabled", "sitectl-ocpp.socket", check=False).stdout.strip() == "disabled"
    assert "cycle" in machine.property("StatusText")
    assert json.loads(machine.run("sitectl", "status", "--json", check=False).stdout)["site"] == "depot-north"


def test_it_is_as_hardened_as_it_was_judged(machine: Machine) -> None:
    said = machine.run("systemd-analyze", "security", "--no-pager", "sitectl.service").stdout
    (exposure,) = re.findall(r"Overall exposure level for sitectl.service: ([\d.]+)", said)
    assert float(exposure) <= 1.5


def test_a_password_that_only_root_may_read_reaches_it_and_the_journal_knows_the_station(machine: Machine) -> None:
    machine.active()
    station = machine.come()
    said, _ = station.communicate(timeout=60)
    assert "let in ocpp1.6" in said, (said, machine.journal("-u", "sitectl"))
    until(lambda: "station.connected" in machine.journal("STATION=CP01"), 30, lambda: machine.journal("-u", "sitectl"))
    assert "station.connected" in machine.journal("SITECTL_EVENT=station.connected", "STATION=CP01")
    assert PASSWORD not in machine.journal("-u", "sitectl")


def test_a_serial_meter_is_read_by_the_hardened_daemon(machine: Machine) -> None:
    machine.active()
    dialout = int(machine.run("getent", "group", "dialout").stdout.split(":")[2])
    device = machine.begin("/usr/lib/sitectl/bin/python3", "-c", METER % dialout)
    assert device.stdout is not None
    line, pid = device.stdout.readline().split()
    try:
        meters = f'meters: {{main: {{sheet: eastron-sdm630, connection: "rtu://{line}?baud=9600", unit: 1}}}}\n'
        machine.tree.configure(SITE_8887.replace("rated_a: 63,", "rated_a: 63, meter: main,") + meters)
        machine.run("systemctl", "restart", "sitectl.service")

        def status() -> str:
            return machine.run("sitectl", "status", "--json", check=False).stdout

        until(lambda: '"fresh"' in status(), 60, status)
        assert json.loads(status())["circuits"]["grid"]["measured_a"] == [10.0, 11.0, 12.0]
    finally:
        machine.run("sh", "-c", f"kill {pid}")
        device.communicate(timeout=30)
        machine.tree.configure(SITE_8887)
        machine.run("systemctl", "restart", "sitectl.service")


def test_who_may_do_what_follows_the_groups(machine: Machine) -> None:
    machine.run("useradd", "-G", "sitectl", "viewer")
    machine.run("useradd", "-G", "sitectl,sitectl-tech", "technician")
    limit = "sitectl circuit limit grid 50 --for 1m"
    assert machine.run("su", "viewer", "-s", "/bin/sh", "-c", limit, check=False).returncode == 4
    assert machine.run("su", "technician", "-s", "/bin/sh", "-c", limit, check=False).returncode == 0


def test_stations_wait_during_a_restart(machine: Machine) -> None:
    machine.active()
    restart = machine.begin("systemctl", "restart", "sitectl.service")
    until(lambda: machine.property("ActiveState") != "active", 20)
    station = machine.come()
    said, _ = station.communicate(timeout=90)
    assert "let in ocpp1.6" in said, said
    restart.communicate(timeout=60)
    assert machine.property("NFileDescriptorStore") == "1"


def test_with_the_optional_socket_stations_wait_even_while_it_is_stopped_and_bring_it_back(machine: Machine) -> None:
    machine.active()
    machine.run("systemctl", "stop", "sitectl.service")
    machine.run("systemctl", "start", "sitectl-ocpp.socket")
    said, _ = machine.come().communicate(timeout=90)
    assert "let in ocpp1.6" in said, said
    machine.active()
    machine.run("systemctl", "restart", "sitectl.service")
    said, _ = machine.come().communicate(timeout=90)
    assert "let in ocpp1.6" in said, said
    assert "no address of the configuration" not in machine.journal("-u", "sitectl")
    machine.run("systemctl", "stop", "sitectl-ocpp.socket")


def test_a_daemon_that_is_stuck_is_killed_by_the_watchdog_and_serves_again(machine: Machine) -> None:
    machine.active()
    before = machine.property("MainPID")
    machine.run("sh", "-c", f"kill -STOP {before}")
    began = time.monotonic()
    until(lambda: machine.property("MainPID") not in (before, "0"), 60, lambda: machine.journal("-u", "sitectl"))
    machine.active()
    assert time.monotonic() - began < 45


def test_a_refused_configuration_is_served_by_the_last_one_and_never_in_a_tight_loop(machine: Machine) -> None:
    machine.active()
    machine.tree.configure("site: {name: depot-north\ncircuits:\n  grid: {rated_a: 6")
    machine.run("systemctl", "restart", "sitectl.service")
    status = json.loads(machine.run("sitectl", "status", "--json", check=False).stdout)
    assert any("The configuration is not used" in problem["what"] for problem in status["problems"])
    machine.run("rm", "-rf", "/var/lib/sitectl/last-good")
    machine.run("systemctl", "restart", "sitectl.service", check=False)
    assert (machine.property("ActiveState"), machine.property("ExecMainStatus")) == ("failed", "2")
    restarts = machine.property("NRestarts")
    time.sleep(5)
    assert (machine.property("ActiveState"), machine.property("NRestarts")) == ("failed", restarts)
    machine.tree.configure(SITE_8887)
    machine.run("systemctl", "start", "sitectl.service")
    machine.active()


def test_upgraded_twice_within_a_second_under_a_running_daemon(machine: Machine, tmp_path: Path) -> None:
    machine.active()
    before = machine.property("MainPID")
    for version in ("9.0", "9.1"):
        machine.run("dpkg", "--force-unsafe-io", "-i", machine.tree.take(variant(built(), tmp_path, version)))
    machine.active()
    assert machine.property("MainPID") != before
    assert machine.run("dpkg", "--audit").stdout == ""
    assert "start-limit" not in machine.journal("-u", "sitectl")


def test_a_removed_one_is_stopped(machine: Machine) -> None:
    machine.run("dpkg", "--remove", "sitectl")
    state = machine.run("systemctl", "is-active", "sitectl.service", check=False).stdout.strip()
    assert state in ("inactive", "failed")
