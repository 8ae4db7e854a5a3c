"""Rights, as plain values."""

import typing

import pytest

from sitectl.model import commands
from sitectl.model.commands import InstallFallback, OfferLimit, RelayCall
from sitectl.model.uplink import Right
from sitectl.routing.rights import may, needed_right, passes

FIXED = {
    Right.START_STOP: {"RequestStart", "RequestStop", "UnlockConnector"},
    Right.RESET: {"ResetStation", "ChangeAvailability"},
    Right.CONFIGURATION: {"SetVariable", "TransferData"},
    Right.READ: {"GetVariables", "TriggerMessage"},
}


@pytest.mark.parametrize("right", Right)
def test_each_right_opens_the_commands_of_its_class(right):
    opened = {kind.__name__ for kind in typing.get_args(commands.Command) if may({right}, kind)}
    assert opened == FIXED.get(right, set())


@pytest.mark.parametrize("kind", [OfferLimit, InstallFallback, RelayCall])
def test_nobody_outside_writes_limits(kind):
    assert needed_right(kind) is None
    assert not may(set(Right), kind)


def test_without_rights_nothing_is_allowed():
    assert not any(may((), kind) for kind in typing.get_args(commands.Command))


@pytest.mark.parametrize(
    ("vendors", "vendor", "passed"),
    [(None, "Acme", True), (None, "", True), ({"acme"}, " ACME ", True), ({"acme"}, "acm", False), (set(), "x", False)],
)
def test_private_messages_pass_for_the_vendors_that_are_named(vendors, vendor, passed):
    assert passes(vendors, vendor) is passed
