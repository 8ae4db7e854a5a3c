"""What is an incident, when it is written down, and that the disk is never filled with them."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from sitectl.base.errors import EnvironmentFault
from sitectl.model.electrical import PhaseCurrents
from sitectl.model.metering import Freshness
from sitectl.model.snapshot import CircuitSnapshot
from sitectl.model.station import Obeys
from sitectl.site import incidents, recordings
from sitectl.site.cycle import Decision
from sitectl.site.incidents import AFTERMATH_S, PAUSE_S, Incidents, NotCovered
from sitectl.site.memory import MemoryJournal
from sitectl.site.recorder import Recorder
from sitectl.site.replay import Replayed, replay
from tests.unit.site.test_owner import WALL
from tests.unit.site.test_recorder import lived
from tests.unit.state.small_site import A1, GRID

OVERLOAD = ["overload: circuit grid"]


class Watched:
    """Incidents that see what a site has lived through, changed as a test wants it."""

    def __init__(self, folder: Path, *, ample: bool = True) -> None:
        self.taped = lived(30)
        self.clock, self.journal = self.taped.clock, MemoryJournal()
        self.incidents = Incidents(Recorder(), folder, self.clock, self.journal, lambda: ample)
        for decision in self.taped.seen:
            self.clock.now = decision.snapshot.at
            self.incidents.see(decision)

    def see(self, **circuit: object) -> None:
        """One more cycle, in which the root is so."""
        self.clock.now += 1.0
        last = self.taped.seen[-1]
        calm = replace(last.snapshot.circuits[GRID], over_since=(None, None, None), trips=(0.0, 0.0, 0.0))
        changed = replace(calm, **circuit)  # type: ignore[arg-type]
        seen = replace(last.snapshot, at=self.clock.now, circuits={**last.snapshot.circuits, GRID: changed})
        self.incidents.see(replace(last, snapshot=seen))

    @property
    def pending(self) -> list[str]:
        return self.incidents._pending

    async def passes(self, seconds: float) -> None:
        """So long nothing happens; then a look."""
        self.clock.now += seconds
        now = self.clock.now
        if now >= self.incidents._due_at and now - self.incidents._written_at >= PAUSE_S:
            await self.incidents.write()


def test_a_lively_site_has_none(tmp_path: Path) -> None:
    assert Watched(tmp_path).pending == []


def test_an_overload_is_one_once_it_lasts_or_the_breaker_is_warm(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    began = watched.clock.now
    for _ in range(14):
        watched.see(over_since=(None, began, None))
    assert watched.pending == []
    for _ in range(5):
        watched.see(over_since=(None, began, None))
    assert watched.pending == OVERLOAD, "once, however long it lasts"
    watched.see()
    watched.see(trips=(0.0, 0.0, 0.11))
    assert watched.pending == OVERLOAD, "and once in what waits to be written"
    warm = Watched(tmp_path)
    warm.see(trips=(0.0, 0.0, 0.09))
    assert warm.pending == []
    warm.see(trips=(0.0, 0.0, 0.11))
    assert warm.pending == OVERLOAD


def test_a_meter_that_is_lost_is_one_but_not_one_that_never_came(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.see(meter=Freshness.LOST, measured_a=None)
    assert watched.pending == ["meter lost: circuit grid"]
    never = Watched(tmp_path)
    never.incidents._metered.clear()
    never.see(meter=Freshness.LOST, measured_a=None)
    assert never.pending == []


def test_a_station_that_stops_obeying_is_one_and_one_that_never_did_is_not(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    last = watched.taped.seen[-1]
    evses = {**last.snapshot.evses, A1: replace(last.snapshot.evses[A1], obeys=Obeys.IGNORES)}
    disobeyed = replace(last, snapshot=replace(last.snapshot, evses=evses))
    watched.incidents.see(disobeyed)
    assert watched.pending == ["disobedience: A:1"]
    after_start = Incidents(Recorder(), tmp_path, watched.clock, watched.journal)
    after_start.see(disobeyed)
    assert after_start._pending == []


def test_the_safe_plan_is_one(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.incidents.see(replace(watched.taped.seen[-1], violations=("sharing failed",)))
    assert watched.pending == ["safe plan: the sharing was refused"]


async def test_it_is_written_with_its_aftermath_and_replays(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.see(trips=(0.2, 0.0, 0.0))
    await watched.passes(AFTERMATH_S - 2.0)
    assert recordings.listed(tmp_path) == []
    await watched.passes(2.0)
    (found,) = recordings.listed(tmp_path)
    assert found.path.name.endswith("-overload.incident.gz")
    assert found.path.stat().st_mode & 0o777 == 0o600
    assert (found.why, found.began) == (tuple(OVERLOAD), WALL.timestamp() + 1.0)
    again = list(replay(recordings.read(found)))
    assert [one.snapshot for one in again[:-1]] == [decision.snapshot for decision in watched.taped.seen]
    assert all(one.same for one in again[:-1])
    assert watched.journal.entries[-1][0] == "incident.recorded"
    assert watched.journal.entries[-1][3] == {"why": OVERLOAD, "file": found.path.name}


async def test_what_happens_soon_after_is_in_the_next_one(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    watched.see(trips=(0.2, 0.0, 0.0))
    await watched.passes(AFTERMATH_S)
    for _ in range(5):
        watched.see()
        watched.see(trips=(0.2, 0.0, 0.0))
        await watched.passes(20.0)
    assert len(recordings.listed(tmp_path)) == 1
    await watched.passes(PAUSE_S)
    assert [one.why for one in recordings.listed(tmp_path)] == [tuple(OVERLOAD)] * 2


async def test_a_disk_without_room_is_left_alone_and_one_that_fails_is_borne(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tight = Watched(tmp_path / "tight", ample=False)
    await tight.incidents.write()
    assert not (tmp_path / "tight").exists()
    (tmp_path / "file").write_text("")
    failing = Watched(tmp_path / "file")
    await failing.incidents.write()
    assert "not recorded" in caplog.text
    assert failing.journal.entries == []


def test_a_cycle_that_cannot_be_recorded_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = Watched(tmp_path)
    record: Callable[[Decision, float], None] = watched.incidents.recorder.record

    def fail(decision: Decision, wall: float) -> None:
        raise ValueError("no")

    monkeypatch.setattr(watched.incidents.recorder, "record", fail)
    watched.see()
    monkeypatch.setattr(watched.incidents.recorder, "record", record)
    watched.see()
    assert len(watched.incidents.recorder.parts()) == 2, "what follows needs nothing of what was not recorded"


async def test_the_oldest_recordings_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "MOST_FILES", 3)
    watched, written = Watched(tmp_path), []
    for _ in range(5):
        watched.see()
        written.append(recordings.write(tmp_path, watched.incidents.recorder.parts(), OVERLOAD))
    assert [one.path for one in recordings.listed(tmp_path)] == written[:1:-1]
    monkeypatch.setattr(recordings, "MOST_BYTES", written[-1].stat().st_size + 10)
    watched.see()
    newest = recordings.write(tmp_path, watched.incidents.recorder.parts(), OVERLOAD)
    assert [one.path for one in recordings.listed(tmp_path)] == [newest]


@pytest.mark.parametrize("damage", ["cut", "zeros", "text", "other", "empty"])
async def test_a_damaged_recording_is_passed_over_or_told(tmp_path: Path, damage: str) -> None:
    watched = Watched(tmp_path)
    path = recordings.write(tmp_path, watched.incidents.recorder.parts(), OVERLOAD)
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut": content[: len(content) // 2],
            "zeros": content[:60] + b"\0" * 200 + content[260:],
            "text": b"nonsense",
            "other": gzip.compress(orjson.dumps({"format": 99})),
            "empty": b"",
        }[damage]
    )
    for one in recordings.listed(tmp_path):
        with pytest.raises(EnvironmentFault, match="cannot be read"):
            recordings.read(one)


async def test_a_moment_is_answered_from_memory_then_from_files_else_refused(tmp_path: Path) -> None:
    watched = Watched(tmp_path)
    began = WALL.timestamp()
    now = await watched.incidents.at(began + 20.2)
    assert isinstance(now, Replayed)
    await watched.incidents.write()
    later = Incidents(Recorder(), tmp_path, watched.clock, watched.journal)
    then = await later.at(began + 20.2)
    assert isinstance(then, Replayed)
    assert (then.snapshot, then.allocation, then.same) == (now.snapshot, now.allocation, True)
    refused = await later.at(began + 90.0)
    assert isinstance(refused, NotCovered)
    assert "memory has nothing yet" in refused.why
    assert "asked-for.incident.gz has 2026-01-01T00:00:01Z to 2026-01-01T00:00:50Z" in refused.why


def test_the_bounds_are_those_of_the_site() -> None:
    """So long and so warm a breaker may be in ordinary life, by the marks for the loop."""
    assert incidents.OVERLOAD_S >= 15.0
    assert CircuitSnapshot(GRID, PhaseCurrents(0.0, 0.0, 0.0)).trip < incidents.TRIP
