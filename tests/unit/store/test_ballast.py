from pathlib import Path

import pytest

from sitectl.store.ballast import SHED_BELOW, Ballast
from tests.unit.store.small_disk import run_on_a_small_disk

PLENTY = SHED_BELOW + 65536


@pytest.fixture
def ballast(path: Path) -> Ballast:
    return Ballast(path, 65536)


def test_it_is_made_given_up_and_made_again(ballast: Ballast, path: Path) -> None:
    kept = Path(f"{path}.ballast")
    assert not ballast.there
    assert not ballast.give_up()
    for _ in range(2):
        assert ballast.make(PLENTY)
        assert ballast.there
        assert kept.stat().st_blocks * 512 >= 65536
        assert ballast.give_up()
        assert not kept.exists()
    assert not ballast.give_up()


def test_it_is_not_made_at_the_cost_of_all_else(ballast: Ballast) -> None:
    assert not ballast.make(PLENTY - 1)
    assert not ballast.there


def test_one_that_was_cut_short_is_not_there_but_can_be_given_up(ballast: Ballast, path: Path) -> None:
    Path(f"{path}.ballast").write_bytes(b"half")
    assert not ballast.there
    assert ballast.give_up()


def test_where_nothing_can_be_made_nothing_is_kept(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "nowhere" / "ledger.db", 65536)
    assert not ballast.make(PLENTY)
    assert not ballast.there


def test_a_store_in_memory_needs_none() -> None:
    ballast = Ballast(None)
    assert (ballast.there, ballast.make(0), ballast.give_up()) == (True, True, False)


def test_what_is_given_up_is_room_on_the_disk() -> None:
    run_on_a_small_disk(
        40,
        """
        from sitectl.store.ballast import Ballast
        ballast = Ballast(path)
        before = disk.space(here).free
        assert ballast.make(before)
        assert before - disk.space(here).free >= 8 * 2**20
        assert ballast.give_up()
        assert disk.space(here).free == before
        """,
    )
