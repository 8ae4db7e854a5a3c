"""Routing, as plain values."""

from sitectl.model.ids import StationId, UplinkId
from sitectl.routing.route import Route

CP = StationId("CP01")


def test_every_station_is_shown_to_the_default():
    route = Route(UplinkId("central"))
    assert route.uplinks_of(CP) == (UplinkId("central"),)
    assert route.copies(CP, "TAG") == (UplinkId("central"),)


def test_without_a_default_nobody_sees_anything():
    assert Route(None).uplinks_of(CP) == ()
    assert Route(None).copies(CP, "TAG") == ()
