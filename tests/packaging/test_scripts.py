"""The scripts of the package as far as they can be judged without installing it."""

import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.packaging.packages import ROOT, needs, run

SCRIPTS = ROOT / "packaging" / "deb"
NAMES = ("config", "preinst", "postinst", "prerm", "postrm")


@pytest.mark.parametrize("name", NAMES)
def test_every_script_can_be_parsed_and_stops_at_an_error(name: str) -> None:
    run("sh", "-n", SCRIPTS / name)
    assert "\nset -e\n" in (SCRIPTS / name).read_text()


def test_the_scripts_that_build_can_be_parsed() -> None:
    for script in (ROOT / "packaging").glob("*.sh"):
        run("sh", "-n", script)


def test_what_goes_into_the_package_is_pinned_like_what_is_tested() -> None:
    """Every pin of the daemon stands in the list of the package, unchanged."""
    pins = {name: (ROOT / "packaging" / name).read_text() for name in ("requirements.txt", "requirements-deb.txt")}
    tested, packed = (set(text.replace(" \\\n    ", " ").splitlines()) for text in pins.values())
    assert tested <= packed, "make lock"
    assert {line.split("==")[0] for line in packed - tested} == {"gpiod", "systemd-python"}


class Machine:
    """A folder in the place of the few paths that the first script looks at."""

    def __init__(self, root: Path) -> None:
        self.ledger = root / "ledger.db"
        self._root = root
        (root / "share").mkdir()

    def ledger_with_schema(self, schema: int) -> None:
        self.ledger.unlink(missing_ok=True)
        database = sqlite3.connect(self.ledger)
        database.execute("CREATE TABLE t (x)")
        database.execute(f"PRAGMA user_version = {schema}")
        database.commit()
        database.close()

    def installed_makes(self, schema: int) -> None:
        (self._root / "share" / "ledger-schema").write_text(f"{schema}\n")

    def preinst(self, known: int, *arguments: str) -> tuple[int, str]:
        text = (SCRIPTS / "preinst").read_text().replace("@SCHEMA@", str(known)).replace("@VERSION@", "1.0")
        for place, here in (("/var/lib/sitectl", self._root), ("/usr/share/sitectl", self._root / "share")):
            text = text.replace(place, str(here))
        (self._root / "preinst").write_text(text)
        ran = run("sh", self._root / "preinst", *arguments, check=False)
        return ran.returncode, ran.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_first_installation_an_upgrade_and_the_same_again_pass(machine: Machine) -> None:
    assert machine.preinst(8, "install") == (0, "")
    machine.ledger_with_schema(7)
    machine.installed_makes(7)
    assert machine.preinst(8, "upgrade", "0.9") == (0, "")
    assert machine.preinst(7, "upgrade", "0.9") == (0, "")


def test_an_older_version_is_refused_with_the_way_back(machine: Machine) -> None:
    machine.ledger_with_schema(300)
    for kept in (7, 8):
        machine.ledger.with_name(f"ledger.db.schema-{kept}").write_bytes(bytes(100))
    status, said = machine.preinst(8, "upgrade", "2.0")
    assert status == 1
    assert "has schema 300, this version knows up to 8" in said
    assert "sitectl 2.0 stays as it was" in said
    way_back = f"mv {machine.ledger} {machine.ledger}.schema-300 && cp -p {machine.ledger}.schema-8 {machine.ledger}"
    assert way_back in said
    run("sh", "-c", way_back)
    assert machine.preinst(8, "upgrade", "2.0") == (0, "")


def test_without_a_copy_it_says_so(machine: Machine) -> None:
    machine.ledger_with_schema(9)
    status, said = machine.preinst(8, "upgrade", "2.0")
    assert status == 1
    assert "No copy of the ledger" in said


def test_a_ledger_that_is_open_counts_as_what_the_installed_version_makes_of_it(machine: Machine) -> None:
    machine.ledger_with_schema(8)
    machine.installed_makes(9)
    assert machine.preinst(8, "upgrade", "2.0") == (0, "")
    machine.ledger.with_name("ledger.db-wal").write_bytes(b"what was changed last")
    assert machine.preinst(8, "upgrade", "2.0")[0] == 1


def test_shell_has_nothing_to_say_against_them() -> None:
    needs("shellcheck", root=False)
    assert shutil.which("shellcheck")
    run("shellcheck", "--shell=sh", *(SCRIPTS / name for name in NAMES), *(ROOT / "packaging").glob("*.sh"))
