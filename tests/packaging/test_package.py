"""The package itself: what it holds, and what the distribution's own critic says of it."""

import re
from pathlib import Path

import pytest

from tests.packaging.packages import built, field, needs, paths_in, run

pytestmark = [pytest.mark.full, pytest.mark.timeout(900)]
MOST_KB = 100_000


@pytest.fixture(scope="module")
def package() -> Path:
    return built()


@pytest.fixture(scope="module")
def paths(package: Path) -> dict[str, str]:
    return paths_in(package)


def test_lintian_finds_no_error_and_no_warning(package: Path) -> None:
    needs("lintian", root=False)
    # They are built without compression for the tests alone.
    ours = "uses-no-compression-for-control-tarball,uses-no-compression-for-data-tarball"
    lintian = ("lintian", "--fail-on=error", "--allow-root", "--suppress-tags", ours)
    said = run(*lintian, package, check=False, within_s=600)
    assert said.returncode == 0, said.stdout
    assert not re.findall(r"^[EW]: .*$", said.stdout, re.MULTILINE)


def test_it_needs_no_compiler_and_one_minor_version_of_python(package: Path) -> None:
    depends = field(package, "Depends")
    assert re.search(r"python3 \(>= 3\.11\), python3 \(<< 3\.12\)", depends)
    assert {word.split()[0] for word in depends.split(", ")} >= {"libc6", "libsystemd0", "systemd", "tzdata"}
    assert not re.search(r"\bgcc|-dev\b|python3-venv|python3-pip", depends)


def test_it_is_small(package: Path) -> None:
    assert int(field(package, "Installed-Size")) <= MOST_KB


def test_nothing_is_in_it_that_nobody_runs(paths: dict[str, str]) -> None:
    odd = re.compile(r"\.pyc$|__pycache__|/pip/|/setuptools/|/activate|\.(?:c|h|pyx|pyi)$|direct_url|/tests?/")
    assert not [path for path in paths if odd.search(path)]


def test_everything_is_in_it(paths: dict[str, str]) -> None:
    expected = """/usr/bin/sitectl /lib/systemd/system/sitectl.service /lib/systemd/system/sitectl-ocpp.socket
        /usr/lib/sysusers.d/sitectl.conf /usr/lib/tmpfiles.d/sitectl.conf /usr/share/man/man1/sitectl.1.gz
        /usr/share/bash-completion/completions/sitectl /usr/share/sitectl/site.yaml /usr/share/sitectl/site.schema.json
        /usr/share/sitectl/examples/single-fuse.yaml /usr/share/doc/sitectl/copyright"""
    assert not set(expected.split()) - set(paths)
    for pattern in (r"/systemd/_journal.*\.so", r"/gpiod/", r"/sitectl/meters/sheets/.*\.yaml", r"/migrations/0001_.*"):
        assert any(re.search(pattern, path) for path in paths), pattern


def test_no_file_of_it_is_in_etc_so_that_no_upgrade_asks(paths: dict[str, str], package: Path) -> None:
    assert not [path for path in paths if path.startswith("/etc")]
    assert "conffiles" not in run("dpkg-deb", "--info", package).stdout


def test_everybody_may_read_and_nobody_else_write(paths: dict[str, str]) -> None:
    for path, mode in paths.items():
        assert mode[0] == "l" or (mode[7] == "r" and "w" not in mode[4:]), (path, mode)
    assert paths["/usr/bin/sitectl"] == "-rwxr-xr-x"


def test_it_says_nothing_of_where_it_was_built(package: Path, tmp_path: Path) -> None:
    run("dpkg-deb", "--raw-extract", package, tmp_path / "tree")
    place = str(package.parents[3])
    told = run("grep", "-rlF", place, tmp_path / "tree", check=False)
    assert told.stdout == ""
