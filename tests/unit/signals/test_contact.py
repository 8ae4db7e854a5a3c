import pytest

from sitectl.model.signals import Contact
from sitectl.signals.contact import LOST_S, Debounced


def test_nothing_counts_before_it_has_lasted() -> None:
    contact = Debounced(0.5, now=0.0)
    contact.read(True, 0.0)
    contact.read(True, 0.4)
    assert contact.contact is None
    contact.read(True, 0.5)
    assert contact.contact is Contact.CLOSED


def test_a_contact_that_chatters_keeps_what_it_was() -> None:
    contact = Debounced(0.5, now=0.0)
    contact.read(True, 0.0)
    contact.read(True, 0.5)
    for step in range(20):
        contact.read(step % 2 == 0, 1.0 + 0.4 * step)
    assert contact.contact is Contact.CLOSED
    contact.read(False, 10.0)
    contact.read(False, 10.5)
    assert contact.contact is Contact.OPEN


@pytest.mark.parametrize("stood", [True, False, None])
def test_a_contact_that_goes_on_chattering_is_lost_until_it_stands_still(stood: bool | None) -> None:
    contact = Debounced(0.5, now=0.0)
    for at in (0.0, 0.5):
        if stood is not None:
            contact.read(stood, at)
    for step in range(1, 100):
        at = 0.5 + 0.4 * step
        contact.read((step % 2 == 0) is not (stood is False), at)
        assert (contact.contact is Contact.LOST) is (at - (0.0 if stood is None else 0.5) >= LOST_S + 0.5), at
        assert contact.chatters(at) is (contact.contact is Contact.LOST)
    contact.read(False, 40.2)
    contact.read(True, 40.3)
    assert contact.contact is Contact.LOST
    contact.read(True, 40.8)
    assert (contact.contact, contact.chatters(40.8)) == (Contact.CLOSED, False)


def test_a_change_that_must_last_for_a_minute_is_no_chatter() -> None:
    contact = Debounced(60.0, now=0.0)
    for at in range(200):
        contact.read(at < 100, float(at))
    assert contact.contact is Contact.OPEN
    contact.read(True, 200.0)
    assert contact.contact is Contact.OPEN


def test_readings_that_fail_are_a_loss_after_a_while_and_an_end_of_it_must_last() -> None:
    contact = Debounced(0.5, now=0.0)
    contact.read(True, 0.0)
    contact.read(True, 0.5)
    contact.missed(1.0)
    contact.missed(0.5 + LOST_S - 0.1)
    assert contact.contact is Contact.CLOSED
    contact.missed(0.5 + LOST_S)
    assert contact.contact is Contact.LOST
    contact.read(True, 20.0)
    assert contact.contact is Contact.LOST
    contact.read(True, 20.5)
    assert contact.contact is Contact.CLOSED


def test_one_that_was_never_read_is_lost_too() -> None:
    contact = Debounced(0.5, now=100.0)
    contact.missed(100.0 + LOST_S)
    assert contact.contact is Contact.LOST
