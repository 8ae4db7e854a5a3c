import pytest

from sitectl.model.storage import DiskUse, Salvage, StoreHealth, StoreState
from sitectl.store.problems import findings
from tests.unit.store.builders import NOON

MB = 2**20


def use(free: int = 1000, wal: int = 1, reserve: bool = True) -> DiskUse:
    return DiskUse(free * MB, 16_000 * MB, 5 * MB, wal * MB, reserve)


def told(health: StoreHealth) -> list[tuple[str, str]]:
    found = list(findings(health))
    assert all(where == "store" and "{" not in what + do for what, where, do in found)
    return [(what, do) for what, _, do in found]


def test_a_disk_that_is_well_is_no_problem() -> None:
    assert told(StoreHealth()) == []
    assert told(StoreHealth(disk=use(), slow_s=0.5, waiting=100)) == []


@pytest.mark.parametrize("state", [state for state in StoreState if state is not StoreState.OK])
def test_each_state_says_where_and_what_to_do(state: StoreState) -> None:
    ((what, do),) = told(StoreHealth(state, "as the disk says", "/data/site", use(3)))
    assert "disk" in what or "ledger" in what
    assert "/data/site" in do or state is StoreState.CORRUPT
    assert ("as the disk says" in what) == (not state.writes)
    assert ("no transaction message is answered" in do) == (not state.writes)


def test_the_room_that_is_left_may_change_without_being_another_problem() -> None:
    (first, _), (second, _) = (told(StoreHealth(StoreState.TIGHT, disk=use(free)))[0] for free in (12, 9))
    assert (first, second) == ("The disk is nearly full: 12 MB are free", "The disk is nearly full: 9 MB are free")


def test_a_disk_that_fills_up_is_told_of_in_time() -> None:
    assert told(StoreHealth(disk=use(128))) == []
    ((what, do),) = told(StoreHealth(directory="/data", disk=use(127)))
    assert (what, "below 16 MB" in do) == ("The disk fills up: 127 MB are free", True)


def test_a_log_that_does_not_shrink() -> None:
    assert told(StoreHealth(disk=use(wal=63))) == []
    ((what, do),) = told(StoreHealth(directory="/data", disk=use(wal=64)))
    assert (what, "fuser /data/*.db" in do) == ("The ledger's log does not shrink: 64 MB", True)


def test_what_was_saved_and_what_was_not() -> None:
    saved = {"transactions": 1203, "outbox": 14, "limits": 0, "meta": 2}
    salvage = Salvage(NOON, "malformed", "/data/corrupt/x", True, saved, {"transactions": 2}, 3, ("CP1 a", "CP2 b"))
    ((what, do),) = told(StoreHealth(disk=use(), salvages=(salvage,)))
    assert what == (
        "The ledger was damaged on 2026-11-20 12:00: saved 1203 transactions, 14 messages for centrals, 0 limits;"
        " not saved: 2 damaged pages of transactions, 3 pages of the log, 2 transactions that others tell of"
        " (CP1 a, CP2 b, …)"
    )
    assert "/data/corrupt/x" in do
    assert "still" not in do
    ((what, do),) = told(StoreHealth(disk=use(), salvages=(Salvage(NOON, "", "/x", False, saved, {}),)))
    assert what.endswith("not saved: none")
    assert "still being copied" in do


def test_a_slow_disk() -> None:
    ((what, _),) = told(StoreHealth(disk=use(), slow_s=2.04))
    assert what == "The disk is slow: a write takes 2.0 s"
