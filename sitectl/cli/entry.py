"""Where the `sitectl` command begins."""

from __future__ import annotations

import os
import sys

from sitectl.cli.launch import COMPLETION, begin

LOOKS = frozenset({"status", "stations", "why", "meters", "uplinks", "signals", "version"})
"""The commands of `looks`: found without the others, they answer in two thirds of the time."""


def main() -> None:
    """The daemon alone, one look alone, or all commands: see `run` and `looks` for why that matters."""
    words = sys.argv[1:2]
    if words == ["run"]:
        from sitectl.cli.run import app as run_alone

        run_alone(sys.argv[2:], prog_name="sitectl run")
    if words and words[0] in LOOKS and COMPLETION not in os.environ:
        from sitectl.cli.looks import app as looks_alone

        begin(looks_alone)
    from sitectl.cli import main as all_commands

    all_commands.main()
