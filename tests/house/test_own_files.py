"""The project speaks of itself alone: no path of a machine, no package host, no page that it does not hold."""

import re
from pathlib import Path

from tests.house.source import ROOT, own_files, place

MACHINE = re.compile(r"/(?:work|root|opt|mnt)/[a-z]|/home/[a-z]|/tmp/[a-z]|/Users/")
PACKAGE_HOST = re.compile(r"pypi\.org|pythonhosted\.org|files\.python|registry\.npmjs|devpi|artifactory", re.IGNORECASE)
LOCK_ADDRESS = re.compile(r"--(?:extra-)?index-url|--find-links|--trusted-host|\w://|\B@ |/simple")
PAGE = re.compile(r"[\w./-]+\.md\b")
UNFINISHED = re.compile(r"\b(?:TODO|FIXME|XXX|NotImplementedError)\b")


def lines(*suffixes: str) -> list[tuple[Path, int, str]]:
    """Every line of the project's text files but of this one, which spells out what it looks for."""
    return [
        (path, number, line)
        for path in own_files()
        if path != Path(__file__) and (not suffixes or path.suffix in suffixes)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
    ]


def test_no_path_of_a_machine_and_no_package_host() -> None:
    offenders = [
        place(path, number) for path, number, line in lines() if MACHINE.search(line) or PACKAGE_HOST.search(line)
    ]
    assert not offenders, offenders


def test_locks_carry_hashes_and_no_address() -> None:
    for lock in sorted((ROOT / "packaging").glob("requirements*.txt")):
        text = lock.read_text(encoding="utf-8")
        assert not LOCK_ADDRESS.search(text), lock.name
        requirements = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).strip())
        assert all("==" in line and "--hash=sha256:" in line for line in requirements), lock.name


def test_every_lock_pins_what_the_program_needs_and_alike() -> None:
    """A library that one lock lacks is missing where that lock is installed from."""
    pinned = {
        lock.name: set(re.findall(r"^([\w.-]+==[^ ;\\]+)", lock.read_text(encoding="utf-8"), flags=re.MULTILINE))
        for lock in (ROOT / "packaging").glob("requirements*.txt")
    }
    needed = pinned["requirements.txt"]
    assert len(needed) > 20
    assert {name: sorted(needed - pins) for name, pins in pinned.items() if needed - pins} == {}


def test_every_page_that_is_named_is_here() -> None:
    held = {path.name for path in own_files()}
    offenders = [
        f"{place(path, number)} {page}"
        for path, number, line in lines(".py", ".md", ".toml", ".yaml", ".sql")
        for page in PAGE.findall(line)
        if Path(page).name not in held and "://" not in line
    ]
    assert not offenders, offenders


def test_nothing_is_left_unfinished() -> None:
    offenders = [place(path, number) for path, number, line in lines(".py", ".sql", ".yaml") if UNFINISHED.search(line)]
    assert not offenders, offenders
