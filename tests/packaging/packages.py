"""The package under test, built once for each state of the sources, and variants of it under other versions."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "build" / "packaging-tests"
SOURCES = ("sitectl", "packaging", "systemd", "config", "pyproject.toml")


def run(*command: object, check: bool = True, within_s: float = 600.0, **more: str) -> subprocess.CompletedProcess[str]:
    """Run to the end; what was printed goes into the failure."""
    ran = subprocess.run(
        [str(word) for word in command],
        check=False,
        capture_output=True,
        text=True,
        timeout=within_s,
        env={**os.environ, "LC_ALL": "C.UTF-8", **more},
        stdin=subprocess.DEVNULL,
    )
    assert not check or ran.returncode == 0, f"{command}: {ran.returncode}\n{ran.stdout[-4000:]}\n{ran.stderr[-4000:]}"
    return ran


def needs(*tools: str, root: bool = True) -> None:
    """Skip where this machine cannot do it."""
    if root and os.geteuid() != 0:
        pytest.skip("only root may do this")
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(missing)} (packaging/install-package-test-tools.sh)")


@contextmanager
def alone(name: str) -> Iterator[Path]:
    """The cache, for one process at a time."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield CACHE


@cache
def state_of_sources() -> str:
    """Changes with anything in the package that could work or not."""
    digest = hashlib.sha256()
    for source in SOURCES:
        place = ROOT / source
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def built() -> Path:
    """The package of these sources."""
    needs("dpkg-deb", "gcc", "dpkg-shlibdeps", "pkg-config", root=False)
    if not Path("/usr/include/systemd/sd-daemon.h").exists() or not Path("/usr/include/python3.11/Python.h").exists():
        pytest.skip("not installed: libsystemd-dev, python3-dev (packaging/install-deb-packages.sh)")
    with alone("build") as cache:
        folder = cache / state_of_sources()
        if not list(folder.glob("*.deb")):
            for old in [path for path in cache.iterdir() if (path / "built").exists()]:
                shutil.rmtree(old)
            run(ROOT / "packaging" / "build-deb.sh", folder, COMPRESSION="none")  # half of the time goes there
            (folder / "built").write_text("")
        (package,) = folder.glob("*.deb")
        return package


def field(package: Path, name: str) -> str:
    return run("dpkg-deb", "--field", package, name).stdout.strip()


def variant(package: Path, folder: Path, version: str, *migrations: str, postinst: str = "") -> Path:
    """The same under another version, with migrations of the ledger after those that it has, and a line more at the end
    of its configuration by dpkg."""
    tree = folder / f"variant-{version}"
    run("dpkg-deb", "--raw-extract", package, tree)
    shipped = next(tree.glob("usr/lib/sitectl/lib/python3.*/site-packages/sitectl/store/migrations"))
    known = schema = max(int(path.name[:4]) for path in shipped.glob("[0-9]*.sql"))
    for sql in migrations:
        schema += 1
        (shipped / f"{schema:04d}_later.sql").write_text(sql)
    (tree / "usr" / "share" / "sitectl" / "ledger-schema").write_text(f"{schema}\n")
    old = field(package, "Version")
    replace(tree / "DEBIAN" / "control", f"Version: {old}", f"Version: {version}")
    replace(tree / "DEBIAN" / "preinst", f"known={known}\n", f"known={schema}\n")
    replace(tree / "DEBIAN" / "preinst", f"sitectl {old} cannot", f"sitectl {version} cannot")
    with (tree / "DEBIAN" / "postinst").open("a") as script:
        script.write(postinst)
    made = folder / f"sitectl_{version}.deb"
    run("dpkg-deb", "--root-owner-group", "-Znone", "--build", tree, made)
    shutil.rmtree(tree)
    return made


def replace(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text, (path, before)
    path.write_text(text.replace(before, after))


def paths_in(package: Path) -> dict[str, str]:
    """Every path in it, with its mode as `ls` shows it."""
    listing = run("dpkg-deb", "--contents", package).stdout
    return {
        match[2]: match[1]
        for match in re.finditer(r"^(\S{10}) \S+ +\d+ \S+ \S+ \.(/\S*?)/?(?: ->.*)?$", listing, re.MULTILINE)
    }
