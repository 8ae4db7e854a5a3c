"""Which verdicts are remembered, as plain values."""

import pytest

from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.routing.tokens import memorable


@pytest.mark.parametrize("status", AuthorizationStatus)
def test_all_but_what_is_of_this_moment_only(status):
    assert memorable("1234", IdTokenInfo(status)) is (status is not AuthorizationStatus.CONCURRENT_TX)


@pytest.mark.parametrize("placeholder", ["", "0", "ABC"])
def test_placeholders_are_no_tokens(placeholder):
    assert not memorable(placeholder, IdTokenInfo(AuthorizationStatus.INVALID))
