"""Where the daemon listens, read without the whole configuration: a command that takes one look shall not pay for it.

Understands what people write, a plain `api: {socket: NAME}` or the same in two lines; whatever else is left to the
reader that understands all of YAML.
"""

from __future__ import annotations

import re
from pathlib import Path

DEFAULT_SOCKET = "/run/sitectl/sitectl.sock"

_PLAIN = r"[A-Za-z0-9_./-]+"
_FLOW = re.compile(rf"\{{(?:[^{{}}'\"#&*!|>]*,)?\s*socket:\s+({_PLAIN})\s*(?:,[^'\"#&*!|>]*)?\}}\s*(?:\s#.*)?")
_BLOCK = re.compile(rf"\s+socket:\s+({_PLAIN})\s*(?:\s#.*)?")
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*:(?:\s|$)")
NOT_SAID = ""
KEPT_FROM = ".kept-from"
"""In a folder that holds a copy of a configuration: the directory that it is a copy of."""


def socket_name(path: Path) -> str | None:
    """`api.socket` as it is written, `NOT_SAID` where nothing is said, None where only a real reader can tell."""
    try:
        if (path.parent / KEPT_FROM).exists():
            return None
        files = [path, *sorted((path.parent / "conf.d").glob("[!.]*.yaml"))]
        texts = [file.read_text("utf-8") for file in files if file.exists()]
    except (OSError, ValueError):
        return None
    found = [_in(text) for text in texts]
    if None in found or len(names := [name for name in found if name]) > 1:
        return None
    return names[0] if names else NOT_SAID


def _in(text: str) -> str | None:
    """The same of one file."""
    name, inside = NOT_SAID, False
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if "\t" in line:
            return None
        if line[0] != " ":
            inside = line.startswith("api:")
            if not _KEY.match(line) or (inside and name):
                return None
            rest = line[4:].strip() if inside else ""
            if rest and not rest.startswith("#"):
                if "socket" not in rest and rest.endswith("}") and "{" not in rest[1:]:
                    continue
                matched = _FLOW.fullmatch(rest)
                if matched is None:
                    return None
                name = matched[1]
        elif inside and "socket" in line:
            matched = _BLOCK.fullmatch(line)
            if matched is None or name:
                return None
            name = matched[1]
    return name
