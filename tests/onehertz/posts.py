"""Stations that obey OCPP 1.6 and their lines, with what goes wrong: delays, lost answers, rounding, wrong clocks,
stations that say yes and carry on, reboots that forget.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sitectl.base.clock import LoopClock
from sitectl.model.electrical import PhaseCurrents, PhaseRotation
from sitectl.model.ids import EvseId
from sitectl.model.station import EvsePlan, ProfileStorage, StationPlan
from sitectl.simulator.profiles import Profile
from sitectl.wire.outcomes import Answer, CallOutcome, Gone, TimedOut
from tests.onehertz.cars import Car

CALL_TIMEOUT_S = 30.0
NEVER = float("inf")


@dataclass(frozen=True)
class PostSpec:
    """How one station behaves.

    * `slow_transport`: the part of its calls that take 10 to 30 s on the way; `answers_lost`: of its answers.
    * `rounds`: it knows whole ampere only, "down" or "up"; `least_a`: what it makes of less than 6 A, but not of 0.
    * `shares_a`: its own balancing holds the sum of its connectors to this.
    * `rotation`: how its phases really lie, where the plan is wrong.
    """

    transport_s: tuple[float, float] = (0.1, 2.0)
    slow_transport: float = 0.0
    answers_lost: float = 0.0
    ignores: bool = False
    rounds: str = ""
    least_a: float = 0.0
    clock_error_s: float = 0.0
    clock_known: bool = True
    reading_s: float = 10.0
    reading_age_s: tuple[float, float] = (0.0, 3.0)
    cable_a: float = 32.0
    shares_a: float | None = None
    rotation: PhaseRotation | None = None
    starts_pass_us: bool = True


def draw_post(random: Random, reading_s: float = 10.0) -> PostSpec:
    """One station of the kinds that exist."""
    return PostSpec(
        slow_transport=0.01,
        answers_lost=0.01,
        ignores=random.random() < 0.01,
        rounds=random.choices(("", "down", "up"), (70, 20, 10))[0],
        least_a=6.0 if random.random() < 0.1 else 0.0,
        clock_error_s=random.choice((0.0, random.uniform(-300.0, 300.0))),
        reading_s=reading_s,
        cable_a=random.choices((32.0, 20.0, 13.0), (80, 12, 8))[0],
    )


@dataclass
class Held:
    """A limit that lies in the station, by its own clock."""

    limit_a: float
    begins: datetime | None = None
    ends: datetime | None = None

    def now_a(self, own: datetime) -> float | None:
        if (self.begins is not None and own < self.begins) or (self.ends is not None and own >= self.ends):
            return None
        return self.limit_a


@dataclass
class Bay:
    """One connector. `drawn_a` lies on the grid's phases; `told`: its transaction was told to the controller."""

    plan: EvsePlan
    rotation: PhaseRotation
    car: Car | None = None
    transaction: int = 0
    told: bool = False
    limit: Held | None = None
    default: Held | None = None
    drawn_a: PhaseCurrents = field(default=PhaseCurrents(0.0, 0.0, 0.0))
    shares_a: float = NEVER

    @property
    def phases(self) -> int:
        return 0 if self.car is None else min(self.car.spec.phases, len(self.rotation.phases))

    def on_grid(self, a: float) -> PhaseCurrents:
        """This current on each phase that the car uses."""
        own = [a if phase < self.phases else 0.0 for phase in range(3)]
        return self.rotation.to_grid(PhaseCurrents(*own))


class Post:
    """One station."""

    def __init__(self, plan: StationPlan, spec: PostSpec, random: Random, clock: LoopClock) -> None:
        self.plan, self.spec, self.random, self.clock = plan, spec, random, clock
        self.bays = {evse.id.evse: Bay(evse, spec.rotation or evse.rotation) for evse in plan.evses}
        self.line: Line | None = None
        self.silent = False
        """It reports nothing any more."""
        self.down = False
        """It reboots: nothing is drawn until it is back."""
        self.rose: Callable[[Bay], None] = lambda bay: None
        """Told whenever what a connector may draw has risen."""
        self.stops: Callable[[Bay], None] = lambda bay: None
        """Told when a transaction is to be stopped."""
        self.most: Held | None = None

    def own_clock(self) -> datetime:
        return self.clock.wall() + timedelta(seconds=self.spec.clock_error_s)

    def lawful_a(self, bay: Bay) -> float:
        """What this connector may draw by what the station was told."""
        if bay.car is None or self.down:
            return 0.0
        own, most_a = self.own_clock(), bay.plan.max_a
        if self.most is not None and (station_a := self.most.now_a(own)) is not None:
            most_a = min(most_a, station_a)
        for held in (bay.limit, bay.default):
            if held is not None and (limit_a := held.now_a(own)) is not None:
                return min(limit_a, most_a)
        return most_a

    def offered_a(self, bay: Bay) -> float:
        """What it lets its car have."""
        offer_a = bay.plan.max_a if self.spec.ignores and not self.down else self.lawful_a(bay)
        if self.spec.rounds == "down":
            offer_a = float(int(offer_a))
        elif self.spec.rounds == "up":
            offer_a = float(-int(-offer_a // 1))
        if 0.0 < offer_a < 6.0:
            offer_a = self.spec.least_a
        return min(offer_a, self.spec.cable_a, bay.shares_a)

    def step(self, dt_s: float) -> None:
        """Let its cars follow."""
        if self.spec.shares_a is not None:
            self._balance(self.spec.shares_a)
        for bay in self.bays.values():
            if bay.car is not None:
                bay.drawn_a = bay.on_grid(bay.car.step(dt_s, self.offered_a(bay)))

    def _balance(self, shares_a: float) -> None:
        """Its own load management: an equal part to each car that draws, what one leaves to the others, at once."""
        active = [bay for bay in self.bays.values() if bay.car is not None]
        left_a = shares_a
        for place, bay in enumerate(sorted(active, key=lambda b: b.car.current_a if b.car else 0.0)):
            part_a = left_a / (len(active) - place)
            wants_a = min(bay.car.wish_a() if bay.car else 0.0, self.lawful_a(bay))
            bay.shares_a = max(6.0, min(part_a, wants_a + 1.0)) if wants_a >= 6.0 else part_a
            left_a -= min(bay.shares_a, wants_a)

    # --- what it is told ---

    def hold(self, bay: Bay, held: Held, *, default: bool = False) -> None:
        """Keep a limit; says so when the connector may draw more than before."""
        before_a = self.lawful_a(bay)
        if default:
            bay.default = held
        else:
            bay.limit = held
        if bay.car is not None and self.lawful_a(bay) > before_a:
            self.rose(bay)

    def call(self, action: str, payload: dict[str, Any]) -> str:
        """What it is asked; the status word of its answer."""
        if action == "SetChargingProfile":
            return self.take(payload)
        if action == "ClearChargingProfile":
            self.clear(payload.get("connectorId"), payload.get("chargingProfilePurpose"))
        elif action == "RemoteStopTransaction":
            for bay in self.bays.values():
                if bay.car is not None and bay.transaction == payload["transactionId"]:
                    self.stops(bay)
        return "Accepted"

    def take(self, payload: dict[str, Any]) -> str:
        """SetChargingProfile, with every purpose."""
        profile, number = Profile.read(payload["csChargingProfiles"]), payload["connectorId"]
        volts = 230.0 * profile.periods[0].phases if profile.in_watts else 1.0
        begins = profile.start_schedule or (self.own_clock() if profile.duration_s is not None else None)
        ends = None
        if begins is not None and profile.duration_s is not None:
            ends = begins + timedelta(seconds=profile.duration_s)
        held = Held(profile.periods[0].limit / volts, begins, ends)
        if profile.purpose == "TxProfile":
            bay = self.bays[number]
            if bay.car is None or not bay.told or profile.transaction_id not in (None, bay.transaction):
                return "Rejected"
            self.hold(bay, held)
        elif profile.purpose == "TxDefaultProfile":
            for bay in [self.bays[number]] if number else self.bays.values():
                self.hold(bay, held, default=True)
        else:
            self.most = held
        return "Accepted"

    def clear(self, number: int | None, purpose: str | None) -> None:
        """ClearChargingProfile, as far as it names a connector and a purpose."""
        if purpose in (None, "ChargePointMaxProfile"):
            self.most = None
        for bay in self.bays.values() if not number else [self.bays[number]]:
            bay.limit = None if purpose in (None, "TxProfile") else bay.limit
            bay.default = None if purpose in (None, "TxDefaultProfile") else bay.default

    def begin(self, number: int, car: Car, transaction: int) -> EvseId:
        """A car plugs in and may draw at once."""
        bay = self.bays[number]
        bay.car, bay.transaction, bay.told, bay.limit = car, transaction, False, None
        bay.shares_a = NEVER
        return bay.plan.id

    def end(self, number: int) -> None:
        bay = self.bays[number]
        bay.car, bay.limit, bay.told, bay.drawn_a = None, None, False, PhaseCurrents(0.0, 0.0, 0.0)

    def reboot(self) -> None:
        """Down until it connects again; what it kept in RAM is gone."""
        self.down = True
        if self.plan.profile_storage is ProfileStorage.RAM:
            for bay in self.bays.values():
                bay.limit = bay.default = None


class Line:
    """The connection of a post, as the outbound queue wants it."""

    def __init__(self, post: Post) -> None:
        self.post, self.gone, self.heard_at = post, False, 0.0
        self._open: set[asyncio.Future[CallOutcome]] = set()

    def ask(self, action: str, payload: dict[str, Any], timeout_s: float) -> asyncio.Future[CallOutcome]:
        """Deliver a call after a while; its answer may get lost."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[CallOutcome] = loop.create_future()
        self._open.add(future)
        future.add_done_callback(self._open.discard)

        def settle(outcome: CallOutcome) -> None:
            if not future.done():
                future.set_result(outcome)

        def arrive() -> None:
            if self.gone:
                return
            status = self.post.call(action, payload)
            if self.post.random.random() >= self.post.spec.answers_lost:
                loop.call_later(self.delay_s(), settle, Answer({"status": status}))

        loop.call_later(self.delay_s(), arrive)
        loop.call_later(timeout_s, settle, TimedOut())
        return future

    def delay_s(self) -> float:
        """One way."""
        random, spec = self.post.random, self.post.spec
        if random.random() < spec.slow_transport:
            return random.uniform(10.0, 30.0)
        return random.uniform(*spec.transport_s) / 2.0

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.end()

    def end(self) -> None:
        """The connection is gone."""
        self.gone = True
        for future in list(self._open):
            if not future.done():
                future.set_result(Gone("the connection ended", sent=True))
