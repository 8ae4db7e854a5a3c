"""Where the `sitectl` command begins."""

from __future__ import annotations

import sys


def main() -> None:
    """The daemon alone, or all commands: see `run` for why that matters."""
    if sys.argv[1:2] == ["run"]:
        from sitectl.cli.run import app

        app(sys.argv[2:], prog_name="sitectl run")
    from sitectl.cli import main as all_commands

    all_commands.main()
