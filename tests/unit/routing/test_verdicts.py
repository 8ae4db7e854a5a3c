"""Verdicts without a central, as plain values."""

from datetime import UTC, datetime, timedelta

import pytest

from sitectl.model.authorization import Remembered
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.routing.verdicts import Source, at_once, by_list, offline

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
YES = IdTokenInfo(AuthorizationStatus.ACCEPTED, parent="FLEET")
NO = IdTokenInfo(AuthorizationStatus.BLOCKED)
LAPSED = IdTokenInfo(AuthorizationStatus.ACCEPTED, expires=NOW)


def away(on_file: IdTokenInfo | None = None, named: bool = True, accept: bool = False, **known) -> tuple[str, str]:
    verdict = offline(on_file, Remembered(**known), NOW, named=named, accept_unknown=accept)
    return verdict.info.status.value, verdict.source.value


@pytest.mark.parametrize(
    ("on_file", "listed", "cached", "expected"),
    [
        (YES, NO, NO, ("Accepted", "file")),
        (NO, YES, YES, ("Blocked", "file")),
        (None, NO, YES, ("Blocked", "list")),
        (None, YES, NO, ("Accepted", "list")),
        (None, None, NO, ("Blocked", "cache")),
        (None, None, YES, ("Accepted", "cache")),
        (None, None, LAPSED, ("Expired", "cache")),
        (None, LAPSED, YES, ("Expired", "list")),
        (None, None, None, ("Invalid", "rule")),
    ],
)
def test_file_then_list_then_cache_then_the_rule(on_file, listed, cached, expected):
    assert away(on_file, listed=listed, cached=cached) == expected
    # What is known decides, whatever the rule for the unknown is.
    known = away(on_file, listed=listed, cached=cached, accept=True)
    assert known == (("Accepted", "rule") if expected[1] == "rule" else expected)


def test_an_unknown_token_needs_the_yes_of_site_and_central_and_a_name():
    assert away(accept=True) == ("Accepted", "rule")
    assert away(accept=True, unknown=False) == ("Invalid", "rule")
    assert away(accept=False, unknown=True) == ("Invalid", "rule")
    assert away(accept=True, named=False) == ("Invalid", "rule")


def test_a_central_that_wants_no_offline_start_gets_none_but_the_site_has_its_own_file():
    for known in ({"listed": YES}, {"cached": YES}, {}):
        assert away(accept=True, offline=False, **known) == ("Invalid", "rule")
    assert away(YES, offline=False) == ("Accepted", "file")


@pytest.mark.parametrize("source", ["file", "listed", "cached"])
def test_a_known_yes_needs_no_question_where_the_central_wants_it_so(source):
    def asked(info: IdTokenInfo, pre: bool = True):
        known = {} if source == "file" else {source: info}
        return at_once(info if source == "file" else None, Remembered(pre_authorize=pre, **known), NOW)

    found = asked(YES)
    assert found is not None
    assert found.info == YES
    assert asked(YES, pre=False) is None
    assert asked(NO) is None
    assert asked(LAPSED) is None
    assert asked(IdTokenInfo(AuthorizationStatus.ACCEPTED, expires=NOW + timedelta(seconds=1))) is not None


def test_a_no_of_the_list_hides_a_yes_of_the_cache():
    assert at_once(None, Remembered(listed=NO, cached=YES, pre_authorize=True), NOW) is None


def test_where_the_file_decides_nobody_else_does():
    assert by_list(YES).info == YES
    assert by_list(None).info.status is AuthorizationStatus.INVALID
    assert by_list(NO).source is Source.FILE
