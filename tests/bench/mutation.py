"""Whether the tests would notice: `python -m tests.bench.mutation [--json] [--full]`; not among the benches run by
name.

Method: mutmut on a copy of the project, over everything that decides in `sitectl/allocator` and over the limit ledger
(`state/ledger.py`); `why.py` and `explain.py`, which only word what was decided, are left out. A seeded sample of 160
mutants, all with `--full`. Each is run against the unit tests of both rooms (the allocator's scenarios among them) and
the properties of the limit ledger that reach the function; the allocator's own properties are left out, because they
would take minutes for each mutant that survives. Killed means failed or timed out; those that no test reaches survive.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from random import Random

from tests.bench.figures import Figure, conclude, full

ROOT = Path(__file__).parents[2]
SAMPLE, PERCENT = 160, 85.0
WORDS = ("why", "explain")
TESTS = ("tests/unit/allocator", "tests/unit/state", "tests/properties/test_limit_ledger.py")
SKIPPED = shutil.ignore_patterns(
    ".git", ".venv", "*.egg-info", "__pycache__", ".*_cache", ".hypothesis", "bench-plots", "mutants"
)
SURVIVED, UNREACHED = 0, 33
"""What mutmut notes of a mutant under which the tests passed, and of one that no test reaches."""


def settings() -> str:
    """The section of mutmut in the copy's pyproject."""
    sources = [f"sitectl/allocator/{path.name}" for path in decisive()] + ["sitectl/state/ledger.py"]
    return f"""
[tool.mutmut]
source_paths = {json.dumps(sources)}
pytest_add_cli_args_test_selection = {json.dumps(TESTS)}
also_copy = ["tests", "sitectl", "config", "pyproject.toml"]
"""


def decisive() -> list[Path]:
    """The allocator's files that decide."""
    files = sorted((ROOT / "sitectl" / "allocator").glob("*.py"))
    return [path for path in files if path.stem not in ("__init__", *WORDS)]


def mutate(copy: Path, names: list[str]) -> None:
    """Run mutmut for these; it makes all mutants and learns which tests reach them first."""
    command = [sys.executable, "-m", "mutmut", "run", "--max-children", "2", *names]
    subprocess.run(command, cwd=copy, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def noted(copy: Path) -> dict[str, int | None]:
    """Every mutant with the exit code that was noted, None where it has not been run."""
    found: dict[str, int | None] = {}
    for meta in sorted((copy / "mutants").rglob("*.meta")):
        found |= json.loads(meta.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def main() -> int:
    """Print the table, or JSON."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=SKIPPED, symlinks=True)
        with (copy / "pyproject.toml").open("a", encoding="utf-8") as file:
            file.write(settings())
        mutate(copy, ["sitectl.state.ledger.x_begun__mutmut_1"])
        names = sorted(noted(copy))
        sample = names if full() else sorted(Random(1).sample(names, min(SAMPLE, len(names))))
        if sample:
            mutate(copy, sample)
        results = {name: code for name, code in noted(copy).items() if name in set(sample) and code is not None}
    survivors = sorted(name for name, code in results.items() if code in (SURVIVED, UNREACHED))
    killed = 100.0 * (len(results) - len(survivors)) / len(results) if results else 0.0
    figures = [Figure(f"mutants killed, {len(results)} of {len(names)} run", killed, "%", PERCENT, "at least")]
    by_file = Counter(name.rsplit(".", 1)[0].removeprefix("sitectl.") for name in survivors)
    for file, count in by_file.most_common():
        figures.append(Figure(f"survivors in {file}", count, ""))
    return conclude("mutation", __doc__, figures, survivors=survivors)


if __name__ == "__main__":
    sys.exit(main())
