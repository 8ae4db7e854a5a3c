"""Healing with all that it needs of the other rooms; it runs beside them."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.daemon.field import Field
from sitectl.daemon.wiring import Wired
from sitectl.model.hands import Hand
from sitectl.model.ids import StationId
from sitectl.site.healer import Healer
from sitectl.site.remedies import Doors, Remedies
from sitectl.site.station_facts import FactBook, is_others
from sitectl.stations.stations import zone_of
from sitectl.store.opening import Store

log = logging.getLogger(__name__)


async def begin_healing(rooms: Wired, store: Store, field: Field, clock: Clock, tasks: Tasks) -> Healer:
    """Make it, before anybody can connect; run it then."""
    stations, resets, availability = rooms.stations, rooms.pool.resets, rooms.pool.availability

    def busy() -> Mapping[StationId, str]:
        return {**rooms.trials.at_work(), **resets.at_work()}

    def ordered(hand: Hand) -> None:
        if is_others(hand):
            store.attempts.ordered(hand)

    try:
        stations.hands.remember(await store.attempts.hands())
    except EnvironmentFault as fault:
        log.warning("what others ordered of stations in the last day is not known: %s", fault)
    stations.hands.done = ordered
    doors = Doors(lambda: rooms.site.state, rooms.ear.post, stations, resets, availability, field)
    healer = Healer(
        rooms.site,
        FactBook(stations.vitals, stations.hands, availability.outs, busy, field.feeds),
        Remedies(doors, clock),
        store.attempts,
        store.overlay,
        store.journal,
        clock,
        tasks,
        lambda: rooms.live.settings.healing,
        lambda: zone_of(rooms.live.settings),
    )
    stations.vitals.changed = healer.changed
    rooms.overview.also_look(healer.findings)
    return healer
