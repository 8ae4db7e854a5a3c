"""How an uplink stands, by plain values."""

from dataclasses import dataclass

import pytest

from sitectl.model.ids import StationId
from sitectl.model.transaction import Backlog
from sitectl.model.uplink import UplinkState
from sitectl.uplinks.connecting import LinkState
from sitectl.uplinks.standing import view
from tests.unit.uplinks.twins import START


@dataclass
class One:
    state: LinkState
    why: str = ""
    is_wanted: bool = True

    @property
    def accepted(self) -> bool:
        return self.state is LinkState.ACCEPTED

    def wanted(self) -> bool:
        return self.is_wanted


ACCEPTED, OFFLINE = One(LinkState.ACCEPTED), One(LinkState.OFFLINE, "no route")
REFUSED, CONNECTING = One(LinkState.REFUSED, "HTTP 401"), One(LinkState.CONNECTING)


@pytest.mark.parametrize(
    ("links", "state", "text"),
    [
        ([], UplinkState.ONLINE, ""),
        ([ACCEPTED, ACCEPTED], UplinkState.ONLINE, ""),
        ([One(LinkState.OFFLINE, "no route", is_wanted=False)], UplinkState.ONLINE, ""),
        ([ACCEPTED, CONNECTING], UplinkState.CONNECTING, ""),
        ([OFFLINE, CONNECTING], UplinkState.OFFLINE, "no route"),
        ([ACCEPTED, OFFLINE], UplinkState.CONNECTING, "no route"),
        ([ACCEPTED, OFFLINE, REFUSED], UplinkState.REFUSED, "HTTP 401"),
    ],
)
def test_the_worst_that_matters_is_told(links, state, text):
    seen = view(links, [], START)
    assert (seen.state, seen.text, seen.stations) == (state, text, links.count(ACCEPTED))


def test_backlogs_are_added_up():
    began = START.timestamp()
    backlogs = [Backlog(StationId("A"), 3, began - 60.0, 1), Backlog(StationId("B"), 0, None, 2)]
    seen = view([], backlogs, START)
    assert (seen.backlog, seen.oldest_s, seen.dead) == (3, 60.0, 3)
