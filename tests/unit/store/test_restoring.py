"""A restore that is killed anywhere leaves one whole ledger: the one of before, with all that its log holds, or the new
one."""

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from sitectl.store import archive, backup, restoring
from sitectl.store.archive import Part
from sitectl.store.errors import StoreUnavailable
from sitectl.store.opening import Store
from sitectl.store.restoring import restore
from tests.unit.store.builders import NOON, Says
from tests.unit.store.test_backup import starts, write_archive

NEW, BEFORE, WITH_LOG = 1, 2, 3


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who reads here never ends."""
    monkeypatch.setattr(restoring, "PATIENCE_S", 0.0)


@pytest.fixture
async def backed_up(store: Store, path: Path) -> tuple[Path, Path]:
    """A backup with one transaction, and a closed ledger with two."""
    says = Says(store)
    await says.start()
    made = write_archive(path.parent / "depot.backup", Part.nameless(archive.LEDGER, backup.copy(path)))
    await says.start(evse=2, message_id="2")
    await store.close()
    return made, path


@contextmanager
def read_meanwhile(ledger: Path) -> Iterator[None]:
    """Another process reads the ledger as it is now, so that no log can be folded into it."""
    told, tell = os.pipe()
    reader = os.fork()
    if not reader:
        connection = sqlite3.connect(ledger, isolation_level=None)
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM transactions").fetchone()
        os.write(tell, b".")
        signal.pause()
        os._exit(0)
    try:
        assert os.read(told, 1) == b"."
        yield
    finally:
        os.kill(reader, signal.SIGKILL)
        os.waitpid(reader, 0)
        os.close(told)
        os.close(tell)


def one_more(ledger: Path) -> None:
    """A third transaction, which stays in the log while somebody reads."""
    connection = sqlite3.connect(ledger)
    with connection:
        connection.execute("CREATE TEMP TABLE third AS SELECT * FROM transactions LIMIT 1")
        connection.execute(
            "UPDATE third SET id = 'third', start_key = 'third', evse = 3, station_transaction_id = 4711"
        )
        connection.execute("INSERT INTO transactions SELECT * FROM third")
    connection.close()


def killed_at(line: int, made: Path, ledger: Path) -> bool:
    """Restore in a process that dies before the n-th line of it; False: it came to its end before."""
    child = os.fork()
    if not child:
        left = line

        def trace(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal left
            if frame.f_code.co_filename != restoring.__file__:
                return None
            if event == "line":
                left -= 1
                if left <= 0:
                    os._exit(9)
            return trace

        sys.settrace(trace)
        try:
            restore(made, ledger, NOON, take_over=False)
        finally:
            sys.settrace(None)
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.full), 3])
def test_killed_before_each_of_its_lines_it_leaves_one_whole_ledger(backed_up: tuple[Path, Path], every: int) -> None:
    made, closed = backed_up
    found: list[int] = []
    for line in range(1, 500, every):
        folder = closed.parent / f"killed-{line}"
        folder.mkdir()
        ledger = folder / closed.name
        for one in closed.parent.glob(f"{closed.name}*"):
            shutil.copyfile(one, folder / one.name)
        with read_meanwhile(ledger):
            one_more(ledger)
            went_on = killed_at(line, made, ledger)
        found.append(starts(ledger))
        assert starts(ledger) in (WITH_LOG, NEW), f"killed before line {line}"
        if not went_on:
            break
        restore(made, ledger, NOON.replace(hour=13), take_over=False)
        assert starts(ledger) == NEW
        shutil.rmtree(folder)
    assert found[-1] == NEW
    assert found == sorted(found, reverse=True)
    assert found.count(WITH_LOG) > 20 / every


def test_what_was_in_the_log_is_set_aside_too(backed_up: tuple[Path, Path]) -> None:
    made, ledger = backed_up
    with read_meanwhile(ledger):
        one_more(ledger)
        assert Path(f"{ledger}-wal").stat().st_size
        done = restore(made, ledger, NOON, take_over=False)
    assert done.aside is not None
    assert (starts(ledger), starts(done.aside)) == (NEW, WITH_LOG)


def test_where_there_is_no_room_to_fold_the_log_in_nothing_changes(
    backed_up: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made, ledger = backed_up

    def full(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    with read_meanwhile(ledger):
        one_more(ledger)
        monkeypatch.setattr(shutil, "copyfile", full)
        with pytest.raises(StoreUnavailable, match=r"nothing has changed: No space left .* make room"):
            restore(made, ledger, NOON, take_over=False)
    assert starts(ledger) == WITH_LOG
    assert not Path(f"{ledger}.restoring").exists()


def test_a_ledger_that_is_past_reading_is_set_aside_with_its_log(backed_up: tuple[Path, Path]) -> None:
    made, ledger = backed_up
    with read_meanwhile(ledger):
        one_more(ledger)
        log = Path(f"{ledger}-wal").read_bytes()
    whole = ledger.read_bytes()
    ledger.write_bytes(b"no database" * 1000)
    Path(f"{ledger}-shm").unlink()
    done = restore(made, ledger, NOON, take_over=True)
    assert starts(ledger) == NEW
    assert done.aside is not None
    assert Path(f"{done.aside}-wal").read_bytes() == log
    done.aside.write_bytes(whole)
    assert starts(done.aside) == WITH_LOG
