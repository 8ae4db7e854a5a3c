"""Which rung of the ladder each EVSE was found to obey on, over a restart: by vendor, model, firmware and serial."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.tasks import Tasks
from sitectl.model.events import Event, RungRemembered
from sitectl.model.ids import EvseId, StationId
from sitectl.model.ladder import FormVerdict, Ladder, LadderStep, LimitForm
from sitectl.model.station import StationIdentity
from sitectl.site.ports import Kept, OverlayStore
from sitectl.state.site_state import SiteState

log = logging.getLogger(__name__)

KIND = "probe"
SOURCE = "measured"


class RungKeeper:
    """Writes down what is found, and says it again after a restart. `post` is the site's ear."""

    def __init__(self, post: Callable[[Event], None], overlay: OverlayStore, clock: Clock, tasks: Tasks) -> None:
        self._post = post
        self._overlay = overlay
        self._clock = clock
        self._tasks = tasks
        self._seen: dict[EvseId, Ladder] = {}
        self._writing: set[EvseId] = set()

    def resume(self, site: Callable[[], SiteState]) -> None:
        """Say what is kept; after the site has heard who its stations are, before they connect."""
        now = self._clock.monotonic()
        for key, entry in self._overlay.of(KIND).items():
            evse = evse_of(key)
            held = site().evses.get(evse) if evse is not None else None
            found = _read(entry, held.ladder) if held is not None else None
            if evse is None or found is None:
                log.warning("what is kept of the ladder of %s is of nothing that is installed here", key)
                continue
            self._post(RungRemembered(evse, now, *found))
        self._seen = {id: evse.ladder for id, evse in site().evses.items()}

    def look(self, state: SiteState) -> None:
        """Write down what is new, and forget what no longer holds."""
        for id, evse in state.evses.items():
            ladder, seen = evse.ladder, self._seen.get(id)
            if seen is ladder or id in self._writing:
                continue
            value = _value(ladder, state.stations[id.station].identity) if _is_found(ladder) else None
            kept = self._overlay.of(KIND).get(key_of(id))
            if value == (None if kept is None else kept.value) or (value is None and seen is None):
                self._seen[id] = ladder
                continue
            self._writing.add(id)
            self._tasks.spawn(self._write(id, ladder, value), f"rung of {id}")

    async def _write(self, id: EvseId, ladder: Ladder, value: dict[str, Any] | None) -> None:
        try:
            if value is None:
                await self._overlay.forget(KIND, key_of(id))
            else:
                await self._overlay.keep(KIND, key_of(id), value, source=SOURCE)
        except EnvironmentFault as fault:
            log.warning("%s: on which rung it obeys is not on disk: %s", id, fault)
        finally:
            self._seen[id] = ladder
            self._writing.discard(id)


def key_of(evse: EvseId) -> str:
    """The name of an EVSE in the overlay."""
    return f"{evse.station}/{evse.evse}"


def evse_of(key: str) -> EvseId | None:
    """The EVSE of such a name; None where it is none."""
    station, _, number = key.rpartition("/")
    return EvseId(StationId(station), int(number)) if station and number.isascii() and number.isdigit() else None


def _is_found(ladder: Ladder) -> bool:
    """Whether there is anything that another walk would have to find again."""
    return ladder.proven or bool(ladder.tried) or (ladder.accepted and ladder.form != ladder.first)


def _value(ladder: Ladder, identity: StationIdentity) -> dict[str, Any]:
    who = {"vendor": identity.vendor, "model": identity.model, "firmware": identity.firmware, "serial": identity.serial}
    tried = [{**_form(form), "verdict": verdict.value} for form, verdict in ladder.tried]
    return {
        **who,
        **_form(ladder.form),
        "accepted": ladder.accepted,
        "proven": ladder.proven,
        "settled": ladder.settled,
        "tried": tried,
    }


def _form(form: LimitForm) -> dict[str, Any]:
    return {"step": form.step.value, "watts": form.watts, "relative": form.relative, "lowest": form.lowest}


def _identity(value: Mapping[str, Any]) -> StationIdentity | None:
    try:
        return StationIdentity(value["vendor"], value["model"], value["firmware"], value["serial"])
    except (KeyError, TypeError):
        return None


def _read(entry: Kept, now: Ladder) -> tuple[StationIdentity, Ladder] | None:
    """Identity and ladder of an entry, under the configuration that holds now; None where it is no such thing."""
    value = entry.value
    identity = _identity(value) if isinstance(value, dict) else None
    if identity is None:
        return None
    try:
        tried = tuple((_form_of(one), FormVerdict(one["verdict"])) for one in value["tried"])
        accepted, proven, settled = (value[key] is True for key in ("accepted", "proven", "settled"))
        form = _form_of(value)
        return identity, replace(now, form=form, accepted=accepted, proven=proven, settled=settled, tried=tried)
    except (KeyError, TypeError, ValueError):
        return None


def _form_of(value: Mapping[str, Any]) -> LimitForm:
    flags = (value["watts"] is True, value["relative"] is True, value["lowest"] is True)
    return LimitForm(LadderStep(value["step"]), *flags)
