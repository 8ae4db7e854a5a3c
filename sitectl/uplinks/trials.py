"""A trial of one central: whether each virtual station stands, how fast it answers, and what it says of a token."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sitectl.base.clock import Clock
from sitectl.model.ids import StationId
from sitectl.uplinks.link import Link

ASKED = 5
"""So many stations are asked for their heartbeat: a central with a thousand of them need not be shaken for it."""

ANSWER_S = 10.0


@dataclass(frozen=True, slots=True)
class LegTrial:
    """One virtual station: where it stands, why, and the round trip of a Heartbeat (ms; None: not asked, or silent)."""

    state: str
    why: str
    heartbeat_ms: float | None = None
    asked: bool = False


@dataclass(frozen=True, slots=True)
class CentralTrial:
    """`token`: what the central said of the one that was asked about; None: nothing, or nobody asked."""

    legs: Mapping[StationId, LegTrial]
    token: str | None = None

    @property
    def ok(self) -> bool:
        """Every station stands, and whoever was asked has answered."""
        legs = self.legs.values()
        return bool(legs) and all(leg.state == "accepted" and (leg.heartbeat_ms or not leg.asked) for leg in legs)


async def try_central(links: Sequence[Link], clock: Clock, id_token: str | None) -> CentralTrial:
    """Ask; takes as long as the slowest answer, ANSWER_S at most for each of two questions."""
    wanted = [link for link in links if link.wanted()]
    asked = [link for link in wanted if link.accepted][:ASKED]
    times = dict(
        zip(
            [link.station for link in asked], await asyncio.gather(*(_beat(link, clock) for link in asked)), strict=True
        )
    )
    token = None
    if id_token is not None and asked:
        info = await asked[0].authorize(id_token, ANSWER_S)
        token = None if info is None else info.status.value
    legs = {
        link.station: LegTrial(
            "accepted" if link.accepted else link.state.value,
            link.why,
            times.get(link.station),
            asked=link.station in times,
        )
        for link in wanted
    }
    return CentralTrial(legs, token)


async def _beat(link: Link, clock: Clock) -> float | None:
    """The round trip of a heartbeat in ms; it says nothing to the central that it would not hear anyway."""
    began = clock.monotonic()
    answer = await link.call("Heartbeat", {}, ANSWER_S)
    return None if answer is None else round((clock.monotonic() - began) * 1000, 1)
