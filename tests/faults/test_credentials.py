"""Power goes, or the daemon is killed, while a central changes the password that a station has with it.

Such a change is on disk before it is answered: whoever loses it locks the station out of its central. In every state
of the disk there is the old password or the new one, whole, and from the answer on the new one.
"""

from __future__ import annotations

import asyncio
import base64
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from tests.e2e.rig import SITECTL, Daemon, patched, site, until
from tests.faults import recording, tracer
from tests.faults.central import Central
from tests.faults.crash import Crash, crashes, put_down
from tests.faults.recording import Frame, Operation
from tests.faults.station import Make, Station
from tests.faults.wire import CALL, RESULT, Lost

ID = "CP01"
KEYS = ("staple-battery-000", "staple-battery-111", "staple-battery-222", "staple-battery-333")
"""What is configured, and then one after the other what the central orders."""

no_strace = tracer.unavailable()
no_attaching = tracer.unavailable(attach=True)
pytestmark = pytest.mark.skipif(no_strace is not None, reason=str(no_strace))


class Doorkeeper(Central):
    """A central that lets in whoever shows one of its passwords, and changes them."""

    def __init__(self) -> None:
        super().__init__(deduplicates=True)
        self.shown: list[str] = []
        self.takes = {KEYS[0]}
        self._ids = count(1)

    def _admit(self, socket: ServerConnection, request: Request) -> Response | None:
        given = base64.b64decode(request.headers.get("Authorization", "").removeprefix("Basic ")).decode()
        self.shown.append(given.partition(":")[2])
        return None if self.shown[-1] in self.takes else socket.respond(401, "no\n")

    def has_in(self, key: str) -> bool:
        """Whether its station is there, by this password."""
        return ID in self.links and self.shown[-1] == key

    async def order(self, key: str) -> str | None:
        """Order a password; the answer, None when there is none. From then on it takes that alone, once answered."""
        self.takes.add(key)
        change = {"key": "AuthorizationKey", "value": key}
        try:
            answer = await self.links[ID].call(f"order-{next(self._ids)}", "ChangeConfiguration", change)
        except Lost:
            return None
        self.takes = {key}
        return str(answer["status"])


def configured(folder: Path, central: Central) -> Path:
    secrets = folder / "central.txt"
    secrets.write_text(f"{ID}:{KEYS[0]}\n")
    secrets.chmod(0o600)
    uplinks = {"central": {"url": central.url, "passwords_file": secrets.name}}
    stations = {ID: {"circuit": "grid", "max_a": 32, "phases": "L1L2L3"}}
    return site(folder, stations=stations, uplinks=uplinks)


async def lived(
    folder: Path, command: tuple[str, ...], central: Doorkeeper, traced: tracer.Attached | None = None
) -> tuple[Daemon, list[str | None]]:
    """A life in which every password is ordered, as far as the daemon lives; what was answered."""
    daemon = Daemon(configured(folder, central), command=command)
    answers: list[str | None] = []
    try:
        await daemon.start()
        if traced is not None:
            await traced.attach(daemon.pid)
        async with charging(daemon):
            for place, key in enumerate(KEYS[1:]):
                await until(lambda place=place: central.has_in(KEYS[place]) or not daemon.running)
                if not daemon.running:
                    break
                answers.append(await central.order(key))
                if answers[-1] is None:
                    break
            else:
                await until(lambda: central.has_in(KEYS[-1]) or not daemon.running)
                if daemon.running:
                    daemon.signal(signal.SIGTERM)
            await daemon.ended()
    finally:
        if daemon.running:
            await daemon.kill()
    return daemon, answers


@asynccontextmanager
async def charging(daemon: Daemon) -> AsyncIterator[None]:
    """Its station is there."""
    station = Station(ID, Make(), lambda: f"ws://127.0.0.1:{daemon.port}/ocpp")
    station.present.set()
    living = asyncio.create_task(station.run())
    try:
        yield
    finally:
        living.cancel()
        await asyncio.gather(living, return_exceptions=True)


async def recorded(folder: Path, command: tuple[str, ...] = SITECTL) -> list[Operation]:
    folder.mkdir()
    log, central = folder / "calls.log", Doorkeeper()
    await central.open()
    try:
        daemon, answers = await lived(folder, (*tracer.recording(log), *command), central)
    finally:
        await central.close()
    assert answers == ["Accepted"] * (len(KEYS) - 1), daemon.log
    return await asyncio.to_thread(recording.read, log, folder / "data", also="credentials")


def told(operations: list[Operation]) -> tuple[int, int]:
    """(how many orders were answered, how many were heard)."""
    frames = [one.what for one in operations if isinstance(one.what, Frame) and one.what.uplink]
    ours = [frame for frame in frames if str(frame.body[1]).startswith("order-")]
    heard = sum(not frame.sent and frame.body[0] == CALL for frame in ours)
    return sum(frame.sent and frame.body[0] == RESULT for frame in ours), heard


def held(crash: Crash) -> Iterator[tuple[str, Any]]:
    """(name, content) of the credentials that a restart would use; what is unfinished is thrown away."""
    for name, content in crash.files.items():
        if "/credentials/" in name and not name.endswith(".new"):
            try:
                yield name, json.loads(content)
            except ValueError:
                yield name, None


def wrong(crash: Crash, operations: list[Operation]) -> Iterator[str]:
    answered, heard = told(operations[: crash.after])
    legs = list(held(crash))
    where = f"after {crash.after} operations, {crash.kind}"
    if any(content is None for _, content in legs):
        yield f"{where}: half a file: {legs}"
    elif len(legs) > 1 or (answered and not legs):
        yield f"{where}: {answered} orders were answered, and there is {legs}"
    elif legs and legs[0][1]["current"]["key"] not in KEYS[answered : heard + 1]:
        yield f"{where}: {answered} orders were answered, {heard} heard, and there is {legs[0][1]}"


async def gone_on(crash: Crash, operations: list[Operation], below: Path, folder: Path) -> str | None:
    """Start the daemon on a state: it gets in at a central that carried out what was answered, and no more."""
    (folder / "data").mkdir(parents=True)
    put_down(crash.files, below, folder / "data")
    answered, _ = told(operations[: crash.after])
    why = await gets_in(folder, KEYS[answered])
    return None if why is None else f"after {crash.after} operations, {crash.kind}: {why}"


async def gets_in(folder: Path, key: str) -> str | None:
    """Start the daemon on what is there: why its station is not let in by a central that takes this password alone."""
    central = Doorkeeper()
    await central.open()
    central.takes = {key}
    daemon = Daemon(configured(folder, central))
    try:
        await daemon.start()
        async with charging(daemon):
            await until(lambda: ID in central.links, within_s=30.0)
    except AssertionError as error:
        return f"{central.shown}, {error}"
    finally:
        if daemon.running:
            await daemon.kill()
        await central.close()
    return None


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("subsets", "starts"), [pytest.param(1, 3, id="sampled"), pytest.param(8, 40, id="whole", marks=pytest.mark.full)]
)
async def test_a_password_survives_a_power_cut(tmp_path: Path, subsets: int, starts: int) -> None:
    operations = await recorded(tmp_path / "life")
    random = Random(1)
    states = list(crashes(operations, random, subsets=subsets))
    of_interest = [crash for crash in states if told(operations[: crash.after])[1]]
    complaints = [what for crash in states for what in wrong(crash, operations)]
    print(f"{len(states)} states, {len(of_interest)} of them after the first order")
    assert not complaints, "\n".join(complaints[:10])
    assert told(operations) == (len(KEYS) - 1,) * 2
    assert {None, *KEYS[1:]} == {next((c["current"]["key"] for _, c in held(one)), None) for one in states}
    places = asyncio.Semaphore(3)

    async def one(number: int, crash: Crash) -> str | None:
        async with places:
            return await gone_on(crash, operations, tmp_path / "life" / "data", tmp_path / f"{number}")

    found = await asyncio.gather(*(one(*picked) for picked in enumerate(random.sample(of_interest, starts))))
    assert not any(found), "\n".join(filter(None, found))


@pytest.mark.full
@pytest.mark.timeout(120)
async def test_the_replay_finds_passwords_that_are_not_synced(tmp_path: Path) -> None:
    careless = """
import sitectl.security.vault as vault
class Lazy:
    def __getattr__(self, name):
        return (lambda descriptor: None) if name == "fsync" else getattr(os, name)
os, vault.os = vault.os, Lazy()
"""
    operations = await recorded(tmp_path / "life", patched(tmp_path, careless))
    states = crashes(operations, Random(1), subsets=1)
    complaints = [what for crash in states for what in wrong(crash, operations)]
    assert any("half a file" in what for what in complaints)
    assert any("orders were answered" in what for what in complaints)


@pytest.mark.full
@pytest.mark.skipif(no_attaching is not None, reason=str(no_attaching))
@pytest.mark.timeout(600)
@pytest.mark.parametrize("call", ["fsync", "rename", "openat"])
async def test_a_password_survives_a_kill(tmp_path: Path, call: str) -> None:
    """Killed at each call on a file of credentials: what was answered is carried out at the central, no more."""
    counting = tracer.Attached(tmp_path / "calls.log", (call,), None)
    await visited(tmp_path / "counted", counting)
    points, ordinals = set(), Counter[str]()
    for _, line in tracer.listed(counting.log):
        thread = line.split(maxsplit=1)[0]
        ordinals[thread] += 1
        if "/data/credentials" in line:
            points.add(ordinals[thread])
    killed = 0
    for nth in sorted(points):
        folder = tmp_path / f"{nth}"
        status, answers = await visited(folder, tracer.Attached(tmp_path / f"{nth}.log", (call,), nth))
        killed += status == -signal.SIGKILL
        held = sum(answer == "Accepted" for answer in answers)
        assert await gets_in(folder, KEYS[held]) is None, f"{call} {nth}: {answers}"
    print(f"{len(points)} points, {killed} killed")
    assert killed >= 3


async def visited(folder: Path, traced: tracer.Attached) -> tuple[int, list[str | None]]:
    """A traced life of its own; how it ended, and what was answered."""
    folder.mkdir()
    central = Doorkeeper()
    await central.open()
    try:
        daemon, answers = await lived(folder, SITECTL, central, traced)
        return await daemon.ended(), answers
    finally:
        await central.close()
        await traced.ended()
