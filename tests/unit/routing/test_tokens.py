"""Which verdicts are remembered, and whose token ends a transaction, as plain values."""

import pytest

from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.routing.tokens import memorable, stopper


@pytest.mark.parametrize("status", AuthorizationStatus)
def test_all_but_what_is_of_this_moment_only(status):
    assert memorable("1234", IdTokenInfo(status)) is (status is not AuthorizationStatus.CONCURRENT_TX)


@pytest.mark.parametrize("placeholder", ["", "0", "ABC"])
def test_placeholders_are_no_tokens(placeholder):
    assert not memorable(placeholder, IdTokenInfo(AuthorizationStatus.INVALID))


@pytest.mark.parametrize(
    ("started", "parent", "stopped", "stopped_parent", "expected"),
    [
        ("TAG1", None, None, None, None),
        ("TAG1", "P", "", "P", None),
        ("TAG1", None, "tag1", None, "own"),
        ("TAG1", "FLEET", "TAG2", "fleet", "group"),
        ("TAG1", "FLEET", "FLEET", None, "group"),
        ("TAG1", "FLEET", "TAG2", "OTHERS", "other"),
        ("TAG1", None, "TAG2", None, "other"),
        ("", None, "TAG2", None, "other"),
    ],
)
def test_whose_token_ended_it(started, parent, stopped, stopped_parent, expected):
    found = stopper(started, parent, stopped, stopped_parent)
    assert (None if found is None else found.value) == expected
