"""The configuration file and `conf.d/*.yaml` beside it as one: mappings merge, and the same leaf twice is an error."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as FilePath

from sitectl.config import document, files
from sitectl.config.document import Document
from sitectl.config.issues import Issue, Mark, Path, dotted

DIRECTORY = "conf.d"
Drafts = Mapping[FilePath, bytes]
"""What files would hold, in the place of what they do; one that is not on disk comes last."""


def read_all(path: FilePath, drafts: Drafts | None = None) -> Document:
    """Read `path` and what is beside it. `data` of the result is a dict, None when some file could not be read."""
    whole = _read(path, drafts or {})
    beside = _parts(path, whole)
    more = [draft for draft in drafts or {} if draft != path and draft not in beside]
    for part_path in [*beside, *more]:
        part = _read(part_path, drafts or {})
        whole.errors += part.errors
        whole.lost |= part.lost
        if isinstance(whole.data, dict) and isinstance(part.data, dict):
            _merge(whole, whole.data, part.marks, part.data, ())
            whole.marks = {**part.marks, **whole.marks}
        else:
            whole.data = None
    return whole


def _parts(path: FilePath, whole: Document) -> list[FilePath]:
    directory = path.parent / DIRECTORY
    try:
        if not directory.is_dir():
            return []
        return sorted(part for part in directory.iterdir() if part.suffix == ".yaml" and not part.name.startswith("."))
    except (OSError, ValueError):
        reason = "may not be listed by this user"
        whole.errors.append(Issue(str(directory), None, None, "", reason, "give the right to read the directory"))
        return []


def _read(path: FilePath, drafts: Drafts) -> Document:
    name = str(path)
    content = files.Content(drafts[path], 0) if path in drafts else files.read(path, document.LIMIT_BYTES)
    if isinstance(content, files.Unreadable):
        return Document(name, errors=[Issue(name, None, None, "", content.reason, content.cure)])
    result = document.parse(content.data, name)
    if result.data is not None and not isinstance(result.data, dict):
        result.errors.append(
            Issue(name, 1, 1, "", "not a configuration", "begin with sections such as site: and ocpp:")
        )
        result.data = None
    elif result.data is None and not result.errors:
        result.data = {}
    return result


def _merge(
    whole: Document, into: dict[str, object], marks: dict[Path, Mark], data: dict[str, object], at: Path
) -> None:
    """Add `data` to `into`. An empty value (`stations:` with nothing below) gives way to whatever another file says."""
    for key, value in data.items():
        path = (*at, key)
        present = into.get(key)
        if present is None:
            into[key] = value
            if value is not None:
                whole.marks.pop(path, None)
        elif isinstance(present, dict) and isinstance(value, dict):
            _merge(whole, present, marks, value, path)
        elif value is not None:
            mark = marks[path]
            line, column = mark.key or mark.value
            message = f"already set at {whole.marks[path].origin}"
            whole.errors.append(Issue(mark.file, line, column, dotted(path), message, "remove one of them"))
