"""Run commands to their end: completion for shells, colour or none, and readers that go away."""

from __future__ import annotations

import codecs
import io
import os
import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import typer

COMPLETION = "_SITECTL_COMPLETE"
"""Set by the shell when it asks how a line may go on."""

WIDE = 200
"""Where no terminal is."""

_IN_ASCII = str.maketrans("→←…×–—·│┃─█▒", "><~x--.||-#=")
"""What tables and bars are drawn with, for a terminal that has no such letters: one for one, so that columns stand."""


def begin(app: typer.Typer) -> None:
    """Run it to its end."""
    if COMPLETION in os.environ:
        from typer._completion_classes import completion_init

        completion_init()
    _spell_what_the_terminal_cannot()
    if os.environ.get("NO_COLOR"):
        os.environ["_TYPER_FORCE_DISABLE_TERMINAL"] = "1"  # help and usage errors: no colour, and nothing bold
    if "--help" in sys.argv:
        from sitectl.cli.examples import fit_examples

        fit_examples(app, shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDE)
    try:
        app()
    except BrokenPipeError:
        _forget_output()
        raise SystemExit(1) from None


def _spell_what_the_terminal_cannot() -> None:
    """A terminal of ASCII or Latin-1 gets other letters instead of a traceback."""

    def spelled(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeEncodeError):
            raise error
        letters = error.object[error.start : error.end].translate(_IN_ASCII)
        return "".join(letter if letter.isascii() else "?" for letter in letters), error.end

    codecs.register_error("spelled", spelled)
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="spelled")


def _forget_output() -> None:
    """Whoever read us is gone: what is still buffered must not raise again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
