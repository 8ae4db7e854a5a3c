import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sitectl.store import questions as module
from sitectl.store.errors import StoreUnavailable
from sitectl.store.executor import InlineExecutor
from sitectl.store.questions import Questions


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def questions(path: Path, told: list[str]) -> Questions:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE a AS SELECT 1 AS n")
        connection.commit()
    return Questions(path, InlineExecutor(), lambda: None, told.append)


def count(connection: sqlite3.Connection) -> int:
    return int(connection.execute("SELECT sum(n) FROM a").fetchone()[0])


def damaged(times: int) -> Callable[[sqlite3.Connection], int]:
    """A question that finds the file damaged so many times."""
    left = [times]

    def job(connection: sqlite3.Connection) -> int:
        if left[0]:
            left[0] -= 1
            error = sqlite3.DatabaseError("malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        return count(connection)

    return job


async def test_a_question_is_answered(questions: Questions) -> None:
    assert await questions.ask(count) == 1


async def test_while_the_file_is_let_go_questions_wait_for_the_next_one(questions: Questions, path: Path) -> None:
    gone: list[bool] = []
    questions.let_go(lambda: gone.append(True))
    asked = questions.ask(count)
    assert (gone, asked.done()) == ([True], False)
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE a AS SELECT 2 AS n")
        connection.commit()
    questions.go_on(None)
    assert await asked == 2


async def test_when_there_is_no_next_one_they_are_told_so(questions: Questions) -> None:
    questions.let_go(lambda: None)
    asked = questions.ask(count)
    questions.go_on(StoreUnavailable("full"))
    with pytest.raises(StoreUnavailable, match="full"):
        await asked
    assert await questions.ask(count) == 1


async def test_one_that_finds_damage_is_asked_again_afterwards(questions: Questions, told: list[str]) -> None:
    asked = questions.ask(damaged(1))
    assert not asked.done()
    assert len(told) == 1
    questions.go_on(None)
    assert await asked == 1


async def test_but_not_for_ever(questions: Questions, told: list[str]) -> None:
    asked = questions.ask(damaged(100))
    while not asked.done():
        questions.go_on(None)
    with pytest.raises(StoreUnavailable, match="malformed"):
        await asked
    assert len(told) == module.MOST_TRIES - 1


async def test_only_so_many_wait(questions: Questions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_HELD", 2)
    questions.let_go(lambda: None)
    asked = [questions.ask(count) for _ in range(3)]
    assert [one.done() for one in asked] == [False, False, True]
    with pytest.raises(StoreUnavailable, match="being replaced"):
        await asked[2]
    questions.go_on(None)
    assert await asked[0] == 1
