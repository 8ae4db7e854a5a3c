"""The world of the simulated month: stations, cars that come and go, maladies, and what remedies do to them.

Everything is drawn from one seed before any policy acts, except what a policy itself brings about, so that all policies
live through the same month. Moments are seconds from its beginning.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.bench.maladies import MALADIES, RATE_PER_STATION_DAY, Malady
from tests.unit.healing.actors import Actor

DAY_S = 86_400.0
VISIT_S = DAY_S
"""How long after somebody knows a person has been there."""
CARS_PER_EVSE_DAY = 1.4
POWER_W = 7_000.0
AGAIN_P = 0.6
"""The part of drivers (or apps) that start again when their charging was cut off."""
DURATIONS_S = {"soft_reset": 45.0, "hard_reset": 75.0, "power_cycle": 100.0}


@dataclass
class Car:
    """One car: how much it still wants, and when it leaves."""

    wants_wh: float
    leaves: float
    charging_since: float | None = None
    says_so: bool = True


@dataclass
class Case:
    """One malady of one station, as it came to it. `known_at`: when somebody began to know that a person is needed."""

    malady: Malady
    station: Actor
    evse: int
    began: float
    cures: frozenset[str]
    known_at: float | None = None
    ended: float | None = None
    by: str = ""
    returned: int = 0


@dataclass
class Tally:
    """What is counted, beside the cases themselves."""

    energy_wh: float = 0.0
    resets: int = 0
    under_car: int = 0
    on_danger: int = 0
    for_nothing: int = 0
    cars_cut_off: int = 0
    visits: int = 0
    for_nothing_told: int = 0


@dataclass
class World:
    """200 stations for 30 days. `noticed` is called when something of a station changed."""

    seed: int
    stations: int = 200
    days: float = 30.0
    now: float = 0.0
    actors: list[Actor] = field(default_factory=list)
    cars: dict[tuple[str, int], Car] = field(default_factory=dict)
    cases: list[Case] = field(default_factory=list)
    ill: dict[str, Case] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    wide: str = ""
    _coming: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        random = Random(self.seed)
        for number in range(self.stations):
            evses = 2 if number % 5 == 0 else 1
            relay, controlled = number % 6 == 0, number % 2 == 0
            actor = Actor(f"CP{number:03d}", evses, relay, controlled)
            self.actors.append(actor)
            for evse in range(1, evses + 1):
                self._plan_cars(actor, evse, Random(random.random()))
        self._plan_maladies(random)
        self.at(12.3 * DAY_S, self._power_cut)
        self.at(20.6 * DAY_S, self._network_down)

    # --- time --------------------------------------------------------------------------------------------------------

    def at(self, moment: float, what: Callable[[], None]) -> None:
        self._number += 1
        heapq.heappush(self._coming, (moment, self._number, what))

    def next_at(self) -> float:
        return self._coming[0][0] if self._coming else float("inf")

    def until(self, moment: float) -> None:
        """Everything that happens up to then."""
        while self._coming and self._coming[0][0] <= moment:
            self.now, _, what = heapq.heappop(self._coming)
            what()
        self.now = moment

    # --- cars --------------------------------------------------------------------------------------------------------

    def _plan_cars(self, actor: Actor, evse: int, random: Random) -> None:
        moment = random.expovariate(CARS_PER_EVSE_DAY / DAY_S)
        while moment < self.days * DAY_S:
            wants_wh, stays_s = random.uniform(5_000, 35_000), random.uniform(1, 12) * 3600
            says_so = random.random() < 0.8
            car = Car(wants_wh, moment + stays_s, says_so=says_so)
            self.at(moment, lambda car=car: self._arrives(actor, evse, car))  # type: ignore[misc]
            moment += stays_s + random.expovariate(CARS_PER_EVSE_DAY / DAY_S)

    def _arrives(self, actor: Actor, evse: int, car: Car) -> None:
        case = self.ill.get(actor.id)
        if (
            case is not None
            and (case.malady.blocks or case.malady.at == "free")
            and (case.malady.whole or case.evse == evse)
        ):
            return  # it drives on
        self.cars[actor.id, evse] = car
        self.at(car.leaves, lambda: self._leaves(actor, evse, car))
        self._charge(actor, evse, car)

    def _charge(self, actor: Actor, evse: int, car: Car) -> None:
        car.charging_since = self.now
        self.at(self.now + car.wants_wh / POWER_W * 3600, lambda: self._full(actor, evse, car))
        actor.draws_really.add(evse)
        self.show(actor, evse)

    def _settle(self, car: Car) -> None:
        """Count what flowed until now."""
        if car.charging_since is not None:
            took_wh = min(car.wants_wh, (self.now - car.charging_since) / 3600 * POWER_W)
            car.wants_wh -= took_wh
            self.tally.energy_wh += took_wh
            car.charging_since = None

    def _full(self, actor: Actor, evse: int, car: Car) -> None:
        if self.cars.get((actor.id, evse)) is not car or car.charging_since is None:
            return
        if car.wants_wh > (self.now - car.charging_since) / 3600 * POWER_W + 1:
            return
        self._settle(car)
        actor.draws_really.discard(evse)
        self.show(actor, evse)
        case = self.ill.get(actor.id)
        if case is not None and case.malady.at == "charging" and case.evse == evse:
            self.cured(case, "itself")

    def _leaves(self, actor: Actor, evse: int, car: Car) -> None:
        if self.cars.get((actor.id, evse)) is not car:
            return
        self._settle(car)
        del self.cars[actor.id, evse]
        actor.draws_really.discard(evse)
        case = self.ill.get(actor.id)
        if case is not None and case.malady.at == "charging" and case.evse == evse:
            self.cured(case, "itself")
        self.show(actor, evse)

    def cut_off(self, actor: Actor, evse: int) -> None:
        """A car that charged, or was plugged in, loses its transaction."""
        car = self.cars.get((actor.id, evse))
        if car is not None and car.charging_since is not None:
            self._settle(car)
            self.tally.cars_cut_off += 1
        actor.draws_really.discard(evse)

    def show(self, actor: Actor, evse: int) -> None:
        """What the station says of an EVSE, as long as it is heard and its malady does not say otherwise."""
        case = self.ill.get(actor.id)
        if not actor.picture.online or (case is not None and case.evse == evse and case.malady.blocks):
            return
        car = self.cars.get((actor.id, evse))
        if car is None:
            actor.happens(self.now, {"evse": evse, "charges": False})
        elif car.charging_since is not None:
            if actor.evse(evse).transaction is None:
                actor.happens(self.now, {"evse": evse, "charges": True})
        elif actor.evse(evse).transaction is not None:
            word = "SuspendedEV" if car.says_so else "Charging"
            told = {"evse": evse, "status": word, "reads": "nothing", "flows": False, "taken_wh": 9_000}
            actor.happens(self.now, told)
        else:
            actor.happens(self.now, {"evse": evse, "status": "Finishing"})

    # --- maladies ----------------------------------------------------------------------------------------------------

    def _plan_maladies(self, random: Random) -> None:
        weights = [malady.weight for malady in MALADIES]
        moment, rate = 0.0, RATE_PER_STATION_DAY * self.stations / DAY_S
        while (moment := moment + random.expovariate(rate)) < (self.days - 2) * DAY_S:
            malady = random.choices(MALADIES, weights)[0]
            lot = random.random()
            self.at(moment, lambda m=malady, lot=lot: self._falls_ill(m, lot))  # type: ignore[misc]

    def _falls_ill(self, malady: Malady, lot: float) -> None:
        """At a station where it can come, chosen by lot."""
        random, cars = Random(lot), self.cars
        places = [(actor, evse.id.evse) for actor in self.actors for evse in actor.picture.evses]
        random.shuffle(places)
        for actor, evse in places:
            car = cars.get((actor.id, evse))
            charging = car is not None and car.charging_since is not None
            if actor.id in self.ill or not actor.picture.online or self.wide:
                continue
            if (malady.at == "charging" and not charging) or (malady.at == "free" and car is not None):
                continue
            if malady.whole and malady.blocks and any((actor.id, n + 1) in cars for n in range(2)):
                continue
            roll = random.random()
            cures = frozenset(remedy for remedy, chance in malady.cures.items() if roll < chance)
            case = Case(malady, actor, evse, self.now, cures)
            self.cases.append(case)
            self._begins(case)
            if random.random() < malady.alone[0]:
                alone_at = self.now + random.expovariate(1 / malady.alone[1])
                self.at(alone_at, lambda one=case: self.cured(one, "itself"))  # type: ignore[misc]
            if random.random() < malady.returns:
                case.returned = -1  # once
            return

    def _begins(self, case: Case) -> None:
        actor, malady = case.station, case.malady
        if malady.blocks:
            self.cut_off(actor, case.evse)
            actor.happens(self.now, {"evse": case.evse, "reads": "nothing", "flows": False})
        self.ill[actor.id] = case
        actor.happens(self.now, {"evse": case.evse, **malady.begins})

    def cured(self, case: Case, by: str) -> None:
        """It is over, if it was not before."""
        actor = case.station
        if case.ended is not None:
            return
        case.ended, case.by = self.now, by
        del self.ill[actor.id]
        if not actor.picture.online:
            actor.happens(self.now, {"online": True})
        actor.happens(self.now, {"evse": case.evse, **case.malady.ends})
        car = self.cars.get((actor.id, case.evse))
        if case.malady.blocks:
            actor.happens(self.now, {"evse": case.evse, "transaction": False})
            again = Random(case.began).random() < AGAIN_P
            if car is not None and car.charging_since is None and car.wants_wh > 100 and again:
                self._charge(actor, case.evse, car)
                return
        self.show(actor, case.evse)
        if case.returned == -1 and by not in ("itself", "person"):
            self.at(self.now + 900, lambda: self._returns(case))

    def _returns(self, case: Case) -> None:
        actor = case.station
        if actor.id in self.ill or not actor.picture.online or (actor.id, case.evse) in self.cars:
            return
        case.returned, case.ended, case.by = 1, None, ""
        self._begins(case)

    def visited(self, case: Case) -> None:
        """A person has been there."""
        if case.ended is None:
            self.tally.visits += 1
            self.cured(case, "person")

    # --- the whole site ----------------------------------------------------------------------------------------------

    def _power_cut(self) -> None:
        """Four minutes without supply; all come back, some say under-voltage for a while."""
        self.wide = "power"
        for actor in self.actors:
            for evse in actor.picture.evses:
                self.cut_off(actor, evse.id.evse)
            actor.happens(self.now, {"offline": True})
        self.at(self.now + 240, self._power_back)

    def _power_back(self) -> None:
        for number, actor in enumerate(self.actors):
            case = self.ill.get(actor.id)
            if case is None or not case.malady.begins.get("offline"):
                actor.happens(self.now, {"online": True})
            if case is None and number % 3 == 0:
                actor.happens(self.now, {"fault": "UnderVoltage"})
                self.at(self.now + 150, lambda a=actor: self._voltage_back(a))  # type: ignore[misc]
            elif case is None:
                self._restart_cars(actor)
        self.at(self.now + 600, self._calm)

    def _voltage_back(self, actor: Actor) -> None:
        actor.happens(self.now, {"clear": True})
        self._restart_cars(actor)

    def _restart_cars(self, actor: Actor) -> None:
        for evse in actor.picture.evses:
            actor.happens(self.now, {"evse": evse.id.evse, "transaction": False})
            car = self.cars.get((actor.id, evse.id.evse))
            if car is not None and car.charging_since is None and car.wants_wh > 100:
                self._charge(actor, evse.id.evse, car)
            else:
                self.show(actor, evse.id.evse)

    def _network_down(self) -> None:
        """Two hours without network: the cars go on charging."""
        self.wide = "network"
        for actor in self.actors:
            actor.happens(self.now, {"offline": True})
        self.at(self.now + 7200, self._network_back)

    def _network_back(self) -> None:
        for actor in self.actors:
            case = self.ill.get(actor.id)
            if case is not None and case.malady.begins.get("offline"):
                continue
            actor.happens(self.now, {"online": True})
            for evse in actor.picture.evses:
                self.show(actor, evse.id.evse)
        self._calm()

    def _calm(self) -> None:
        self.wide = ""

    # --- remedies ----------------------------------------------------------------------------------------------------

    def remedy(self, actor: Actor, kind: str, evse: int | None, disruptive: bool) -> str:
        """Somebody does something to a station; the outcome as its hand sees it. What was wrong with it is counted."""
        case = self.ill.get(actor.id)
        reset = kind in DURATIONS_S
        if kind != "power_cycle" and not actor.picture.online:
            return "not done"
        if case is not None and case.malady.begins.get("unanswered") and kind not in ("power_cycle", "reconnect"):
            return "unanswered"
        touched = actor.draws_really if reset else actor.draws_really & {evse}
        if disruptive:
            self.tally.under_car += bool(touched)
            self.tally.on_danger += case is not None and case.malady.danger
            self.tally.for_nothing += case is None
        if reset:
            self.tally.resets += 1
            self._restart(actor, kind, case)
        elif kind == "end_transaction" and case is None and evse is not None:
            self.cut_off(actor, evse)
        elif case is not None and kind in case.cures:
            self.at(self.now + 3, lambda: self.cured(case, kind))
        return "done"

    def _restart(self, actor: Actor, kind: str, case: Case | None) -> None:
        for evse in actor.picture.evses:
            self.cut_off(actor, evse.id.evse)
        actor.happens(self.now, {"away_s": 300, "offline": True})
        self.at(self.now + DURATIONS_S[kind], lambda: self._booted(actor, kind, case))

    def _booted(self, actor: Actor, kind: str, case: Case | None) -> None:
        still = self.ill.get(actor.id)
        if still is not None and still.malady.begins.get("offline") and kind not in still.cures:
            return
        actor.happens(self.now, {"online": True})
        if case is not None and case is still and kind in case.cures:
            self.cured(case, kind)
            return
        for evse in actor.picture.evses:
            if still is None or still.evse != evse.id.evse:
                actor.happens(self.now, {"evse": evse.id.evse, "transaction": False})
                self.show(actor, evse.id.evse)


def facts(case: Case) -> dict[str, Any]:
    """A case in short, for a list of them."""
    return {"what": case.malady.name, "station": str(case.station.id), "began": case.began, "by": case.by or "nobody"}
