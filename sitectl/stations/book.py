"""What is known of every station, in memory: the listed ones, those that were here before, and the quarantined.

Read once from the store, so that after a restart with everything else dead every known station is taken as what it was.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.model.events import LimitTraitsLearned, StationBooted, TransactionStarted
from sitectl.model.health import Problem
from sitectl.model.ids import EvseId, StationId, TransactionId
from sitectl.model.knowledge import StationKnowledge
from sitectl.model.metering import EvseReading
from sitectl.model.station import KnownStation, StationIdentity, StationPlan
from sitectl.model.transaction import Payload
from sitectl.quirks.vocabulary import Zone
from sitectl.stations.knowledge import knowledge
from sitectl.stations.manners import manners_of
from sitectl.stations.models import Models
from sitectl.stations.outbound import Handout, OutboundQueue, Silence
from sitectl.stations.ports import Ledger, SiteInbox, StationBook
from sitectl.stations.record import Running, StationRecord

log = logging.getLogger(__name__)


class Book:
    """All stations. Meets `StationFacts` of the uplinks."""

    def __init__(
        self,
        plans: Mapping[StationId, StationPlan],
        store: StationBook,
        inbox: SiteInbox,
        clock: Clock,
        tasks: Tasks,
        silence: Silence,
        models: Models | None = None,
    ) -> None:
        self._plans = plans
        self._models = models or Models()
        self._store = store
        self._inbox = inbox
        self._clock = clock
        self._tasks = tasks
        self._silence = silence
        self._handout = Handout()
        self._problems: dict[tuple[StationId, str], Problem] = {}
        self.records: dict[StationId, StationRecord] = {}
        self.quarantined: dict[StationId, StationRecord] = {}

    async def load(self, ledger: Ledger, *, quarantine: bool) -> None:
        """Read what the store remembers, and tell the site: who has been here, and what runs.

        `quarantine`: strangers are kept and counted, so those that were here before still are, connected or not.
        """
        known = await self._store.known()
        now = self._clock.monotonic()
        for station in dict.fromkeys([*self._plans, *known]):
            record = self.record(station)
            record.known = known.get(station)
            if record.quarantined:
                if quarantine and record.known is not None:
                    self.quarantined[station] = record
                    self._inbox.post(StationBooted(station, now, record.known.identity, remembered=True))
                continue
            if record.known is not None:
                record.configuration = {
                    key: (value, False) for key, value in (record.known.configuration or {}).items()
                }
                if record.known.boot is not None:
                    self._inbox.post(StationBooted(station, now, record.known.identity, remembered=True))
            self.recognise(record)
            # Where one was told late beside a newer one, that which runs is the newer.
            for open_ in sorted(await ledger.open_transactions(station), key=lambda one: one.started):
                record.running[open_.evse.evse] = Running(
                    open_.transaction, open_.station_transaction_id, now, meter_start_wh=open_.meter_start_wh
                )
                self._inbox.post(
                    TransactionStarted(
                        open_.evse,
                        open_.transaction,
                        now,
                        open_.station_transaction_id,
                        open_.id_token,
                        resumed=True,
                        started=open_.started,
                        meter_start_wh=open_.meter_start_wh,
                    )
                )

    def record(self, station: StationId) -> StationRecord:
        """The record of a station, made when it is first asked for."""
        record = self.records.get(station)
        if record is None:
            queue = OutboundQueue(station, self._clock, self._handout, self._tasks, self._silence)
            record = StationRecord(station, self._plan(station), queue)
            self.records[station] = record
        return record

    def replan(
        self, plans: Mapping[StationId, StationPlan], *, quarantine: bool, models: Models | None = None
    ) -> Sequence[tuple[StationRecord, bool]]:
        """Take another list of stations, and other sheets; whose place has changed by it, and whether it was listed."""
        self._plans = plans
        self._models = models or self._models
        moved = [] if quarantine else [(record, False) for record in self.quarantined.values()]
        for record in self.records.values():
            plan, was_listed = self._plan(record.id), record.plan is not None
            record.plan = plan
            if was_listed == (plan is not None):
                continue
            if (record, was_listed) not in moved:
                moved.append((record, was_listed))
            if plan is not None:
                self.quarantined.pop(record.id, None)
            elif quarantine and record.known is not None:
                self.quarantined[record.id] = record
        if not quarantine:
            self.quarantined.clear()
        for station in plans:
            self.record(station)
        for record in self.records.values():
            self.recognise(record)
        return moved

    def recognise(self, record: StationRecord) -> None:
        """Look up what is known of its model, and let everybody heed it. The site hears it where it is news."""
        identity = record.known.identity if record.known is not None else StationIdentity()
        matched = self._models.of(record.plan, identity)
        if matched is record.matched:
            return
        before, record.matched = record.quirks, matched
        quirks = record.quirks
        record.mends = quirks if quirks.mends_payloads else None
        record.queue.manners = manners_of(quirks)
        record.clock.pin_local(quirks.zone is Zone.SITE)
        if quirks.limits != before.limits:
            self._inbox.post(LimitTraitsLearned(record.id, self._clock.monotonic(), quirks.limits))

    def _plan(self, station: StationId) -> StationPlan | None:
        plan = self._plans.get(station)
        return plan if plan is not None and plan.installed else None

    def learned(
        self,
        record: StationRecord,
        *,
        identity: StationIdentity | None = None,
        boot: Payload | None = None,
        credential: str | None = None,
        configuration: Mapping[str, str] | None = None,
    ) -> None:
        """Remember facts; they are written behind, and only when they are new."""
        old = record.known or KnownStation(record.id, StationIdentity())
        new = replace(
            old,
            identity=identity if identity is not None else old.identity,
            boot=boot if boot is not None else old.boot,
            credential=credential if credential is not None else old.credential,
            configuration=configuration if configuration is not None else old.configuration,
        )
        if new == record.known:
            return
        record.known = new
        self._tasks.spawn(self._write(record), f"remember {record.id}")

    async def keep_credential(self, record: StationRecord, credential: str | None) -> None:
        """Remember what a station proves itself by; on disk when this returns. Raises EnvironmentFault."""
        known = record.known or KnownStation(record.id, StationIdentity())
        record.known = replace(known, credential=credential)
        await self._store.remember(record.known)

    async def _write(self, record: StationRecord) -> None:
        try:
            if record.known is not None:
                await self._store.remember(record.known)
        except EnvironmentFault as fault:
            log.warning("%s: what was learned is not on disk: %s", record.id, fault, extra={"station": record.id})

    def knowledge(self, station: StationId) -> StationKnowledge | None:
        """What is known of a station beyond the standard, for people; None: there is none."""
        record = self.records.get(station)
        return None if record is None else knowledge(record, self._models)

    # --- problems ----------------------------------------------------------------------------------------------------

    def problem(self, station: StationId, kind: str, what: str, do: str) -> bool:
        """Something is wrong with a station, until `solved`. False: it was known already."""
        if (station, kind) in self._problems:
            return False
        self._problems[station, kind] = Problem(what, station, self._clock.wall(), do)
        return True

    def solved(self, station: StationId, kind: str) -> None:
        """It is no longer."""
        self._problems.pop((station, kind), None)

    def problems(self) -> Sequence[Problem]:
        """What is wrong, oldest first."""
        return sorted(self._problems.values(), key=lambda problem: problem.since)

    # --- facts, as the uplinks ask for them ---------------------------------------------------------------------------

    def online(self, station: StationId) -> bool:
        """Whether the station is connected."""
        record = self.records.get(station)
        return record is not None and record.present is not None

    def connections(self, station: StationId) -> int:
        """How often it has connected, by which a boot is told from an arrival."""
        record = self.records.get(station)
        return record.connections if record is not None else 0

    def boot(self, station: StationId) -> Payload | None:
        """Its last BootNotification payload, raw."""
        record = self.records.get(station)
        return record.known.boot if record is not None and record.known is not None else None

    def evses(self, station: StationId) -> Sequence[int]:
        """Its EVSE numbers, as planned or as seen."""
        record = self.records.get(station)
        return record.evses() if record is not None else ()

    def statuses(self, station: StationId) -> Mapping[int, Payload]:
        """The newest StatusNotification payload of each connector, raw; 0 is the station."""
        record = self.records.get(station)
        return record.statuses if record is not None else {}

    def configuration(self, station: StationId) -> Mapping[str, tuple[str, bool]]:
        """Configuration read from the station: key -> (value, read-only)."""
        record = self.records.get(station)
        return record.configuration if record is not None else {}

    def learn(self, station: StationId, values: Mapping[str, tuple[str, bool]]) -> None:
        """Remember configuration that was read from the station, or that it has accepted."""
        record = self.records.get(station)
        if record is not None and values:
            record.configuration = {**record.configuration, **values}
            self.learned(record, configuration={key: text for key, (text, _) in record.configuration.items()})

    def reading(self, evse: EvseId) -> EvseReading | None:
        """The newest reading of an EVSE."""
        record = self.records.get(evse.station)
        return record.readings.get(evse.evse) if record is not None else None

    def running(self, evse: EvseId) -> bool:
        """Whether a transaction runs there."""
        record = self.records.get(evse.station)
        return record is not None and evse.evse in record.running

    def running_ids(self, station: StationId) -> Sequence[int]:
        """The ids by which the station knows what runs."""
        record = self.records.get(station)
        return [running.station_transaction_id for running in record.running.values()] if record is not None else []

    def running_transaction(self, station: StationId, transaction: TransactionId) -> int | None:
        """The id by which the station knows this transaction, None when it does not run."""
        record = self.records.get(station)
        running = record.running.values() if record is not None else ()
        return next((r.station_transaction_id for r in running if r.transaction == transaction), None)
