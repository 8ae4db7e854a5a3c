"""What is shipped of the command line beside itself: a man page and completions for shells, made from its commands.

usage: manual.py man VERSION SECONDS | completion SHELL
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import typer
from typer.completion import get_completion_script

from sitectl.cli.launch import COMPLETION
from sitectl.cli.main import app

STATUSES = (
    ("0", "well"),
    ("1", "failed"),
    ("2", "wrong usage, or the configuration is refused"),
    ("3", "the daemon cannot be reached"),
    ("4", "not allowed"),
    ("5", "the site runs degraded"),
)
FILES = (
    ("/etc/sitectl/site.yaml", "the site's configuration, with conf.d/*.yaml beside it"),
    ("/usr/share/sitectl/site.yaml", "the sample, with every key explained; whole sites in examples beside it"),
    ("/var/lib/sitectl", "the ledger and all else that the daemon writes"),
    ("/run/sitectl/sitectl.sock", "where the daemon answers"),
)


def escaped(text: str) -> str:
    """Plain text as roff takes it."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Every command that does something, by its whole name, in the order of the help."""
    below = getattr(command, "commands", None)
    if not below:
        yield name, command
        return
    for word, inner in below.items():
        yield from commands(inner, f"{name} {word}")


def options(command: Any) -> Iterator[str]:
    """Arguments first, then options, each with its help."""
    for parameter in sorted(command.params, key=lambda one: one.param_type_name != "argument"):
        if getattr(parameter, "hidden", False) or parameter.name == "help":
            continue
        if parameter.param_type_name == "argument":
            named = (parameter.metavar or parameter.name or "").upper()
        else:
            named = ", ".join((*parameter.opts, *parameter.secondary_opts))
            if not parameter.is_flag:
                named += f" {(parameter.metavar or parameter.name).upper()}"
        yield f".TP\n.B {escaped(named)}\n{escaped(' '.join((getattr(parameter, 'help', None) or '').split()))}"


def page(version: str, seconds: int) -> Iterator[str]:
    """The man page, in pieces."""
    day = datetime.fromtimestamp(seconds, UTC).date().isoformat()
    root = typer.main.get_command(app)
    yield f'.TH SITECTL 1 "{day}" "sitectl {escaped(version)}" "User Commands"'
    yield ".SH NAME\nsitectl \\- local controller for EV charging sites"
    yield ".SH SYNOPSIS\n.B sitectl\n.I COMMAND\n.RI [ options ]"
    yield f".SH DESCRIPTION\n{escaped(inspect.cleandoc(root.help or ''))}"
    yield "The daemon is\n.B sitectl run\nand runs as the service sitectl; every other command asks it."
    yield ".SH COMMANDS"
    for name, command in commands(root, "sitectl"):
        if command.hidden:
            continue
        yield f".SS {escaped(name)}\n{escaped(inspect.cleandoc(command.help or '').replace(chr(8), ''))}"
        yield from options(command)
        if command.epilog:
            yield f".PP\n.nf\n{escaped(command.epilog.replace(chr(8), '').strip(chr(10)))}\n.fi"
    for title, lines in (("EXIT STATUS", STATUSES), ("FILES", FILES)):
        yield f".SH {title}"
        for name, text in lines:
            yield f".TP\n.B {escaped(name)}\n{escaped(text)}"
    yield ".SH SEE ALSO\n.BR systemctl (1),\n.BR journalctl (1)"


def main(what: str, *arguments: str) -> None:
    """Print one of them."""
    if what == "man":
        version, seconds = arguments
        print("\n".join(page(version, int(seconds))))
    else:
        (shell,) = arguments
        print(get_completion_script(prog_name="sitectl", complete_var=COMPLETION, shell=shell))


main(*sys.argv[1:])
