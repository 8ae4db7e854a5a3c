"""`sitectl config set`: one value of the configuration, as the user who types it."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from sitectl.cli.asking import DEFAULT_CONFIG, FAILED, USAGE, AsJson, Config, fail

EXAMPLES = """\b
  sitectl config set stations.CP01.max_a 16                 change a value; comments stay
  sitectl config set stations.CP09 '{circuit: garage, max_a: 16, phases: L1L2L3}'
  sitectl config set circuits.grid.reserve_a --remove       back to the default
"""


def config_set(
    path: Annotated[str, typer.Argument(help="Which, such as stations.CP01.max_a.")],
    value: Annotated[str | None, typer.Argument(help="To what, as YAML: 16, true, [a, b], {circuit: grid}.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take it out of the file.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Change one value in the configuration file. What could not be used is refused, and the file stays as it was."""
    from sitectl.config.edit import NotEdited, set_value

    if (value is None) != remove:
        raise fail("write the value, or --remove", USAGE)
    outcome = set_value(config, path, value)
    if isinstance(outcome, NotEdited):
        for fault in outcome.faults:
            print(fault, file=sys.stderr)
        raise fail(outcome.why, USAGE if outcome.faults else FAILED)
    before, after = _plain(outcome.before), _plain(outcome.after)
    if as_json:
        print(json.dumps({"schema": 1, "file": str(outcome.file), "path": path, "before": before, "after": after}))
    else:
        print(f"{outcome.file}: {path}: {_shown(before)} -> {_shown(after)}")
        print("A running daemon takes it up with `systemctl reload sitectl` (or kill -HUP).")
    for issue in (*outcome.remaining, *outcome.warnings):
        print(f"{'' if issue in outcome.remaining else 'warning: '}{issue}", file=sys.stderr)
    if outcome.remaining:
        raise fail("written; the configuration cannot be used before the faults above are mended, too", USAGE)


def _plain(value: Any) -> Any:
    """Without what carries comments."""
    if isinstance(value, dict):
        return {str(key): _plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_plain(child) for child in value]
    return value.real if isinstance(value, int | float) and not isinstance(value, bool) else value


def _shown(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False, default=str)
