"""Whether a daemon that starts on what a crash left would count each EVSE for all that its station may draw.

What stations may draw follows from the limits that were on their way to them: each one that was answered holds, the
last one may or may not have arrived. They go on by their own clocks, until their limits expire and the fallback holds
again, and one that stands idle may begin. What a restart counts is asked of the daemon's own rooms, as it would be
started now or minutes later, before any station is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sitectl.base.gateway_clock import GatewayClock
from sitectl.base.units import parse_timestamp
from sitectl.config.load import Broken, Loaded, load
from sitectl.daemon.process import Daemon
from sitectl.simulator.profiles import Profile, ProfileStore
from tests.faults.crash import Crash, put_down
from tests.faults.promises import Found
from tests.faults.recording import Frame, Operation
from tests.faults.station import Make
from tests.faults.wire import CALL, RESULT, Payload

LATER_S = (0.0, 30.0, 200.0, 260.0, 400.0, 2000.0)
"""How long the power may stay away: limits still hold, expire by one clock and not by the other, are over."""

TOLERANCE_A = 0.051

Evse = tuple[str, int]


@dataclass
class _Told:
    """One station as far as it was told limits: what it holds, and what is on its way."""

    make: Make
    profiles: ProfileStore = field(default_factory=ProfileStore)
    on_its_way: dict[str, tuple[str, Payload]] = field(default_factory=dict)
    started: dict[int, datetime] = field(default_factory=dict)
    asked: dict[str, Payload] = field(default_factory=dict)
    running: dict[int, int] = field(default_factory=dict)

    def may_draw_a(self, number: int, at: datetime) -> float:
        """The most that it may draw, whether or not the last limit arrived."""
        with_it = copy(self.profiles)
        for action, payload in self.on_its_way.values():
            _carry_out(with_it, action, payload, at)
        return max(self._limit_a(profiles, number, at) for profiles in (self.profiles, with_it))

    def _limit_a(self, profiles: ProfileStore, number: int, at: datetime) -> float:
        own = at + timedelta(seconds=self.make.clock_error_s)
        limit_a = profiles.limit_a(number, own, self.started.get(number))
        return self.make.max_a if limit_a is None else min(self.make.max_a, limit_a)


def _carry_out(profiles: ProfileStore, action: str, payload: Payload, now: datetime) -> None:
    if action == "SetChargingProfile":
        profiles.install(payload["connectorId"], Profile.read(payload["csChargingProfiles"]), now)
    else:
        keys = ("id", "connectorId", "chargingProfilePurpose", "stackLevel")
        profiles.clear(*(payload.get(key) for key in keys))


class Lawful:
    """All stations, by the frames that went to and fro."""

    def __init__(self, makes: Mapping[str, Make]) -> None:
        self._told = {id: _Told(make) for id, make in makes.items()}

    def take(self, operation: Operation) -> bool:
        """Let one operation happen; whether it may have changed anything."""
        frame = operation.what
        if not isinstance(frame, Frame) or frame.uplink:
            return False
        told, at = self._told[frame.station], datetime.fromtimestamp(operation.at, UTC)
        match frame.sent, frame.body:
            case True, [kind, id, "SetChargingProfile" | "ClearChargingProfile" as action, payload] if kind == CALL:
                told.on_its_way[id] = action, payload
            case False, [kind, id, answer] if kind == RESULT and id in told.on_its_way:
                action, payload = told.on_its_way.pop(id)
                if answer["status"] == "Accepted":
                    _carry_out(told.profiles, action, payload, at)
            case False, [kind, id, "StartTransaction", payload] if kind == CALL:
                moment = parse_timestamp(payload["timestamp"])
                assert moment is not None
                told.started[payload["connectorId"]] = moment[0]
                told.asked[id] = payload
            case True, [kind, id, answer] if kind == RESULT and id in told.asked:
                told.running[answer["transactionId"]] = told.asked.pop(id)["connectorId"]
            case False, [kind, _, "StopTransaction", payload] if kind == CALL:
                number = told.running.pop(payload["transactionId"], None)
                if number is not None:
                    told.started.pop(number, None)
                    told.profiles.end_transaction(number)
            case _:
                return False
        return True

    def may_draw_a(self, at: datetime) -> dict[Evse, float]:
        """Of each EVSE, the most that it may draw at this moment."""
        return {
            (id, number): told.may_draw_a(number, at)
            for id, told in self._told.items()
            for number in range(1, told.make.evses + 1)
        }


# --- the restart -----------------------------------------------------------------------------------------------------


@dataclass
class _StandingClock:
    """A moment."""

    now: datetime

    def monotonic(self) -> float:
        return 1000.0

    def wall(self) -> datetime:
        return self.now


def counts_a(site: Loaded, folder: Path, at: datetime) -> dict[Evse, float]:
    """What a daemon counts that starts at this moment on this folder; it may change the folder."""
    return asyncio.run(_counts_a(site, folder, GatewayClock(_StandingClock(at), synchronised=True)))


async def _counts_a(site: Loaded, folder: Path, clock: GatewayClock) -> dict[Evse, float]:
    settings = replace(site.settings, site=replace(site.settings.site, data_dir=folder))
    there = replace(site, settings=settings)
    async with Daemon(there, lambda adopted: there, clock).opened() as rooms:
        state = rooms.site.state
        return {
            (id.station, id.evse): evse.counts_a(clock.monotonic(), state.stations[id.station])
            for id, evse in state.evses.items()
        }


class LimitJudge:
    """Says of each crash state what a restart would count too low; once for states that differ in nothing of it."""

    def __init__(
        self, config: Path, makes: Mapping[str, Make], operations: Sequence[Operation], below: Path, folder: Path
    ) -> None:
        read = load(config)
        assert not isinstance(read, Broken), read
        self.judged = 0
        self.highest_a = 0.0
        self._site = read
        self._operations = operations
        self._below = below
        self._folder = folder
        self._lawful = Lawful(makes)
        self._taken = 0
        self._version = 0
        self._seen: set[tuple[str, int]] = set()

    def __call__(self, crash: Crash, here: Found) -> Iterator[str]:
        for operation in self._operations[self._taken : crash.after]:
            self._version += self._lawful.take(operation)
        self._taken = crash.after
        if (here.limits, self._version) not in self._seen:
            self._seen.add((here.limits, self._version))
            put_down(crash.files, self._below, self._folder)
            yield from self._too_low(datetime.fromtimestamp(self._operations[crash.after - 1].at, UTC))

    def _too_low(self, crashed: datetime) -> Iterator[str]:
        for later_s in LATER_S:
            at = crashed + timedelta(seconds=later_s)
            counted = counts_a(self._site, self._folder, at)
            for evse, lawful_a in self._lawful.may_draw_a(at).items():
                self.judged += 1
                self.highest_a = max(self.highest_a, lawful_a)
                if counted[evse] < lawful_a - TOLERANCE_A:
                    yield f"{evse} may draw {lawful_a} A {later_s:g} s later and counts {counted[evse]} A"
