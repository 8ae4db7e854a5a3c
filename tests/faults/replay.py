"""Rebuild every state that a disk may hold, open each, and hold it against what was promised until then.

States that are equal to the byte are opened once. What a restart counts for each EVSE is asked of the daemon's own
rooms, once for all states that hold the same limits, transactions and stations.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

from tests.faults.crash import Crash, Files, put_down
from tests.faults.promises import Found, Promises, broken, found
from tests.faults.recording import Operation


@dataclass
class Verdict:
    """What came of all states."""

    states: int = 0
    opened: int = 0
    promised: int = 0
    wrong: list[str] = field(default_factory=list)
    broken_states: int = 0


def replay(
    operations: Sequence[Operation],
    states: Iterable[Crash],
    must: Collection[str],
    *,
    below: Path,
    folder: Path,
    also: Callable[[Crash, Found], Iterable[str]] = lambda crash, found: (),
) -> Verdict:
    """Judge states, which come in the order of the operations. `also` has more to say of each."""
    verdict, promises, taken = Verdict(), Promises(must), 0
    known: dict[bytes, Found | str] = {}
    for state in states:
        for operation in operations[taken : state.after]:
            promises.take(operation)
        taken = state.after
        key = _digest(state.files)
        here = known.get(key)
        if here is None:
            verdict.opened += 1
            here = known[key] = _opened(state.files, below, folder)
        verdict.states += 1
        complaints = [here] if isinstance(here, str) else [*broken(promises, here), *also(state, here)]
        verdict.broken_states += bool(complaints)
        verdict.wrong += [f"after {state.after} operations, {state.kind}: {what}" for what in complaints]
    verdict.promised = len(promises.kept)
    return verdict


def _opened(files: Files, below: Path, folder: Path) -> Found | str:
    put_down(files, below, folder)
    try:
        return found(folder)
    except sqlite3.Error as error:
        return f"cannot be opened: {error!r}"


def _digest(files: Files) -> bytes:
    digest = blake2b(digest_size=16)
    for name, content in sorted(files.items()):
        digest.update(name.encode() + b"\0" + len(content).to_bytes(8, "big") + content)
    return digest.digest()
