"""How one uplink stands, for people: all its virtual stations taken together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from sitectl.model.transaction import Backlog
from sitectl.model.uplink import UplinkState, UplinkView
from sitectl.uplinks.connecting import LinkState

_ORDER = (LinkState.REFUSED, LinkState.OFFLINE, LinkState.CONNECTING, LinkState.ACCEPTED, LinkState.IDLE)
"""The worse first."""


class Standing(Protocol):
    """One virtual station, as it stands. `why` says what is amiss."""

    state: LinkState
    why: str

    @property
    def accepted(self) -> bool:
        """Whether the central listens."""

    def wanted(self) -> bool:
        """Whether the connection should be open."""


def view(links: Sequence[Standing], backlogs: Collection[Backlog], now: datetime) -> UplinkView:
    """How an uplink stands. Links that nobody wants open do not count."""
    wanted = [link for link in links if link.wanted()]
    waiting = [backlog for backlog in backlogs if backlog.waiting]
    oldest = min((b.oldest_wall for b in waiting if b.oldest_wall is not None), default=None)
    failing = sorted((_ORDER.index(link.state), link.why) for link in wanted if not link.accepted and link.why)
    return UplinkView(
        state=_state(wanted),
        stations=sum(1 for link in wanted if link.accepted),
        backlog=sum(backlog.waiting for backlog in waiting),
        oldest_s=None if oldest is None else max(0.0, now.timestamp() - oldest),
        dead=sum(backlog.dead for backlog in backlogs),
        text=failing[0][1] if failing else "",
    )


def _state(wanted: Sequence[Standing]) -> UplinkState:
    """Online only when every wanted connection is accepted; with none wanted there is nothing amiss."""
    missing = {link.state for link in wanted if not link.accepted}
    if not missing:
        return UplinkState.ONLINE
    if LinkState.REFUSED in missing:
        return UplinkState.REFUSED
    anybody = any(link.accepted for link in wanted)
    return UplinkState.OFFLINE if LinkState.OFFLINE in missing and not anybody else UplinkState.CONNECTING
