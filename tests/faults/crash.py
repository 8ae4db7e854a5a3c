"""What a disk may hold after the power went: every state that the recorded operations allow.

Of each file there is what is durable (as of its last sync) and what was done since, of which a disk may have kept
nothing, all, a part down to single sectors of 512 bytes, in any order. Names (create, unlink, rename) are taken for
durable at once, as journalling file systems do in order with the syncs of the files; the strict states let them wait
for the sync of their directory. Shared memory (`-shm`) is rebuilt by SQLite and lock files hold nothing: both are left
out.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from random import Random

from tests.faults.recording import Create, Frame, Operation, Rename, Sync, Truncate, Unlink, Write

SECTOR = 512
LEFT_OUT = ("-shm", ".lock")

Files = Mapping[str, bytes]
"""Path -> content."""


@dataclass(frozen=True)
class Crash:
    """One state. `after`: how many operations had happened; `kind` says what became of what was not synced."""

    after: int
    kind: str
    files: Files


@dataclass
class _Inode:
    """A file as it is durable, and what was done to it since its last sync."""

    durable: bytes = b""
    pending: list[Write | Truncate] = field(default_factory=list)

    def synced(self) -> None:
        self.durable, self.pending = applied(self.durable, self.pending), []


@dataclass
class Disk:
    """Files by name, now and durably. `unsure`: folders that are new in one that was not synced since."""

    names: dict[str, _Inode] = field(default_factory=dict)
    durable_names: dict[str, _Inode] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)

    def take(self, operation: Operation) -> None:
        """Let one operation happen."""
        match operation.what:
            case Create(path, True):
                self.unsure.add(path)
            case Create(path, False) if path not in self.names and not path.endswith(LEFT_OUT):
                self.names[path] = _Inode()
            case Write(path) | Truncate(path) if path in self.names:
                self.names[path].pending.append(operation.what)
            case Sync(path) if path in self.names:
                self.names[path].synced()
            case Sync(path):
                self.unsure = {folder for folder in self.unsure if _folder(folder) != path}
                inside = {name for name in {*self.names, *self.durable_names} if _folder(name) == path}
                self.durable_names = {k: v for k, v in self.durable_names.items() if k not in inside}
                self.durable_names |= {k: v for k, v in self.names.items() if k in inside}
            case Unlink(path):
                self.names.pop(path, None)
            case Rename(path, to) if path in self.names:
                self.names[to] = self.names.pop(path)

    def states(self, after: int, random: Random, subsets: int) -> Iterator[Crash]:
        """What may be there now: the corners, and `subsets` of each random kind."""
        yield Crash(after, "nothing", self._files(self.names, lambda inode: []))
        yield Crash(after, "all", self._files(self.names, lambda inode: inode.pending))
        for cut in self._cuts(random, subsets):
            yield Crash(after, "torn", self._files(self.names, lambda inode, cut=cut: _torn(inode.pending, cut)))
        for _ in range(subsets):
            yield Crash(after, "some writes", self._files(self.names, lambda inode: _some(inode.pending, random)))
            yield Crash(after, "some sectors", self._files(self.names, lambda inode: _sectors(inode.pending, random)))
        old = {name: inode for name, inode in self.durable_names.items() if _folder(name) not in self.unsure}
        if self.names != old:
            yield Crash(after, "old names", self._files(old, lambda inode: inode.pending))
            for _ in range(subsets):
                names = self._some_names(random)
                yield Crash(after, "some names", self._files(names, lambda inode: _some(inode.pending, random)))

    def _files(self, names: Mapping[str, _Inode], kept: Callable[[_Inode], list[Write | Truncate]]) -> Files:
        return {name: applied(inode.durable, kept(inode)) for name, inode in names.items()}

    def _cuts(self, random: Random, most: int) -> list[int]:
        """Places at which the last write may be torn: sectors of the disk, counted in the file."""
        last = [inode.pending[-1] for inode in self.names.values() if inode.pending]
        writes = [one for one in last if isinstance(one, Write)]
        if not writes:
            return []
        first = writes[0]
        inside = range(-(-(first.offset + 1) // SECTOR) * SECTOR, first.offset + len(first.data), SECTOR)
        return random.sample(inside, min(most, len(inside)))

    def _some_names(self, random: Random) -> dict[str, _Inode]:
        """Some of the changes of names arrived."""
        names = dict(self.durable_names)
        for name in {*self.names, *self.durable_names}:
            if self.names.get(name) is not self.durable_names.get(name) and random.random() < 0.5:
                names.pop(name, None)
                if name in self.names:
                    names[name] = self.names[name]
        return names


def _folder(path: str) -> str:
    return str(PurePath(path).parent)


def applied(durable: bytes, pending: list[Write | Truncate]) -> bytes:
    """The content after these changes, holes filled with zeros."""
    if not pending:
        return durable
    content = bytearray(durable)
    for change in pending:
        if isinstance(change, Truncate):
            del content[change.size :]
            content.extend(bytes(change.size - len(content)))
        else:
            content.extend(bytes(max(0, change.offset - len(content))))
            content[change.offset : change.offset + len(change.data)] = change.data
    return bytes(content)


def _torn(pending: list[Write | Truncate], cut: int) -> list[Write | Truncate]:
    """All, the last write up to a sector's end."""
    if (
        not pending
        or not isinstance(last := pending[-1], Write)
        or not last.offset < cut < last.offset + len(last.data)
    ):
        return pending
    return [*pending[:-1], Write(last.path, last.offset, last.data[: cut - last.offset])]


def _some(pending: list[Write | Truncate], random: Random) -> list[Write | Truncate]:
    """Each change or not, those that are kept in their order."""
    return [change for change in pending if random.random() < 0.5]


def _sectors(pending: list[Write | Truncate], random: Random) -> list[Write | Truncate]:
    """Each sector of each write or not."""
    kept: list[Write | Truncate] = []
    for change in pending:
        if isinstance(change, Truncate):
            kept += [change] if random.random() < 0.5 else []
            continue
        at, end = change.offset, change.offset + len(change.data)
        while at < end:
            until = min(end, (at // SECTOR + 1) * SECTOR)
            if random.random() < 0.5:
                kept.append(Write(change.path, at, change.data[at - change.offset : until - change.offset]))
            at = until
    return kept


def crashes(
    operations: list[Operation], random: Random, *, subsets: int, every: int = 1, before: Files | None = None
) -> Iterator[Crash]:
    """The states after each operation (or each `every`-th, at random) that changed a file, and after each reply.

    `before`: files that were there, durably.
    """
    there = {name: _Inode(content) for name, content in (before or {}).items()}
    disk, changed = Disk(dict(there), dict(there)), False
    for after, operation in enumerate(operations, start=1):
        disk.take(operation)
        changed = changed or not isinstance(operation.what, Frame)
        if (changed or (isinstance(operation.what, Frame) and operation.what.sent)) and random.random() * every < 1.0:
            changed = False
            yield from disk.states(after, random, subsets)


def put_down(files: Files, below: Path, folder: Path) -> None:
    """Make a folder of these files, and of nothing else; their names are those below another one."""
    for old in folder.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
    for name, content in files.items():
        path = folder / Path(name).relative_to(below)
        if path.parent != folder:
            path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
