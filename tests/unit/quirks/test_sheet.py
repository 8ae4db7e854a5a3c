import pytest

from sitectl.model.station import StationIdentity
from sitectl.quirks.sheet import ANY_FIRMWARE, Bounds, Pattern, parse_bounds, version_in


def bounds(text: str) -> Bounds:
    parsed = parse_bounds(text)
    assert parsed is not None
    return parsed


@pytest.mark.parametrize(
    ("text", "version"),
    [("1.8.21", (1, 8, 21)), ("05.43", (5, 43)), ("055.5", (55, 5)), ("V1.38.00", (1, 38, 0)), ("6", (6,))],
)
def test_the_first_number_in_a_name_is_the_firmware(text: str, version: tuple[int, ...]) -> None:
    assert version_in(text) == version


def test_a_name_without_a_number_is_no_version() -> None:
    assert version_in("") is None
    assert version_in("beta") is None


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("<=1.8.21", ["1.8.21", "1.8", "0.1"], ["1.8.22", "2"]),
        (">=6 <7", ["6", "6.7.38", "6.999"], ["5.17.87", "7", "7.0"]),
        (">6", ["6.1", "7"], ["6", "6.0.0", "5"]),
        ("=55.5", ["55.5", "55.5.0"], ["55.6", "55"]),
    ],
)
def test_bounds_hold_what_lies_between_them(text: str, inside: list[str], outside: list[str]) -> None:
    between = bounds(text)
    assert [one for one in inside if not between.holds(version_in(one) or ())] == []
    assert [one for one in outside if between.holds(version_in(one) or ())] == []


@pytest.mark.parametrize("text", ["", "6", "6.*", ">=7 <6", "~6", ">= six", ">6 <6"])
def test_what_bounds_nothing_is_refused(text: str) -> None:
    assert parse_bounds(text) is None


def test_bounds_that_only_touch_meet_where_both_hold_the_point() -> None:
    assert bounds("<=6").meets(bounds(">=6"))
    assert not bounds("<6").meets(bounds(">=6"))
    assert not bounds("<=6").meets(bounds(">6"))
    assert bounds(">=6 <7").within(ANY_FIRMWARE)
    assert not ANY_FIRMWARE.within(bounds(">=6 <7"))


def test_a_pattern_fits_whatever_the_case_and_the_blanks() -> None:
    pattern = Pattern("acme", "one*", bounds(">=2"))
    assert pattern.fits(StationIdentity(" ACME ", "One-22", "v2.1"))
    assert not pattern.fits(StationIdentity("Acme", "Two", "v2.1"))
    assert not pattern.fits(StationIdentity("Acme", "One", "v1.9"))
    assert not pattern.fits(StationIdentity("Acme", "One", "")), "a firmware that is not told fits no bounds"
    assert not pattern.fits(StationIdentity("Acme Inc", "One", "2"))


def test_narrower_is_what_fits_fewer_of_the_same() -> None:
    whole, family, one = Pattern("acme"), Pattern("acme", "one*"), Pattern("acme", "one-22")
    old = Pattern("acme", None, bounds("<3"))
    assert family.narrower(whole)
    assert one.narrower(family)
    assert old.narrower(whole)
    assert not whole.narrower(family)
    assert not whole.narrower(whole)
    assert not old.narrower(family)
    assert not family.narrower(old)
    assert old.meets(family), "neither is narrower, and both may fit"
    assert not Pattern("acme", "two").meets(one)
    assert not Pattern("other").meets(whole)
