from sitectl.model.ladder import LadderStep, LimitTraits
from sitectl.model.station import StationIdentity
from sitectl.quirks.match import NOBODY, Tie, match, quirks_of, ties
from sitectl.quirks.sheet import Pattern, StationSheet, parse_bounds
from sitectl.quirks.vocabulary import STANDARD, IdentityPlace, Zone

OLD = parse_bounds("<3")
assert OLD is not None
WHOLE = StationSheet("acme", "", {"transport.pongs": False, "limit.unit": "W"}, (Pattern("acme"),))
FAMILY = StationSheet("acme-one", "", {"limit.unit": "A"}, (Pattern("acme", "one*"),))
FIRMWARE = StationSheet("acme-old", "", {"transport.call_timeout_s": 60.0}, (Pattern("acme", None, OLD),))
SHEETS = (FAMILY, FIRMWARE, WHOLE)


def test_nobody_knows_a_station_that_no_sheet_fits() -> None:
    assert match(StationIdentity("Other", "One", "1"), SHEETS) is NOBODY
    assert NOBODY.quirks is STANDARD


def test_the_more_specific_wins_a_flag_and_the_rest_adds_up() -> None:
    found = match(StationIdentity("Acme", "One-22", "2.5"), SHEETS)
    assert found.quirks.limits.watts is False
    assert not found.quirks.pongs
    assert found.quirks.call_timeout_s == 60.0
    assert found.said_by == {
        "transport.pongs": "acme",
        "limit.unit": "acme-one",
        "transport.call_timeout_s": "acme-old",
    }
    assert set(found.sheets) == {"acme", "acme-one", "acme-old"}


def test_order_of_the_files_decides_nothing() -> None:
    identity = StationIdentity("Acme", "One-22", "2.5")
    assert match(identity, SHEETS).quirks == match(identity, SHEETS[::-1]).quirks


def test_the_sheet_that_is_named_goes_before_all_that_fit() -> None:
    named = StationSheet("bench", "", {"limit.unit": "W"})
    found = match(StationIdentity("Acme", "One-22", "2.5"), SHEETS, named)
    assert found.quirks.limits.watts is True
    assert found.sheets[-1] == "bench"
    assert match(StationIdentity(), SHEETS, named).sheets == ("bench",)


def test_a_tie_is_two_that_differ_where_neither_is_narrower() -> None:
    other = StationSheet("acme-new", "", {"limit.unit": "W"}, (Pattern("acme", None, OLD),))
    assert list(ties([FAMILY, other])) == [Tie("acme-one", "acme-new", "limit.unit")]
    same = StationSheet("acme-new", "", {"limit.unit": "A"}, (Pattern("acme", None, OLD),))
    assert list(ties([FAMILY, same])) == [], "both say the same"
    assert list(ties([FAMILY, WHOLE])) == [], "one is narrower"
    apart = StationSheet("two", "", {"limit.unit": "W"}, (Pattern("acme", "two"),))
    assert list(ties([FAMILY, apart])) == [], "no station fits both"
    twin = StationSheet("acme-b", "", {"transport.pongs": True}, (Pattern("acme"),))
    assert list(ties([WHOLE, twin])) == [Tie("acme", "acme-b", "transport.pongs")], "equally wide"


def test_flags_become_values() -> None:
    flags = {
        "transport.identity": "url",
        "json.wrap": ("meterValue",),
        "meter.register": "transaction",
        "clock.zone": "site",
        "limit.steps": ("tx_default", "start_stop"),
        "limit.kind": "relative",
        "limit.storage": "ram",
        "limit.zero": "ends",
        "limit.lowest_stack": True,
        "limit.number_phases": False,
    }
    quirks = quirks_of(flags)
    assert quirks.identity is IdentityPlace.URL
    assert quirks.wrap == {"meterValue"}
    assert quirks.register_of_transaction
    assert quirks.zone is Zone.SITE
    assert quirks.mends_payloads
    assert quirks.limits == LimitTraits(
        steps=(LadderStep.TX_DEFAULT, LadderStep.START_STOP),
        relative=True,
        lowest=True,
        phases=False,
        in_ram=True,
        zero_ends=True,
    )
    assert quirks_of({}) == STANDARD
    assert quirks_of({"meter.register": "lifetime", "limit.zero": "pauses"}) == STANDARD
