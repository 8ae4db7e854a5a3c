"""The installed daemon by hand, with nothing around it: no uplink, broker, meter, name service or time."""

import time

import pytest

from tests.packaging.trees import SITE, Tree

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]
ABSENT = (
    SITE.replace("grid: {", "grid: {meter: main, ")
    + """\
meters: {main: {sheet: eastron-sdm630, connection: "tcp://meter.invalid:502", unit: 1}}
uplinks: {central: {url: "wss://csms.invalid/ocpp"}}
"""
)
READY_S = 5.0
STATUS_S = 0.5


def test_it_is_ready_in_time_with_everything_absent(installed: Tree) -> None:
    installed.configure((ABSENT % 8887).replace("authorization: {mode: free}\n", ""))
    with installed.daemon() as running:
        running.ready()
    began = time.monotonic()  # the first start has made the ledger; this one is that of every day
    with installed.daemon() as running:
        running.ready()
        assert time.monotonic() - began < READY_S


def test_its_state_is_told(installed: Tree) -> None:
    installed.configure()
    with installed.daemon() as running:
        running.ready()
        status = installed.run("sitectl", "status", check=False)
        assert status.returncode == 5
        assert "depot-north" in status.stdout


def test_a_second_one_by_hand_is_refused_and_harms_nothing(installed: Tree) -> None:
    installed.configure()
    with installed.daemon() as first:
        first.ready()
        with installed.daemon() as second:
            assert second.wait() == 1
            assert "/var/lib/sitectl/ledger.db is in use by another process" in second.log
        assert installed.run("sitectl", "status", check=False).returncode == 5
        assert first.ended is None


def test_a_socket_that_was_left_over_is_no_obstacle(installed: Tree) -> None:
    installed.configure()
    left = "import os, socket; socket.socket(socket.AF_UNIX).bind('/run/sitectl/sitectl.sock')"
    installed.run("setpriv", "--reuid=sitectl", "--regid=sitectl", "--clear-groups", "python3", "-c", left)
    assert installed.file("/run/sitectl/sitectl.sock").exists()
    with installed.daemon() as running:
        running.ready()
        assert installed.run("sitectl", "status", check=False).returncode == 5


def test_a_file_that_was_edited_halfway_is_refused_and_the_last_one_serves_when_told(installed: Tree) -> None:
    installed.configure()
    with installed.daemon() as running:
        running.ready()
        time.sleep(1.0)
    installed.configure("site: {name: depot-north\ncircuits:\n  grid: {rated_a: 6")
    with installed.daemon() as running:
        assert running.wait() == 2
        assert "site.yaml:" in running.log
    with installed.daemon("--last-good") as running:
        running.ready()
        assert "The configuration is not used" in installed.run("sitectl", "status", check=False, COLUMNS="200").stdout
