"""Tokens as lists, caches and reservations compare them."""

import pytest

from sitectl.model.authorization import LocalList, Remembered, same_token
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo

YES = IdTokenInfo(AuthorizationStatus.ACCEPTED)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [("AB12", "ab12", True), ("AB12", " AB12", True), ("AB12", "AB13", False), ("", "", False), (None, None, False)],
)
def test_capitals_do_not_tell_two_tokens_apart(one, other, same):
    assert same_token(one, other) is same


def test_a_list_counts_what_an_update_does_not_touch():
    held = LocalList(1, {"a": YES, "b": YES})
    assert held.get("A") == YES
    assert held.count_without(["B", "C"]) == 1
    assert held.count_without([]) == 2


def test_the_list_tells_the_parent_before_the_cache():
    group = IdTokenInfo(AuthorizationStatus.ACCEPTED, parent="P")
    assert Remembered().parent is None
    assert Remembered(listed=YES, cached=group).parent == "P"
    assert Remembered(listed=IdTokenInfo(AuthorizationStatus.BLOCKED, parent="Q"), cached=group).parent == "Q"
