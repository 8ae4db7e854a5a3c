"""Every broken configuration of the corpus: exactly the errors that its header names, at exactly their places."""

from io import StringIO
from pathlib import Path

import pytest

from sitectl.config.issues import Issue
from sitectl.config.load import Broken, load
from sitectl.config.report import check_command

CONFIGS = Path(__file__).parents[2] / "configs"
CORPUS = sorted(path.name for path in CONFIGS.glob("*.yaml"))
EXPECT = b"# expect "


def expected(name: str) -> list[str]:
    """`# expect LINE:COLUMN: path: message`; a fault in another file has that file's name before it."""
    lines = (CONFIGS / name).read_bytes().splitlines()
    return [line.removeprefix(EXPECT).decode() for line in lines if line.startswith(EXPECT)]


def told(issue: Issue, name: str) -> str:
    file = "" if issue.file == name else f"{issue.file}:"
    text = ": ".join(part for part in (f"{file}{issue.line}:{issue.column}", issue.path, issue.message) if part)
    return text.replace(f"{CONFIGS}/", "")


def test_the_corpus_is_large_and_every_file_in_it_names_its_faults() -> None:
    assert len(CORPUS) >= 40
    assert [name for name in CORPUS if not expected(name)] == []


@pytest.mark.parametrize("name", CORPUS)
def test_all_faults_are_told_at_their_places(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(CONFIGS)
    outcome = load(Path(name))
    assert isinstance(outcome, Broken)
    assert [told(error, name) for error in outcome.errors] == expected(name)
    assert all(error.cure for error in outcome.errors)


@pytest.mark.parametrize("name", CORPUS)
def test_check_refuses_it_on_standard_error(name: str) -> None:
    out, err = StringIO(), StringIO()
    assert check_command(CONFIGS / name, out, err) == 2
    assert out.getvalue() == ""
    assert len([line for line in err.getvalue().splitlines() if f"{name}:" in line or "/files/" in line]) >= len(
        expected(name)
    )
