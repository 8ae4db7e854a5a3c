"""Small configurations to start from."""

from pathlib import Path
from textwrap import dedent

from sitectl.config.issues import Issue
from sitectl.config.load import Broken, Loaded, load

GRID = """
circuits:
  grid: {rated_a: 100, base_load_worst_a: 40}
"""


def write(directory: Path, text: str, name: str = "site.yaml") -> Path:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def loaded(directory: Path, text: str) -> Loaded:
    outcome = load(write(directory, text))
    assert isinstance(outcome, Loaded), [str(error) for error in outcome.errors]
    return outcome


def broken(directory: Path, text: str) -> list[str]:
    outcome = load(write(directory, text))
    assert isinstance(outcome, Broken)
    return without_directory(outcome.errors, directory)


def warnings(directory: Path, text: str) -> list[str]:
    return without_directory(load(write(directory, text)).warnings, directory)


def without_directory(issues: tuple[Issue, ...], directory: Path) -> list[str]:
    return [str(issue).replace(f"{directory}/", "") for issue in issues]
