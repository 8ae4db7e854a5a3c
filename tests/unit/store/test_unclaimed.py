"""Messages for centrals that the configuration does not name, by values alone."""

from sitectl.model.ids import UplinkId
from sitectl.store.unclaimed import findings
from tests.unit.store.builders import CENTRAL

OLD = UplinkId("old")


def test_only_what_waits_for_a_name_that_is_not_configured_is_told_with_its_count_and_the_cure() -> None:
    ((what, where, do),) = findings({CENTRAL: 5, OLD: 3}, {CENTRAL})
    assert what == "Messages wait for an uplink that is not in the configuration: 3"
    assert where == OLD
    assert "uplinks.old" in do


def test_nothing_is_told_once_it_is_back_or_they_are_gone() -> None:
    assert not [*findings({CENTRAL: 5, OLD: 3}, {CENTRAL, OLD})]
    assert not [*findings({OLD: 0}, {CENTRAL})]
    assert not [*findings({}, {})]


def test_without_any_uplink_each_that_is_waited_for_is_told() -> None:
    assert [where for _, where, _ in findings({CENTRAL: 1, OLD: 2}, {})] == [CENTRAL, OLD]
