"""What `sitectl top` can do about a station: each order as a question to a person, then to the daemon.

All of it goes through the daemon's one door, by the rights of who asks; what is refused is told in the daemon's words.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sitectl.cli.client import Client

LIMIT_S = 900.0
ALONE_S = 7200.0
WITHDRAW = "-"
ALL_THE_SAME = "--force"
"""Stands in a refusal that a person may overrule."""

Answer = dict[str, Any]
Do = Callable[[Client, "Place", str], Answer]
"""Asks the daemon; the last argument is what was chosen or typed."""


class NotUsable(Exception):
    """What was typed cannot be asked for; the text says what can."""


@dataclass(frozen=True, slots=True)
class Place:
    """A station and the EVSE under the cursor; 0: nobody has listed the station, so it has none."""

    station: str
    evse: int
    force: bool = False

    def __str__(self) -> str:
        return f"{self.station}:{self.evse}" if self.evse else self.station


@dataclass(frozen=True, slots=True)
class Order:
    """`choices`: the keys of which one is pressed; none: a line is typed. `of_evse`: of no use without one."""

    title: str
    question: str
    do: Do
    choices: Mapping[str, str] = field(default_factory=dict)
    of_evse: bool = True


def _reset(client: Client, place: Place, said: str) -> Answer:
    return client.post("stations", place.station, "reset", hard=said == "R", force=place.force, long=True)


def _unlock(client: Client, place: Place, said: str) -> Answer:
    return client.post("stations", place.station, "evses", str(place.evse), "unlock", force=place.force, long=True)


def _limit(client: Client, place: Place, said: str) -> Answer:
    path = ("stations", place.station, "evses", str(place.evse), "ceiling")
    if said.strip() == WITHDRAW:
        return client.delete(*path)
    return client.put(*path, body={"value": _amperes(said), "valid_s": LIMIT_S})


def _amperes(said: str) -> float:
    try:
        value = float(said.replace(",", "."))
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise NotUsable(f"{said!r} is no number of ampere: write 0 or more, or {WITHDRAW} to withdraw")
    return value


def _service(client: Client, place: Place, said: str) -> Answer:
    operative = said == "i"
    return client.post("stations", place.station, "availability", operative=operative, evse=place.evse, long=True)


def _healing(client: Client, place: Place, said: str) -> Answer:
    path = ("stations", place.station, "healing", "pause")
    if said == "h":
        return client.delete(*path)
    return client.put(*path, body={"why": "from sitectl top", "for_s": ALONE_S})


ORDERS: Mapping[str, Order] = {
    "r": Order("reset", "Reset {station} softly?", _reset, {"y": "yes"}, of_evse=False),
    "R": Order("reset hard", "Reset {station} at once, whatever it does?", _reset, {"y": "yes"}, of_evse=False),
    "u": Order("unlock", "Release the plug of {place}?", _unlock, {"y": "yes"}),
    "l": Order("limit", f"{{place}}: ampere per phase for {LIMIT_S / 60:.0f} min; 0: pause, -: withdraw", _limit),
    "o": Order("service", "{place}: out of service, or back?", _service, {"o": "out of service", "i": "into service"}),
    "h": Order(
        "healing", "Shall healing leave {station} alone?", _healing, {"a": "alone for 2 h", "h": "heal it"},
        of_evse=False,
    ),
}  # fmt: skip
"""By their keys. A hard reset is asked for on the card of a station."""


def ask(client: Client, key: str, place: Place, said: str) -> str:
    """Do it; in words what came of it. Raises what the client raises, and NotUsable."""
    order = ORDERS[key]
    done = order.do(client, place, key if key in "rR" else said)
    return _in_words(key, place, done)


def _in_words(key: str, place: Place, done: Answer) -> str:
    match key:
        case "l" if done["ceiling_a"] is None:
            return f"{place}: {'the limit is withdrawn' if done['cleared'] else 'no limit was set by hand'}"
        case "l":
            notes = "".join(f"; {note}" for note in done["notes"])
            return f"{place}: at most {done['ceiling_a']:g} A per phase until {done['until']}{notes}"
        case "o":
            return f"{place}: {'into' if done['operative'] else 'out of'} service, {done['status']}"
        case "h" if done["paused"]:
            return f"{place.station}: healing leaves it alone for {ALONE_S / 3600:.0f} h"
        case "h":
            return f"{place.station}: {'healed again' if done['was_paused'] else 'was not left alone'}"
    return f"{place if key == 'u' else place.station}: {done['status']}"
