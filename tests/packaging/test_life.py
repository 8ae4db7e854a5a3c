"""The package over its life: installed, upgraded, broken, taken back, removed, purged, in a Debian tree."""

import sqlite3
import time
from pathlib import Path

import pytest

from tests.packaging.packages import built, field, run, variant
from tests.packaging.trees import SITE, Tree, with_package

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]
MIGRATION = "CREATE TABLE later (x INTEGER);\n"
LEDGER = "/var/lib/sitectl/ledger.db"


def schema(tree: Tree) -> int:
    ledger = sqlite3.connect(tree.file(LEDGER))
    try:
        return int(ledger.execute("PRAGMA user_version").fetchone()[0])
    finally:
        ledger.close()


def version(tree: Tree) -> str:
    return tree.run("dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", "sitectl", check=False).stdout


def served(tree: Tree, *options: str) -> None:
    """Let the daemon serve for a moment."""
    with tree.daemon(*options) as running:
        running.ready()


def test_it_installs_on_a_minimal_system_in_less_than_a_minute() -> None:
    _, took = with_package()
    assert took["install"] < 60.0


def test_who_may_do_what_on_disk(installed: Tree) -> None:
    groups = {line.split(":")[0]: line.split(":")[3] for line in installed.file("/etc/group").read_text().split()}
    assert set(groups) >= {"sitectl", "sitectl-tech", "sitectl-admin"}
    assert "sitectl" in groups["dialout"].split(",")
    config = "/etc/sitectl"
    places = (config, f"{config}/secrets", "/var/lib/sitectl", "/run/sitectl", f"{config}/site.yaml.sample")
    said = installed.run("stat", "-c", "%a %U %G %n", *places).stdout
    assert said.splitlines() == [
        "2750 root sitectl /etc/sitectl",
        "2700 root root /etc/sitectl/secrets",
        "700 sitectl sitectl /var/lib/sitectl",
        "750 sitectl sitectl /run/sitectl",
        "640 root sitectl /etc/sitectl/site.yaml.sample",
    ]


def test_it_is_compiled_and_small_and_starts_without_writing(installed: Tree) -> None:
    kilobytes = int(run("du", "-sk", installed.file("/usr/lib/sitectl")).stdout.split()[0])
    assert kilobytes <= 100_000
    assert list(installed.file("/usr/lib/sitectl").rglob("*.pyc"))
    installed.run("sitectl", "check", "/usr/share/sitectl/site.yaml")
    installed.run("sitectl", "check", "/usr/share/sitectl/examples/tenant-tree.yaml")
    assert installed.run("dpkg", "--verify", "sitectl").stdout == ""


def test_a_configuration_is_never_touched(installed: Tree) -> None:
    installed.configure()
    installed.file("/etc/sitectl/site.yaml.sample").write_text("mine\n")
    installed.install(built())
    assert installed.file("/etc/sitectl/site.yaml").read_text() == SITE % 8887
    assert installed.file("/etc/sitectl/site.yaml.sample").read_text() == "mine\n"


def test_an_upgrade_brings_the_ledger_forward_and_keeps_a_copy(installed: Tree, tmp_path: Path) -> None:
    installed.configure()
    served(installed)
    before = schema(installed)
    installed.install(variant(built(), tmp_path, "9.0", MIGRATION))
    served(installed)
    assert schema(installed) == before + 1
    copy = sqlite3.connect(installed.file(f"{LEDGER}.schema-{before}"))
    assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    copy.close()


def test_a_downgrade_is_refused_and_the_way_back_that_it_names_works(installed: Tree, tmp_path: Path) -> None:
    old = built()
    installed.configure()
    served(installed)
    before = schema(installed)
    installed.install(variant(old, tmp_path, "9.0", MIGRATION))
    served(installed)
    refused = installed.install(old, check=False)
    assert refused.returncode != 0
    assert version(installed) == "9.0 installed"
    assert schema(installed) == before + 1
    served(installed)
    (way_back,) = [line.strip() for line in refused.stderr.splitlines() if line.startswith("    mv ")]
    installed.run("sh", "-c", way_back)
    installed.install(old)
    assert version(installed) == f"{field(old, 'Version')} installed"
    served(installed)
    assert schema(installed) == before


def test_a_downgrade_without_a_migration_between_is_let_pass(installed: Tree, tmp_path: Path) -> None:
    installed.configure()
    served(installed)
    installed.install(variant(built(), tmp_path, "9.0"))
    installed.install(built())
    served(installed)


def test_a_daemon_put_under_an_older_ledger_by_force_says_the_same(installed: Tree, tmp_path: Path) -> None:
    installed.configure()
    served(installed)
    ledger = sqlite3.connect(installed.file(LEDGER))
    ledger.execute("PRAGMA user_version = 999")
    ledger.commit()
    ledger.close()
    with installed.daemon() as running:
        assert running.wait() == 1
        assert "has schema 999" in running.log


def test_upgraded_twice_within_a_second(installed: Tree, tmp_path: Path) -> None:
    installed.configure()
    served(installed)
    more = "CREATE TABLE latest (x INTEGER);\n"
    first, second = variant(built(), tmp_path, "9.0", MIGRATION), variant(built(), tmp_path, "9.1", MIGRATION, more)
    at_once = f"dpkg -i {installed.take(first)} & sleep 0.2; dpkg -i {installed.take(second)}; wait"
    began = time.monotonic()
    both = installed.run("sh", "-c", at_once, check=False)
    assert time.monotonic() - began < 120
    assert "lock" in both.stderr or version(installed) == "9.1 installed"
    installed.install(second)  # whoever was told of the lock tries again
    assert version(installed) == "9.1 installed"
    assert installed.run("dpkg", "--audit").stdout == ""
    before = schema(installed)
    served(installed)
    assert schema(installed) == before + 2


def test_an_upgrade_that_breaks_in_the_middle_is_mended_by_the_next(installed: Tree, tmp_path: Path) -> None:
    installed.configure()
    served(installed)
    broken = variant(built(), tmp_path, "9.0", postinst="\nexit 1\n")
    assert installed.install(broken, check=False).returncode != 0
    assert version(installed) == "9.0 half-configured"
    installed.install(variant(built(), tmp_path, "9.1"))
    assert version(installed) == "9.1 installed"
    served(installed)


def test_a_full_disk_during_an_upgrade_loses_nothing(installed: Tree, tmp_path: Path) -> None:
    """The ledger lies on a disk that has no room for the copy; with room the same start goes through."""
    installed.configure()
    served(installed)
    before = schema(installed)
    ledger = sqlite3.connect(installed.file(LEDGER))
    ledger.execute("CREATE TABLE filler (x)")
    ledger.execute("INSERT INTO filler VALUES (zeroblob(12000000))")  # more than the reserve that is kept back
    ledger.commit()
    ledger.close()
    installed.install(variant(built(), tmp_path, "9.0", MIGRATION))
    full = """set -e
        data=/var/lib/sitectl; kept=/srv/kept
        mv $data $kept; mkdir $data
        size=$(du -sk $kept | cut -f 1)
        mount -t tmpfs -o mode=0700,uid=sitectl,gid=sitectl,size=$((size + 200))k none $data
        cp -a $kept/. $data
        dd if=/dev/zero of=$data/full bs=1k count=100000 2>/dev/null || true
        as_user='setpriv --reuid=sitectl --regid=sitectl --init-groups'
        timeout 120 $as_user sitectl run && exit 9 || echo "status $?"
        rm $data/full
        mount -o remount,size=100m $data
        $as_user sitectl run & daemon=$!
        for second in $(seq 120); do [ ! -S /run/sitectl/sitectl.sock ] || break; sleep 1; done
        kill -TERM $daemon; wait $daemon
        cp -a $data/. /srv/after"""
    installed.run("mkdir", "/srv/after")
    said = installed.run("sh", "-c", full)
    assert said.stdout.splitlines()[0] == "status 1", said
    assert "the disk is full: a copy of the ledger is made before this version changes it" in said.stderr
    assert "sitectl ready" in said.stderr
    for name, expected in (("ledger.db", before + 1), (f"ledger.db.schema-{before}", before)):
        ledger = sqlite3.connect(installed.file(f"/srv/after/{name}"))
        assert ledger.execute("PRAGMA user_version").fetchone() == (expected,)
        assert ledger.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ledger.close()


def test_a_full_disk_while_unpacking_leaves_the_version_before(installed: Tree, tmp_path: Path) -> None:
    installed.configure()
    package = installed.take(variant(built(), tmp_path, "9.0"))
    full = f"""set -e
        home=/usr/lib/sitectl
        mkdir /srv/kept && cp -a $home/. /srv/kept
        mount -t tmpfs -o size=$(($(du -sk --apparent-size $home | cut -f 1) * 5 / 4))k none $home
        cp -a /srv/kept/. $home
        dd if=/dev/zero of=$home/full bs=64k count=100000 2>/dev/null || true
        dpkg --force-unsafe-io -i {package} && exit 9
        rm $home/full
        dpkg --audit
        sitectl version
        rm -rf /srv/kept/* && cp -a $home/. /srv/kept
        umount $home && rm -rf $home/* && cp -a /srv/kept/. $home"""
    said = installed.run("sh", "-c", full)
    assert "No space left on device" in said.stderr
    assert said.stdout.splitlines()[-1] == f"sitectl {field(built(), 'Version')}"
    assert version(installed) == f"{field(built(), 'Version')} installed"
    served(installed)


def test_removal_keeps_what_was_written_and_a_purge_too_unless_told(installed: Tree) -> None:
    installed.configure()
    served(installed)
    installed.run("dpkg", "--remove", "sitectl")
    assert installed.file(LEDGER).exists()
    assert installed.file("/etc/sitectl/site.yaml").exists()
    assert not installed.file("/usr/lib/sitectl").exists()
    said = installed.run("dpkg", "--purge", "sitectl")
    assert "stay, in /var/lib/sitectl and /etc/sitectl" in said.stderr
    assert installed.file(LEDGER).exists()
    installed.install(built())
    served(installed)


def test_a_purge_that_is_told_so_deletes_everything(installed: Tree) -> None:
    installed.configure()
    served(installed)
    answer = "echo sitectl sitectl/purge_data boolean true | debconf-set-selections && dpkg --purge sitectl"
    installed.run("sh", "-c", answer)
    for place in ("/var/lib/sitectl", "/etc/sitectl", "/usr/lib/sitectl", "/usr/share/sitectl"):
        assert not installed.file(place).exists(), place
