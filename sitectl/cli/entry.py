"""Where the `sitectl` command begins."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

LOOKS = frozenset({"status", "stations", "why", "meters", "uplinks", "signals", "version"})
"""The commands of `looks`: found without the others, they answer in half the time."""

COMPLETION = "_SITECTL_COMPLETE"
"""Set by the shell when it asks how a line may go on."""


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


def begin(app: typer.Typer) -> None:
    """Run it to its end."""
    if COMPLETION in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
    if os.environ.get("NO_COLOR"):
        os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"  # help and usage errors: no colour, and nothing bold
    try:
        app()
    except BrokenPipeError:
        _forget_output()
        raise SystemExit(1) from None


def _forget_output() -> None:
    """Whoever read us is gone: what is still buffered must not raise again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
