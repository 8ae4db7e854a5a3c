"""Run commands to their end: completion for shells, colour or none, and readers that go away."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

COMPLETION = "_SITECTL_COMPLETE"
"""Set by the shell when it asks how a line may go on."""


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
