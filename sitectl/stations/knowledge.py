"""What is known of a station, put together from its record for people."""

from __future__ import annotations

from sitectl.model.knowledge import KnownFlag, KnownSheet, StationKnowledge
from sitectl.model.station import StationIdentity
from sitectl.quirks.vocabulary import FLAGS
from sitectl.stations.models import Models
from sitectl.stations.record import StationRecord

_SAYS = {flag.name: flag.says for flag in FLAGS}


def knowledge(record: StationRecord, models: Models) -> StationKnowledge:
    """All that is known of it."""
    matched = record.matched
    sheets = [found for name in matched.sheets if (found := models.sheet(name)) is not None]
    pongs = record.present is not None and record.present.peer.pongs_seen
    return StationKnowledge(
        identity=record.known.identity if record.known is not None else StationIdentity(),
        sheets=[KnownSheet(sheet.id, sheet.title, sheet.notes, sheet.sources) for sheet in sheets],
        flags=[
            KnownFlag(name, _plain(matched.flags[name]), _SAYS[name], matched.said_by[name])
            for name in _SAYS
            if name in matched.flags
        ],
        deviations=sorted(record.deviations),
        learned={
            "answers_pings": True if record.answers_pings or pongs else None,
            "call_timeout_s": record.queue.timeout_s,
            "clock_ahead_s": record.clock.skew.learned_s,
            "stamps_in_local_time": record.clock.is_local,
            "configuration_keys_read": len(record.configuration),
        },
    )


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
