"""Meters that are reckoned from others: `house = main - pv`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sitectl.config.settings import VirtualMeter
from sitectl.meters.ports import SiteInbox
from sitectl.model.electrical import NO_CURRENT
from sitectl.model.events import Event, MeterFailed, MeterRead
from sitectl.model.ids import MeterId
from sitectl.model.metering import MeterReading


class VirtualMeters:
    """Stands between the meters and the site: passes everything on, and adds the readings of the virtual meters.

    A virtual reading is as old as the oldest of its parts, and comes when that one is new: a part that stays away makes
    it age, as every meter does.
    """

    def __init__(self, virtual: Mapping[MeterId, VirtualMeter], inbox: SiteInbox) -> None:
        self._virtual = virtual
        self._inbox = inbox
        self._newest: dict[MeterId, MeterReading] = {}

    def post(self, event: Event) -> None:
        """Hand an event to the site, then what follows from it."""
        self._inbox.post(event)
        if isinstance(event, MeterRead):
            self._newest[event.reading.meter] = event.reading
            self._reckon(event.reading.meter)
        elif isinstance(event, MeterFailed):
            self._tell(event)

    def _reckon(self, part: MeterId) -> None:
        for meter, made_of in self._virtual.items():
            if part not in made_of.parts or any(each not in self._newest for each in made_of.parts):
                continue
            made = reckoned(
                meter,
                [self._newest[each] for each in made_of.sum],
                [self._newest[each] for each in made_of.minus],
            )
            before = self._newest.get(meter)
            if before is None or made.at > before.at:
                self.post(MeterRead(made))

    def _tell(self, failed: MeterFailed) -> None:
        for meter, made_of in self._virtual.items():
            if failed.meter in made_of.parts:
                self.post(MeterFailed(meter, failed.at, f"its part {failed.meter}: {failed.why}"))


def reckoned(meter: MeterId, sum_: Sequence[MeterReading], minus: Sequence[MeterReading]) -> MeterReading:
    """The reading of a virtual meter; what one part does not know is unknown.

    Currents are added with their signs, as if all had one power factor: that is exact where it matters most, at the
    fuse, and off by a few per cent where a load is very inductive.
    """
    parts = [*sum_, *minus]
    current_a = NO_CURRENT
    for part in sum_:
        current_a = current_a.plus(part.current_a)
    for part in minus:
        current_a = current_a.minus(part.current_a)
    power_w: float | None = None
    if all(part.power_w is not None for part in parts):
        power_w = sum(part.power_w or 0.0 for part in sum_) - sum(part.power_w or 0.0 for part in minus)
    unchanged: float | None = None
    if all(part.unchanged_since is not None for part in parts):
        unchanged = max(part.unchanged_since or 0.0 for part in parts)
    return MeterReading(
        meter=meter,
        at=min(part.at for part in parts),
        current_a=current_a,
        power_w=power_w,
        voltage_v=sum_[0].voltage_v,
        frequency_hz=sum_[0].frequency_hz,
        unchanged_since=unchanged,
    )
