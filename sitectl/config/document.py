"""One YAML file into plain data and the place of every value in it.

Composed by ruamel's pure parser to its node tree, not constructed: construction stops at the first duplicate key and
forgets places. The C parser is not an option (ruamel 0.19 installs without one); pure composing reads 25,000 lines a
second, and the leaner `safe` parser takes two thirds of the time of the round-trip one, which also keeps comments.

Keys are text as written (`1001:` is the station "1001"). Scalars follow YAML 1.2 core: `no`, `on` and `17:00` are text.
Merge keys (`<<`) are honoured. Nothing in a file raises, and what expands (aliases) is bounded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from io import StringIO

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from sitectl.config.issues import Issue, Mark, Path, Position, dotted, shown

LIMIT_BYTES = 4 * 1024 * 1024
_DEPTH = 24
_NODES = 250_000
_TAG = "tag:yaml.org,2002:"
_FORBIDDEN = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_NOT_1_2 = re.compile(r"^%YAML\s+(?!1\.2\b)", re.MULTILINE)
_INT = re.compile(r"[-+]?[0-9]{1,18}|0x[0-9a-fA-F]{1,15}|0o[0-7]{1,20}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


@dataclass(slots=True)
class Document:
    """What one file holds: plain data (None when it could not be read), a mark for every path, and its faults.

    `lost`: paths whose value could not be had, and stands as None in the data; each has its error.
    """

    file: str
    data: object = None
    marks: dict[Path, Mark] = field(default_factory=dict)
    errors: list[Issue] = field(default_factory=list)
    lost: set[Path] = field(default_factory=set)


def parse(raw: bytes, file: str) -> Document:
    """Parse the bytes of a YAML file; `file` is its name in messages. An empty file is an empty mapping."""
    text = _decoded(raw, file)
    if isinstance(text, Issue):
        return Document(file, errors=[text])
    node = _composed(text, file)
    if isinstance(node, Issue):
        return Document(file, errors=[node])
    reader = _Reader(Document(file))
    reader.document.data = {} if node is None else reader.value(node, ())
    return reader.document


def _decoded(raw: bytes, file: str) -> str | Issue:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        return Issue(file, line, column, "", "not UTF-8 text", "save the file as UTF-8")
    found = _FORBIDDEN.search(text)
    if found:
        line, column = _position(text, found.start())
        return Issue(file, line, column, "", f"control character U+{ord(found[0]):04X}", "remove it")
    found = _NOT_1_2.search(text)
    if found:
        line, column = _position(text, found.start())
        return Issue(file, line, column, "", "this file is read as YAML 1.2", "remove the %YAML line")
    return text


def _position(text: str, index: int) -> Position:
    return text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)


def _composed(text: str, file: str) -> Node | Issue | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth = _DEPTH
    yaml.composer.warn_double_anchors = False
    try:
        node: Node | None = yaml.compose(StringIO(text))
        return node
    except MarkedYAMLError as error:
        return _syntax_issue(error, file)
    except Exception as error:  # the parser's own bugs on hostile text: its place is lost, the daemon's start is not
        return Issue(file, 1, 1, "", f"not YAML ({error.__class__.__name__})", "check the punctuation")


def _syntax_issue(error: MarkedYAMLError, file: str) -> Issue:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    problem = " ".join(str(error.problem or error.context or "not YAML").split())
    if "\\t" in problem:
        cure = "indent with blanks, not with tabs"
    elif "another document" in problem:
        cure = "one file holds one document: remove the line ---"
    elif "maximum depth" in problem:
        problem, cure = f"nested deeper than {_DEPTH} levels", "no part of a configuration is that deep"
    elif "undefined alias" in problem:
        cure = "define the anchor before its use, or put the text in quotes"
    elif "mapping values are not allowed" in problem:
        cure = "check the indentation, and put text that holds a colon in quotes"
    else:
        cure = "check the indentation, quotes and brackets here and on the line above"
    return Issue(file, line, column, "", f"broken YAML: {problem}", cure)


class _Reader:
    """Walks the nodes of one document. Aliases are followed, so a node may be met under several paths."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._nodes = 0
        self._open: set[int] = set()

    def _affordable(self, nodes: int, node: Node, path: Path) -> bool:
        """Whether the document may still grow; said once when it may not."""
        was_affordable = self._nodes <= _NODES
        self._nodes += nodes
        if was_affordable and self._nodes > _NODES:
            self._error(node, path, f"more than {_NODES} values", "use fewer aliases")
        return self._nodes <= _NODES

    def value(self, node: Node, path: Path, key: Node | None = None) -> object:
        """The plain data of `node`; marks and faults go to the document."""
        own = _start(key) if key is not None else None
        block = isinstance(node, MappingNode | SequenceNode) and not node.flow_style
        self.document.marks[path] = Mark(self.document.file, own, own if block and own else _start(node))
        if not self._affordable(1, node, path):
            return None
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open:
            return self._lose(node, path, "an alias that holds itself", "remove it")
        self._open.add(id(node))
        try:
            return self._collection(node, path)
        finally:
            self._open.discard(id(node))

    def _collection(self, node: Node, path: Path) -> object:
        if isinstance(node, MappingNode) and node.tag == _TAG + "map":
            return {name: self.value(child, (*path, name), key) for name, key, child in self._entries(node, path)}
        if isinstance(node, SequenceNode) and node.tag == _TAG + "seq":
            return [self.value(child, (*path, index)) for index, child in enumerate(node.value)]
        return self._lose(node, path, f"the tag {shown(str(node.tag))}", "remove it: tags have no meaning here")

    def _entries(self, node: MappingNode, path: Path, depth: int = 0) -> list[tuple[str, Node, Node]]:
        """Own entries first, then what merge keys add; the first of equal keys counts, the others are faults."""
        found: dict[str, tuple[str, Node, Node]] = {}
        merged: list[tuple[str, Node, Node]] = []
        for key, child in node.value:
            if not isinstance(key, ScalarNode):
                self._error(key, path, "a key that is not a plain word", "check the punctuation")
            elif key.tag == _TAG + "merge":
                merged += self._merged(child, path, depth)
            elif _CONTROL.search(key.value):
                self._error(key, path, "control character in a key", "remove it")
            elif key.value in found:
                line, _ = _start(found[key.value][1])
                first = f"the same key stands at {self.document.file}:{line}"
                self._error(key, (*path, key.value), first, "remove one of them")
            else:
                found[key.value] = (key.value, key, child)
        for entry in merged:
            found.setdefault(entry[0], entry)
        return list(found.values())

    def _merged(self, node: Node, path: Path, depth: int) -> list[tuple[str, Node, Node]]:
        sources = node.value if isinstance(node, SequenceNode) else [node]
        entries: list[tuple[str, Node, Node]] = []
        for source in sources:
            if not isinstance(source, MappingNode) or depth > _DEPTH or id(source) in self._open:
                self._error(source, path, "<< takes a mapping", "write << : *name of an anchored mapping")
                continue
            if self._affordable(len(source.value), source, path):
                entries += self._entries(source, path, depth + 1)
        return entries

    def _scalar(self, node: ScalarNode, path: Path) -> object:
        tag = str(node.tag).removeprefix(_TAG)
        text: str = node.value
        if tag == "null":
            return None
        if tag == "bool":
            return text.lower() == "true"
        if tag in ("int", "float"):
            return self._number(node, text, path)
        if tag not in ("str", "timestamp", "value", "merge"):
            return self._lose(node, path, f"the tag {shown(str(node.tag))}", "remove it: tags have no meaning here")
        if _CONTROL.search(text):
            return self._lose(node, path, "control character in a text", "remove it")
        return text

    def _number(self, node: ScalarNode, text: str, path: Path) -> object:
        if _INT.fullmatch(text):
            return int(text, {"0x": 16, "0o": 8}.get(text[:2], 10))
        if len(text) <= 40 and _FLOAT.fullmatch(text):
            return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
        cure = "put it in quotes if it is meant as text"
        return self._lose(node, path, f"{shown(text)} is not a number of YAML 1.2", cure)

    def _lose(self, node: Node, path: Path, message: str, cure: str) -> object:
        self._error(node, path, message, cure)
        self.document.lost.add(path)
        return None

    def _error(self, node: Node, path: Path, message: str, cure: str) -> None:
        line, column = _start(node)
        self.document.errors.append(Issue(self.document.file, line, column, dotted(path), message, cure))


def _start(node: Node) -> Position:
    return node.start_mark.line + 1, node.start_mark.column + 1
