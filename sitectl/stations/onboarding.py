"""What is read from and set on a station once it has settled on a connection; all of it through its queue.

Read its configuration, learn whether every start must pass us, have it report currents, ask for statuses that it did
not send. Then watch whether the readings really come: an accepted setting is no proof.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from sitectl.model.commands import Answered, Command, GetVariables, Outcome, SetVariable, TriggerMessage, Urgency
from sitectl.model.events import StartControlLearned
from sitectl.model.ids import EvseId
from sitectl.model.security import SecurityEventType
from sitectl.ocpp.v16 import decode, setup
from sitectl.ocpp.v16.configuration import csv, starts_pass_us
from sitectl.stations.desk import Desk
from sitectl.stations.handlers.provisioning import HEARTBEAT_WITHOUT_PONGS_S
from sitectl.stations.record import Presently, StationRecord

log = logging.getLogger(__name__)

STATUS_GRACE_S = 10.0
WATCH_EVERY_S = 30.0
CHECK_EVERY_S = 3600.0
"""How often it is read again what was set: one call or five an hour."""
READINGS_WITHIN_S = 120.0
"""A running transaction without a current for so long: the sampling plan does not work there."""


async def onboard(desk: Desk, record: StationRecord, present: Presently) -> None:
    """Bring one connection of a listed station to work; runs until it is cancelled."""
    await _read_configuration(desk, record)
    await _ask_who_it_is(record, present)
    await _ask_for_statuses(record, present)
    await _apply(desk, record, _sampling(record))
    if not present.peer.pongs_seen:
        await _apply(desk, record, setup.heartbeat(_values(record), HEARTBEAT_WITHOUT_PONGS_S))
    desk.vitals.configuration(record.id, drifted(record))  # what it forgets in each boot has just been mended
    await desk.certificates.look_after(record, present)
    checked_at = desk.clock.monotonic()
    while True:
        await asyncio.sleep(WATCH_EVERY_S)
        if desk.clock.monotonic() - checked_at >= CHECK_EVERY_S:
            checked_at = desk.clock.monotonic()
            await check_configuration(desk, record)
        _watch_readings(desk, record)
        _watch_numbers(desk, record)
        _watch_frames(desk, record, present)
        await desk.certificates.look_after(record, present)


async def configure_again(desk: Desk, record: StationRecord) -> bool:
    """Write again what a station has lost, and look whether it holds; whether it does."""
    again = [setup.Setting(key, (record.accepted[key],)) for key in drifted(record)]
    await _apply(desk, record, [*again, *_sampling(record)])
    await check_configuration(desk, record)
    return not drifted(record)


async def check_configuration(desk: Desk, record: StationRecord) -> None:
    """Read again what was set: whether it still holds is a sign of how well the station is."""
    await _read_configuration(desk, record)
    desk.vitals.configuration(record.id, drifted(record))


def drifted(record: StationRecord) -> list[str]:
    """The keys that were written, and are not what the station accepted."""
    held = {key.lower(): value for key, (value, _) in record.configuration.items()}
    return [
        key
        for key, value in record.accepted.items()
        if key.lower() in held and csv(held[key.lower()].lower()) != csv(value.lower())
    ]


def _sampling(record: StationRecord) -> Sequence[setup.Setting]:
    quirks = record.quirks
    interval_s = quirks.sample_interval_s or setup.SAMPLE_INTERVAL_S
    return setup.sampling(_values(record), quirks.measurands, interval_s)


def _values(record: StationRecord) -> dict[str, str]:
    return {key: value for key, (value, _) in record.configuration.items()}


async def _order(record: StationRecord, command: Command) -> Outcome:
    return await record.queue.execute(command, Urgency.HOUSEKEEPING)


async def _read_configuration(desk: Desk, record: StationRecord) -> None:
    """Read the keys that matter. What was not read back counts as the worse value."""
    read: dict[str, tuple[str, bool]] = {}
    unknown: set[str] = set()
    for keys in setup.reads(record.quirks.keys_per_call):
        outcome = await _order(record, GetVariables(record.id, keys))
        if isinstance(outcome, Answered):
            told = decode.configuration(outcome.payload).value
            read |= told.values
            unknown |= told.unknown
    values = {key: value for key, (value, _) in read.items()}
    desk.inbox.post(StartControlLearned(record.id, desk.clock.monotonic(), starts_pass_us(values, unknown)))
    if read:
        record.configuration = {**record.configuration, **read}
        desk.book.learned(record, configuration=_values(record))


async def _ask_who_it_is(record: StationRecord, present: Presently) -> None:
    """Some stations boot once in their life. One that we have answered on this connection is never asked: the errata of
    1.6 want that refused.
    """
    if not present.welcomed and (record.known is None or record.known.boot is None):
        await _order(record, TriggerMessage(EvseId(record.id, 0), "BootNotification"))


async def _ask_for_statuses(record: StationRecord, present: Presently) -> None:
    """After a reconnection the standard wants a status only where it changed meanwhile."""
    await asyncio.sleep(STATUS_GRACE_S)
    for evse in record.evses():
        if evse not in present.statuses_seen:
            await _order(record, TriggerMessage(EvseId(record.id, evse), "StatusNotification"))


async def _apply(desk: Desk, record: StationRecord, settings: Sequence[setup.Setting]) -> None:
    """Write settings; of each the first value that the station takes. None where writing is known to do harm."""
    for setting in settings if record.quirks.writable else ():
        for value in setting.values:
            outcome = await _order(record, SetVariable(record.id, setting.key, value))
            data = {"key": setting.key, "value": value}
            if isinstance(outcome, Answered) and outcome.accepted:
                record.configuration = {**record.configuration, setting.key: (value, False)}
                record.accepted[setting.key] = value
                desk.book.learned(record, configuration=_values(record))
                desk.note("station.configured", record, {**data, "status": outcome.status})
                break
            if not isinstance(outcome, Answered):
                break  # it did not say no: what it would have taken is not to be found out by going on
        else:
            desk.note("station.configuration_refused", record, {"key": setting.key})


def _watch_frames(desk: Desk, record: StationRecord, present: Presently) -> None:
    """Whether it sends what cannot be read: told once a connection."""
    count = present.peer.endpoint.counters.malformed
    if count and not present.unreadable_told:
        present.unreadable_told = True
        desk.note("station.unreadable", record, {"frames": count})
        info = f"{count} frames of the station could not be read"
        desk.centrals.security_event(record.id, SecurityEventType.INVALID_MESSAGES, info)


def _watch_readings(desk: Desk, record: StationRecord) -> None:
    """Whether a running transaction shows its currents."""
    now = desk.clock.monotonic()
    expected = record.quirks.readings
    for evse, running in record.running.items():
        reading = record.readings.get(evse)
        seen_at = reading.at if reading is not None and reading.current_a is not None else running.since
        if now - max(seen_at, running.since) > READINGS_WITHIN_S:
            what = f"It charges on EVSE {evse} and reports no currents{'' if expected else ', as its model does'}."
            do = (
                "Look for its measurand settings; until then it counts at its limit, not at what it draws."
                if expected
                else "Give its circuit a meter, or live with it: it counts at its limit, not at what it draws."
            )
            if desk.book.problem(record.id, "readings", what, do):
                desk.note("station.no_readings", record, evse=evse)
            return
    desk.book.solved(record.id, "readings")


def _watch_numbers(desk: Desk, record: StationRecord) -> None:
    """Whether it charges only on EVSEs that somebody listed: no limit is made for any other."""
    unlisted = sorted(set(record.running) - set(record.evses()))
    if not unlisted:
        desk.book.solved(record.id, "numbers")
        return
    if desk.book.problem(
        record.id,
        "numbers",
        f"It charges on EVSE {unlisted[0]}, which nobody listed: nothing limits it.",
        "List every EVSE it has under its evses; until then only the grid meter shows what it draws there.",
    ):
        desk.note("station.unlisted_evse", record, evse=unlisted[0])
