"""Changes one value of a configuration where it stands, with every comment kept, and only to what can be used.

The new text is checked as the daemon would before anything is written: what makes the configuration worse is refused,
with place and cure, and the file stays as it was. A configuration that was broken before may be mended step by step.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path as FilePath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from sitectl.config import document, files, merge, written
from sitectl.config.issues import Issue, Path, dotted
from sitectl.config.load import Broken, Loaded, load

_WIDE = 4096
_INDEX = re.compile(r"\[([0-9]{1,6})\]")
_GIVEN = "VALUE"


@dataclass(frozen=True, slots=True)
class Edited:
    """It is written. `remaining`: the faults that the configuration has all the same; `file`: which was changed."""

    file: FilePath
    before: object
    after: object
    remaining: tuple[Issue, ...]
    warnings: tuple[Issue, ...]


@dataclass(frozen=True, slots=True)
class NotEdited:
    """Nothing is written, and why: in words, or by the faults that it would have brought."""

    why: str
    faults: tuple[Issue, ...] = ()


def set_value(main: FilePath, path_text: str, value_text: str | None) -> Edited | NotEdited:
    """Set the value at a dotted path (`stations.CP01.max_a`) to what a YAML text says; None takes the key out.

    Where a file in conf.d holds the value, that file is changed, else the main one. Never raises for what a file holds.
    """
    with written.alone(main.parent):
        return _set(main, path_text, value_text)


def _set(main: FilePath, path_text: str, value_text: str | None) -> Edited | NotEdited:
    whole = merge.read_all(main)
    path = _path(path_text, whole.data)
    if not all(path):
        return NotEdited(f"{path_text!r} is no path; write SECTION.KEY, such as stations.CP01.max_a")
    value = _parsed(value_text)
    if isinstance(value, NotEdited):
        return value
    mark = whole.marks.get(path)
    file = main if mark is None else FilePath(mark.file)
    content = files.read(file, document.LIMIT_BYTES)
    if isinstance(content, files.Unreadable):
        return NotEdited(f"{file}: {content.reason}; {content.cure}")
    changed = _changed(content.data, path, value, remove=value_text is None)
    if isinstance(changed, NotEdited):
        return NotEdited(f"{file}: {changed.why}")
    text, before = changed
    after = load(main, {file: text})
    new = _new_faults(load(main), after)
    if new:
        return NotEdited(f"{path_text} is left as it was: the configuration could not be used", new)
    if files.read(file, document.LIMIT_BYTES) != content:  # by an editor, which asks nobody
        return NotEdited(f"{file}: somebody else has changed it meanwhile; look at it, then say it again")
    try:
        written.replace(file, text)
    except OSError as error:
        return NotEdited(f"{file}: cannot be written ({error.strerror}); {written.cure(error)}")
    remaining = after.errors if isinstance(after, Broken) else ()
    return Edited(file, before, value, remaining, after.warnings)


def _path(text: str, data: object) -> Path:
    """Cut at dots. A key that holds dots itself (a station's identity may) is found where the data has it."""
    parts: list[str | int] = []
    words, here = _INDEX.sub(r".\1", text).split("."), data
    while words:
        fits = [n for n in range(len(words), 0, -1) if isinstance(here, Mapping) and ".".join(words[:n]) in here]
        taken = fits[0] if fits else 1
        key = ".".join(words[:taken])
        words = words[taken:]
        if isinstance(here, list) and key.isdigit() and int(key) < len(here):
            parts.append(int(key))
            here = here[int(key)]
        else:
            parts.append(key)
            here = here.get(key) if isinstance(here, Mapping) else None
    return tuple(parts) if all(part != "" for part in parts) else ("",)


def _parsed(text: str | None) -> object | NotEdited:
    """A value as YAML 1.2 reads it, with its own faults."""
    if text is None:
        return None
    read = document.parse(f"{_GIVEN}: {text}".encode(), "value")
    if read.errors or not isinstance(read.data, dict):
        what = read.errors[0].message if read.errors else "not a value"
        return NotEdited(f"the value {text!r}: {what}; put it in quotes if it is meant as text")
    try:
        value: object = _yaml().load(f"{_GIVEN}: {text}")[_GIVEN]
        return value
    except YAMLError:
        return NotEdited(f"the value {text!r} is not YAML; put it in quotes if it is meant as text")


def _changed(raw: bytes, path: Path, value: object, *, remove: bool) -> tuple[bytes, object] | NotEdited:
    """The text of a file with another value at `path`, and the value that it had."""
    yaml = _yaml()
    try:
        data: Any = yaml.load(raw.decode("utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        at = getattr(error, "problem_mark", None)
        return NotEdited(f"not YAML{f' at line {at.line + 1}' if at else ''}; mend it by hand (`sitectl check`)")
    if data is None:
        data = yaml.load("{}")
        data.fa.set_block_style()
    holder = _holder(data, path, make=not remove)
    if holder is None:
        return NotEdited(f"nothing can stand at {dotted(path)}; `sitectl config schema` lists what there is")
    key = _key(holder, path[-1])
    present = isinstance(holder, list) or key in holder
    if remove and not present:
        return NotEdited(f"{dotted(path)} is not there; `sitectl config show` lists what is")
    before = holder[key] if present else None
    if remove:
        del holder[key]
    else:
        holder[key] = value
    out = StringIO()
    yaml.dump(data, out)
    return out.getvalue().encode(), before


def _holder(data: Any, path: Path, *, make: bool) -> Any:
    """What holds the last key of `path`; sections on the way are made. None where something else is in the way."""
    here = data
    for part in path[:-1]:
        if isinstance(here, list) and isinstance(part, int) and part < len(here):
            here = here[part]
            continue
        if not isinstance(here, MutableMapping):
            return None
        key = _key(here, part)
        if here.get(key) is None:
            if not make:
                return {}
            here[key] = {}
        here = here[key]
    fits = isinstance(here, MutableMapping) or (isinstance(here, list) and isinstance(path[-1], int))
    return here if fits else None


def _key(holder: Any, part: str | int) -> Any:
    """The key as this mapping has it: 1 and true are text for us, and not for who keeps the comments."""
    if isinstance(holder, list) or part in holder:
        return part
    return next((key for key in holder if str(key) == str(part)), part)


def _new_faults(before: Loaded | Broken, after: Loaded | Broken) -> tuple[Issue, ...]:
    """What is wrong after the change and was not before; lines may have moved."""
    if not isinstance(after, Broken):
        return ()
    known = {(issue.path, issue.message) for issue in before.errors} if isinstance(before, Broken) else set()
    return tuple(issue for issue in after.errors if (issue.path, issue.message) not in known)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = _WIDE
    yaml.preserve_quotes = True
    return yaml
