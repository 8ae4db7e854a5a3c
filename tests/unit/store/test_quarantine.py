from datetime import UTC, datetime
from pathlib import Path

import pytest

from sitectl.store import quarantine
from tests.unit.store.builders import NOON


def make(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").write_text(f"content{suffix}")


def names(path: Path) -> list[str]:
    return sorted(str(file.relative_to(path.parent)) for file in path.parent.rglob("*") if file.is_file())


def test_file_and_log_are_moved_away_with_a_report(path: Path) -> None:
    make(path)
    case = quarantine.set_aside(path, "malformed", NOON)
    folder = "corrupt/20261120T120000Z"
    assert names(path) == [f"{folder}/{path.name}", f"{folder}/{path.name}-wal", f"{folder}/report.json"]
    assert case.file.read_text() == "content"
    assert case.state == quarantine.SAVING
    told = case.told()
    assert (told.when, told.why, told.folder, told.complete) == (NOON, "malformed", str(path.parent / folder), False)
    assert (dict(told.saved), dict(told.damaged), told.lost_frames, told.missing) == ({}, {}, 0, ())


def test_two_in_one_second_are_two_cases(path: Path) -> None:
    for _ in range(3):
        make(path)
        quarantine.set_aside(path, "malformed", NOON)
    found = quarantine.cases(path)
    assert [case.folder.name for case in found] == ["20261120T120000Z", "20261120T120000Z-1", "20261120T120000Z-2"]


@pytest.mark.parametrize("moved", [0, 1, 2])
def test_a_move_that_was_interrupted_is_finished(path: Path, moved: int) -> None:
    make(path)
    case = quarantine.set_aside(path, "malformed", NOON)
    case.note(state=quarantine.MOVING)
    for suffix in ("-wal", "")[moved:]:
        Path(f"{case.file}{suffix}").rename(f"{path}{suffix}")
    (again,) = quarantine.cases(path)
    assert again.state == quarantine.MOVING
    quarantine.finish_moving(path, again)
    assert not path.exists()
    assert Path(f"{case.file}-wal").read_text() == "content-wal"


def test_the_report_tells_what_was_written_into_it(path: Path) -> None:
    make(path)
    case = quarantine.set_aside(path, "malformed", NOON)
    case.note(saved={"outbox": 3}, damaged={"limits": 1}, lost_frames=2, missing=["CP1 x"], state=quarantine.DONE)
    (read,) = quarantine.cases(path)
    told = read.told()
    assert (dict(told.saved), dict(told.damaged)) == ({"outbox": 3}, {"limits": 1})
    assert (told.lost_frames, told.missing, told.complete) == (2, ("CP1 x",), True)


def test_reports_that_cannot_be_read_and_those_of_other_files_are_none(path: Path) -> None:
    assert quarantine.cases(path) == []
    for name, content in (
        ("a", "{"),
        ("b", "[]"),
        ("c", '{"file": "another.db"}'),
        ("d", f'{{"file": "{path.name}"}}'),
    ):
        folder = path.parent / "corrupt" / name
        folder.mkdir(parents=True)
        (folder / "report.json").write_text(content)
    (case,) = quarantine.cases(path)
    assert case.told().when == datetime.min.replace(tzinfo=UTC)
    assert case.told().complete
