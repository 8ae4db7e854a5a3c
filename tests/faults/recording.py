"""What a daemon did to its files and said on its wires, read from a recording of its system calls.

A write counts from its entry on, a sync from its return on and for what was written before: so nothing is taken for
durable that need not be. What was sent counts from its entry on. Sockets are told apart by who speaks HTTP first, and
their frames are taken apart by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

# --- what is recorded ------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Create:
    """A file or directory that may not have been there."""

    path: str
    directory: bool = False


@dataclass(frozen=True)
class Write:
    path: str
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    path: str
    size: int


@dataclass(frozen=True)
class Sync:
    path: str


@dataclass(frozen=True)
class Unlink:
    path: str


@dataclass(frozen=True)
class Rename:
    path: str
    to: str


@dataclass(frozen=True)
class Frame:
    """A frame of OCPP-J that the daemon has sent, or has read (`sent` False). `uplink`: to or from the central."""

    station: str
    uplink: bool
    sent: bool
    body: list[Any]
    text: str


@dataclass(frozen=True)
class Operation:
    """One thing that happened. `at`: wall clock, s since 1970."""

    at: float
    what: Create | Write | Truncate | Sync | Unlink | Rename | Frame


# --- lines of strace -------------------------------------------------------------------------------------------------

_LINE = re.compile(r"^(?P<pid>\d+) +(?P<at>\d+\.\d+) (?P<rest>.*)$", re.DOTALL)
_UNFINISHED = re.compile(r"^(?P<call>\w+)\((?P<args>.*) <unfinished \.\.\.>$", re.DOTALL)
_RESUMED = re.compile(r"^<\.\.\. (?P<call>\w+) resumed>(?P<args>.*)$", re.DOTALL)
_WHOLE = re.compile(r"^(?P<call>\w+)\((?P<args>.*)\) += (?P<result>-?\d+|\?)", re.DOTALL)
_FD = re.compile(r"^(?P<fd>-?\d+)(?:<(?P<name>[^>]*)>)?")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass
class _Call:
    """One system call; `result` None until it returns."""

    name: str
    args: str
    entered_at: float
    result: int | None = None


def _bytes(hexed: str) -> bytes:
    return bytes.fromhex(hexed.replace("\\x", ""))


def _texts(args: str) -> list[bytes]:
    return [_bytes(found) for found in _TEXT.findall(args)]


def _calls(lines: Iterator[str]) -> Iterator[tuple[str, _Call]]:
    """("enters" | "returns", call) in the order in which strace saw them; one seen whole enters and returns at once."""
    open_calls: dict[str, _Call] = {}
    for line in lines:
        found = _LINE.match(line.rstrip("\n"))
        if found is None:
            continue
        pid, at, rest = found["pid"], float(found["at"]), found["rest"]
        if (begun := _UNFINISHED.match(rest)) is not None:
            open_calls[pid] = call = _Call(begun["call"], begun["args"], at)
            yield "enters", call
        elif (ended := _RESUMED.match(rest)) is not None and pid in open_calls:
            call = open_calls.pop(pid)
            whole = _WHOLE.match(f"{call.name}({call.args}{ended['args']}")
            if whole is not None and whole["result"] != "?":
                call.args, call.result = whole["args"], int(whole["result"])
                yield "returns", call
        elif (whole := _WHOLE.match(rest)) is not None and whole["result"] != "?":
            call = _Call(whole["call"], whole["args"], at, int(whole["result"]))
            yield "enters", call
            yield "returns", call


# --- from calls to operations ----------------------------------------------------------------------------------------


def read(log: Path, folder: Path, *, also: str = "") -> list[Operation]:
    """All operations on files in `folder`, and all frames. Of what is deeper only in the folder of this name in it."""
    with log.open(encoding="ascii", errors="replace") as lines:
        reader = _Reader(str(folder), str(folder / also) if also else "")
        for edge, call in _calls(lines):
            reader.take(edge, call)
    return reader.operations


@dataclass
class _Reader:
    folder: str
    also: str = ""
    operations: list[Operation] = field(default_factory=list)
    sockets: dict[str, _Conversation] = field(default_factory=dict)
    offsets: dict[str, int] = field(default_factory=dict)
    """Where the next plain write goes, by descriptor."""

    def take(self, edge: str, call: _Call) -> None:
        """One edge of a call. What changes a file or leaves by a socket does so when it enters, at the earliest."""
        name = call.name
        if name in ("pwrite64", "write", "writev", "sendto", "sendmsg") and edge == "enters":
            self._written(call)
        elif edge == "returns" and (call.result or 0) >= 0:
            if name in ("fsync", "fdatasync"):
                self._on_file(call, Sync)
            elif name in ("read", "recvfrom", "recvmsg"):
                self._heard(call)
            elif name in ("openat", "mkdir", "unlink", "rename", "renameat2", "ftruncate"):
                self._names(call)

    def _add(self, call: _Call, what: Any) -> None:
        self.operations.append(Operation(call.entered_at, what))

    def _path(self, call: _Call) -> tuple[str, str]:
        """(file below the folder or "", any name) of the descriptor that a call is about."""
        found = _FD.match(call.args)
        name = _bytes(found["name"]).decode() if found is not None and found["name"] else ""
        return (name if self._ours(name) else ""), name

    def _ours(self, path: str) -> bool:
        """The folder, what is in it, and the one that it is in."""
        parent, own = PurePath(path).parent, PurePath(self.folder)
        deeper = bool(self.also) and PurePath(path).is_relative_to(self.also)
        return deeper or parent == own or path in (self.folder, str(own.parent))

    def _on_file(self, call: _Call, kind: type[Sync]) -> None:
        path, _ = self._path(call)
        if path:
            self._add(call, kind(path))

    def _written(self, call: _Call) -> None:
        path, name = self._path(call)
        data = b"".join(_texts(call.args))
        if path:
            assert call.result in (None, len(data)), f"a short write: {call}"
            self._add(call, Write(path, self._offset(call, len(data)), data))
        elif name.startswith("socket:"):
            self._spoken(call, name, data, sent=True)

    def _offset(self, call: _Call, length: int) -> int:
        if call.name == "pwrite64":
            return int(call.args.rsplit(",", 1)[1])
        assert call.name == "write", f"a way to write that is not understood: {call}"
        descriptor = call.args.split("<", 1)[0]
        offset = self.offsets.get(descriptor, 0)
        self.offsets[descriptor] = offset + length
        return offset

    def _heard(self, call: _Call) -> None:
        _, name = self._path(call)
        if name.startswith("socket:"):
            self._spoken(call, name, b"".join(_texts(call.args)), sent=False)

    def _spoken(self, call: _Call, name: str, data: bytes, *, sent: bool) -> None:
        for frame in self.sockets.setdefault(name, _Conversation()).feed(data, sent=sent):
            self._add(call, frame)

    def _names(self, call: _Call) -> None:
        texts = [text.decode() for text in _texts(call.args)]
        if call.name == "ftruncate":
            path, _ = self._path(call)
            if path:
                self._add(call, Truncate(path, int(call.args.rsplit(",", 1)[1])))
        elif texts and self._ours(texts[0]):
            if call.name == "openat":
                self._opened(call, texts[0])
            elif call.name == "mkdir":
                self._add(call, Create(texts[0], directory=True))
            elif call.name == "unlink":
                self._add(call, Unlink(texts[0]))
            else:
                self._add(call, Rename(texts[0], texts[1]))

    def _opened(self, call: _Call, path: str) -> None:
        assert "O_APPEND" not in call.args, f"a way to write that is not understood: {call}"
        self.offsets[str(call.result)] = 0
        if "O_CREAT" in call.args:
            self._add(call, Create(path))
        if "O_TRUNC" in call.args:
            self._add(call, Truncate(path, 0))


# --- from bytes to frames --------------------------------------------------------------------------------------------


class _Conversation:
    """One socket: an HTTP upgrade, then WebSocket frames either way; anything else is no business of ours."""

    def __init__(self) -> None:
        self._buffers = {True: b"", False: b""}
        self._upgraded = {True: False, False: False}
        self._station: str | None = None
        self._uplink = False

    def feed(self, data: bytes, *, sent: bool) -> Iterator[Frame]:
        """Bytes that were sent or read; the text frames that are whole by now."""
        self._buffers[sent] += data
        if not self._upgraded[sent]:
            head, end, rest = self._buffers[sent].partition(b"\r\n\r\n")
            if not end:
                return
            self._upgraded[sent], self._buffers[sent] = True, rest
            request = re.match(rb"GET (\S+) HTTP/1.1\r\n(?s:.*)(?i:upgrade: websocket)", head)
            if request is not None:
                self._station, self._uplink = request[1].decode().rsplit("/", 1)[1], sent
        while self._station is not None and (found := _unframed(self._buffers[sent])) is not None:
            opcode, body, self._buffers[sent] = found
            if opcode == 1:
                yield Frame(self._station, self._uplink, sent, json.loads(body), body.decode())


def _unframed(data: bytes) -> tuple[int, bytes, bytes] | None:
    """(opcode, payload, rest) of the first whole frame (RFC 6455, 5.2), or None."""
    if len(data) < 2:
        return None
    length, at = data[1] & 0x7F, 2
    if length >= 126:
        size = 2 if length == 126 else 8
        length, at = int.from_bytes(data[at : at + size], "big"), at + size
    key = data[at : at + 4] if data[1] & 0x80 else b""
    at += len(key)
    if len(data) < at + length:
        return None
    body = data[at : at + length]
    if key:
        body = bytes(byte ^ key[n % 4] for n, byte in enumerate(body))
    return data[0] & 0x0F, body, data[at + length :]
