"""Refusals that come too late: the central says no to a token after the station was let start.

By the errata of OCPP 1.6 (3.17) such a no counts as if it had come in time. What follows is the central's own choice:

* MaxEnergyOnInvalidId: so much energy from the refusal on the transaction may still have; then
* StopTransactionOnInvalidId true: the station is told to stop, again and again, and when the first time had no effect
  it gets 0 A too; false: 0 A, and the transaction stays open.

ConcurrentTx while the central has not heard of all that this token did here, or when the start was sent twice, is our
own doing: the central is asked again once it has heard all, and its word then counts.

Where the site itself decides on tokens, nothing follows. It is all on disk, and goes on over a restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.config.settings import AuthorizationMode
from sitectl.model.commands import RequestStop, Urgency
from sitectl.model.events import TransactionEnded
from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.metering import EvseReading
from sitectl.model.refusal import Refusal, Treatment
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.uplinks import virtual
from sitectl.uplinks.ports import Rooms
from sitectl.uplinks.profiles import Profiles

log = logging.getLogger(__name__)

LOOK_S = 1.0
RETRY_S = 60.0
ASK_AGAIN_S = 10.0
DISK_RETRY_S = 5.0

READING_S = 30.0
"""A reading says for so long what the meter shows; without one no energy can be granted any longer."""

SETTLED_S = 10.0
IDLE_A = 1.0
"""A car that draws less this long after it got 0 A obeys: then 0 A works."""

Ask = Callable[[StationId, str], Awaitable[IdTokenInfo | None]]
"""Ask the central about a token; None when it is away or does not answer in time."""


@dataclass(slots=True)
class _Case:
    """One refusal on its way. `again`: the start was sent more than once. `evse` None: not looked up yet.

    `shown`: the newest reading of its register since it `began`. `saved`: the treatment is on disk. `asked`: how often
    the station was told to stop; `next_at`: when the next step is due.
    """

    station: StationId
    transaction: TransactionId
    verdict: AuthorizationStatus
    again: bool = False
    evse: EvseId | None = None
    id_token: str = ""
    treatment: Treatment | None = None
    register_wh: float | None = None
    shown: EvseReading | None = None
    saved: bool = True
    began: float = 0.0
    since: float = 0.0
    asked: int = 0
    next_at: float = 0.0
    paused_at: float | None = None


class Refusals:
    """The late refusals of one uplink."""

    def __init__(self, rooms: Rooms, profiles: Profiles, clock: Clock, ask: Ask) -> None:
        self._rooms = rooms
        self._profiles = profiles
        self._clock = clock
        self._ask = ask
        self._cases: dict[TransactionId, _Case] = {}

    def late(
        self, station: StationId, transaction: TransactionId, verdict: AuthorizationStatus, *, again: bool = False
    ) -> None:
        """Act on a refusal that nobody waited for, if the transaction still runs. `again`: its start was sent twice."""
        if self._decides() and transaction not in self._cases:
            self._follow(_Case(station, transaction, verdict, again))

    async def restore(self) -> None:
        """Go on where the disk says that we were. Raises EnvironmentFault when it says nothing."""
        for refusal in await self._rooms.refusals.running(self._profiles.uplink):
            settled = refusal.verdict is None or refusal.treatment is Treatment.KEEP
            if not settled and self._decides() and refusal.transaction not in self._cases:
                self._follow(_restored(refusal))

    def hear(self, event: TransactionEnded) -> None:
        """A transaction that is over needs nothing more."""
        self._cases.pop(event.transaction, None)

    def withdraw(self) -> None:
        """This central has no say any more."""
        for case in [*self._cases.values()]:
            self._let_go(case)

    def _decides(self) -> bool:
        """Whether centrals decide on tokens here, or the site does."""
        return self._rooms.authorization().mode is AuthorizationMode.UPLINK

    # --- one case after the other, each at its own pace ---------------------------------------------------------------

    def _follow(self, case: _Case) -> None:
        case.began = case.since = self._clock.monotonic()
        self._cases[case.transaction] = case
        self._rooms.spawn(self._life(case), f"refused {case.transaction}")

    async def _life(self, case: _Case) -> None:
        while self._is_open(case):
            if not self._decides():
                self._let_go(case)
                return
            try:
                await self._look(case)
            except EnvironmentFault as fault:
                log.warning("%s: a refusal waits for the disk: %s", case.station, fault)
                await asyncio.sleep(DISK_RETRY_S)
            await asyncio.sleep(LOOK_S)

    def _is_open(self, case: _Case) -> bool:
        return self._cases.get(case.transaction) is case

    def _let_go(self, case: _Case) -> None:
        self._cases.pop(case.transaction, None)
        if case.evse is not None and case.paused_at is not None:
            self._profiles.resume(case.evse, case.transaction)

    async def _look(self, case: _Case) -> None:
        if case.evse is None:
            await self._conclude(case)
        elif not case.saved:
            await self._save(case)
        if case.evse is None or not self._is_open(case):
            return
        match case.treatment:
            case Treatment.WAIT:
                await self._ask_again(case)
            case Treatment.ALLOWANCE if self._is_used_up(case, case.evse):
                await self._end(case)
            case Treatment.STOP:
                self._stop(case, case.evse)
            case Treatment.PAUSE:
                self._pause(case, case.evse)

    # --- what follows -------------------------------------------------------------------------------------------------

    async def _conclude(self, case: _Case) -> None:
        """What to make of a refusal that is new."""
        uplink = self._profiles.uplink
        found = await self._rooms.refusals.find(uplink, case.transaction)
        if found is None:
            self._cases.pop(case.transaction, None)
            return
        concurrent = case.verdict is AuthorizationStatus.CONCURRENT_TX
        ours = concurrent and (
            case.again or await self._rooms.refusals.untold(uplink, case.transaction, found.id_token)
        )
        case.evse, case.id_token = found.evse, found.id_token
        if ours:
            await self._treat(case, Treatment.WAIT)
        else:
            await self._refuse(case)
        self._note(case, "transaction.refused_late")

    async def _refuse(self, case: _Case) -> None:
        if virtual.number(self._rooms, self._profiles.uplink, case.station, "MaxEnergyOnInvalidId") > 0:
            await self._treat(case, Treatment.ALLOWANCE)
        else:
            await self._end(case)

    async def _end(self, case: _Case) -> None:
        """No more energy: by a stop, or by 0 A."""
        stops = virtual.flag(self._rooms, self._profiles.uplink, case.station, "StopTransactionOnInvalidId")
        case.next_at = 0.0
        await self._treat(case, Treatment.STOP if stops else Treatment.PAUSE)

    async def _ask_again(self, case: _Case) -> None:
        now, uplink = self._clock.monotonic(), self._profiles.uplink
        if now < case.next_at:
            return
        case.next_at = now + ASK_AGAIN_S
        if await self._rooms.refusals.untold(uplink, case.transaction, case.id_token):
            return
        info = await self._ask(case.station, case.id_token)
        if info is None or not self._is_open(case):
            return
        if info.status is AuthorizationStatus.ACCEPTED:
            await self._treat(case, Treatment.KEEP)
            if case.saved:
                self._cases.pop(case.transaction, None)
        else:
            case.verdict = info.status
            await self._refuse(case)
        self._note(case, "transaction.asked_again")

    async def _treat(self, case: _Case, treatment: Treatment) -> None:
        """On disk first, because the stop's reason and the energy that counts are read from there."""
        case.treatment, case.saved = treatment, False
        await self._save(case)

    async def _save(self, case: _Case) -> None:
        if case.treatment is None:
            return
        shown_wh = self._register(case)
        try:
            counted_wh = await self._rooms.refusals.treat(
                self._profiles.uplink, case.transaction, case.treatment, shown_wh
            )
        except EnvironmentFault as fault:  # what has to follow follows all the same
            log.warning("%s: a refusal is not on disk: %s", case.station, fault)
            case.register_wh = shown_wh if case.register_wh is None else case.register_wh
            return
        case.saved, case.register_wh = True, counted_wh
        if counted_wh is None or case.treatment is Treatment.KEEP:
            self._cases.pop(case.transaction, None)

    # --- energy -------------------------------------------------------------------------------------------------------

    def _register(self, case: _Case) -> float | None:
        """What the meter shows."""
        reading = None if case.evse is None else self._rooms.facts.reading(case.evse)
        fresh = reading is not None and self._clock.monotonic() - reading.at <= READING_S
        return reading.register_wh if reading is not None and fresh else None

    def _is_used_up(self, case: _Case, evse: EvseId) -> bool:
        """Whether the energy is gone that was granted: by the register, and by the power since it was read."""
        granted_wh = virtual.number(self._rooms, self._profiles.uplink, case.station, "MaxEnergyOnInvalidId")
        now, newest = self._clock.monotonic(), self._rooms.facts.reading(evse)
        if newest is not None and newest.register_wh is not None and newest.at >= case.began:
            case.shown = newest  # readings in between may tell of currents alone
        reading = case.shown
        if not self._rooms.facts.online(case.station):
            case.since = now  # nothing can be ordered; what it draws meanwhile shows when it is back
            return False
        if reading is None or reading.register_wh is None or case.register_wh is None:
            return now - case.since > READING_S
        if now - max(reading.at, case.since) > READING_S:
            return True
        used_wh, age_s = reading.register_wh - case.register_wh, max(0.0, now - reading.at)
        if age_s <= READING_S:  # an older one is of before it was away: the next says what it drew
            used_wh += _power_w(reading, self._profiles.nominal_voltage_v) * (age_s + LOOK_S) / 3600.0
        return used_wh >= granted_wh

    # --- the station --------------------------------------------------------------------------------------------------

    def _stop(self, case: _Case, evse: EvseId) -> None:
        """Tell the station until it has stopped; it may be away, or busy, or deaf to it."""
        now, facts = self._clock.monotonic(), self._rooms.facts
        running = facts.running_transaction(case.station, case.transaction)
        if running is None or now < case.next_at or not facts.online(case.station) or self._obeys_zero(case, evse):
            return
        if case.asked > 0:
            self._pause(case, evse)
        case.asked, case.next_at = case.asked + 1, now + RETRY_S
        order = RequestStop(case.station, running)
        self._rooms.spawn(self._rooms.door.execute(case.station, order, Urgency.STOP), f"stop {case.transaction}")

    def _pause(self, case: _Case, evse: EvseId) -> None:
        if case.paused_at is None:
            case.paused_at = self._clock.monotonic()
            self._profiles.pause(evse, case.transaction)

    def _obeys_zero(self, case: _Case, evse: EvseId) -> bool:
        reading = self._rooms.facts.reading(evse)
        if case.paused_at is None or reading is None or reading.current_a is None:
            return False
        return reading.at > case.paused_at + SETTLED_S and max(reading.current_a) < IDLE_A

    def _note(self, case: _Case, type: str) -> None:
        data = {"uplink": self._profiles.uplink, "transaction": case.transaction, "verdict": case.verdict.value}
        treatment = None if case.treatment is None else case.treatment.value
        self._rooms.journal.record(type, case.station, data={**data, "treatment": treatment})


def _restored(refusal: Refusal) -> _Case:
    case = _Case(refusal.evse.station, refusal.transaction, refusal.verdict or AuthorizationStatus.INVALID)
    if refusal.treatment is not None:
        case.evse, case.id_token = refusal.evse, refusal.id_token
        case.treatment, case.register_wh = refusal.treatment, refusal.register_wh
    return case


def _power_w(reading: EvseReading, nominal_voltage_v: float) -> float:
    if reading.power_w is not None:
        return max(0.0, reading.power_w)
    return nominal_voltage_v * sum((reading.current_a or ())[: reading.phases or 3])
