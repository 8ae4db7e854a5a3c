"""What is wrong in the files, where, and the cure; and the paths and marks by which a place is found again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

Path = tuple[str | int, ...]
"""From the root of the configuration to one value: keys as text, positions in lists as numbers."""

Position = tuple[int, int]
"""Line and column, both counted from 1."""

_LONGEST_WORD = 64
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault or warning. `line` and `column` count from 1; None where the fault is the file as a whole."""

    file: str
    line: int | None
    column: int | None
    path: str
    message: str
    cure: str = ""

    @property
    def place(self) -> str:
        """`site.yaml:17:5`, or only the file."""
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)

    def __str__(self) -> str:
        text = ": ".join(part for part in (self.place, self.path, self.message) if part)
        return f"{text}; {self.cure}" if self.cure else text


@dataclass(frozen=True, slots=True)
class Mark:
    """Where one value stands: its key (None in a list) and itself.

    `value` of a block mapping or list below a key is that key: its first child's line is nobody's idea of its place.
    """

    file: str
    key: Position | None
    value: Position

    @property
    def origin(self) -> str:
        """`site.yaml:17`."""
        return f"{self.file}:{self.value[0]}"


Marks = Mapping[Path, Mark]


@dataclass(slots=True)
class Findings:
    """Collects errors and warnings, finding the place of each by its path."""

    marks: Marks
    file: str
    errors: list[Issue] = field(default_factory=list)
    warnings: list[Issue] = field(default_factory=list)
    lost: Collection[Path] = ()
    """Paths that have their error already: nothing more is said of them."""
    _faulty: set[Path] = field(default_factory=set)

    def error(self, path: Path, message: str, cure: str = "", *, at_key: bool = False) -> None:
        """The configuration cannot be used. The place is the value at `path`, or with `at_key` the key before it."""
        if path not in self.lost:
            self.errors.append(self._issue(path, message, cure, at_key))
        self._faulty.update(path[:length] for length in range(len(path) + 1))

    def warn(self, path: Path, message: str, cure: str = "", *, at_key: bool = False) -> None:
        """Usable, but probably not what was meant."""
        self.warnings.append(self._issue(path, message, cure, at_key))

    def has_errors_in(self, *path: str | int) -> bool:
        """Whether an error was reported at `path` or below."""
        return path in self._faulty

    def _issue(self, path: Path, message: str, cure: str, at_key: bool) -> Issue:
        file, (line, column) = self._place(path, at_key)
        return Issue(file, line, column, dotted(path), message, cure)

    def _place(self, path: Path, at_key: bool) -> tuple[str, Position]:
        """What is absent has the place of the key above it."""
        for length in range(len(path), 0, -1):
            mark = self.marks.get(path[:length])
            if mark is not None:
                return mark.file, mark.key if mark.key and (at_key or length < len(path)) else mark.value
        return self.file, (1, 1)


def dotted(path: Path) -> str:
    """`stations.CP03.circuit`, `ocpp.versions[0]`: a path as people read it, on one line whatever the keys hold."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if part.isprintable() else ascii(part)[1:-1])
    return text


def shown(value: object) -> str:
    """A value in a message: text in double quotes, numbers bare, cut to a readable length, always on one line."""
    match value:
        case str():
            text = value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "…"
            return f'"{text if text.isprintable() else ascii(text)[1:-1]}"'
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"{value:.15g}"
        case Mapping():
            return "a mapping"
        case list() | tuple():
            return "a list"
    return "nothing"


def nearest(word: object, names: Iterable[str]) -> str | None:
    """The name that was probably meant, None when none is near. Case is ignored."""
    if not isinstance(word, str) or not 0 < len(word) <= _LONGEST_WORD:
        return None
    by_lower = {name.lower(): name for name in reversed(list(names))}
    found = get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def did_you_mean(word: object, names: Iterable[str]) -> str:
    """The cure for a name that is none: the nearest one, or the choice when it is small."""
    choice = list(names)
    near = nearest(word, choice)
    if near is not None:
        return f"did you mean {shown(near)}?"
    if not choice:
        return "none is configured"
    if len(choice) > 12:
        return f"there are {len(choice)} to choose from, none like it"
    return f"choose one of {', '.join(choice)}"
