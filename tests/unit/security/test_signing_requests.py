from datetime import timedelta

import pytest

from sitectl.security.certificates import common_name, read_chain, read_request
from sitectl.security.judgement import CertificateError
from sitectl.security.signing_requests import check_delivered, make_request
from tests.unit.security.authority import NOW, Authority, named, new_key, pem_of, text

ROOT = Authority()
BELOW = Authority("below", ROOT)
KEY = new_key()
SECRET = pem_of(KEY)


def test_a_request_is_for_a_key_of_its_own():
    key, asked = make_request("CP01", "Acme")
    other, _ = make_request("CP01")
    assert key != other
    assert read_request(asked).subject == named("CP01", "Acme")
    assert read_request(make_request("CP01")[1]).subject == named("CP01")
    assert common_name(read_request(make_request("x" * 100)[1]).subject) == "x" * 64
    answer = text(ROOT.issue("CP02", new_key()))
    with pytest.raises(CertificateError, match="another key"):
        check_delivered(answer, key, "CP02", NOW)


def test_a_delivered_chain_begins_with_our_own():
    leaf = BELOW.issue("CP01", KEY)
    for order in ((leaf, BELOW.certificate), (BELOW.certificate, leaf)):
        delivered = check_delivered(text(*order), SECRET, "CP01", NOW)
        assert read_chain(delivered.chain) == [leaf, BELOW.certificate]
        assert (delivered.begins, delivered.ends) == (leaf.not_valid_before_utc, leaf.not_valid_after_utc)


def test_a_clock_that_is_a_little_ahead_is_forgiven():
    check_delivered(text(ROOT.issue("CP01", KEY, begins=timedelta(minutes=4))), SECRET, "CP01", NOW)


@pytest.mark.parametrize(
    ("chain", "why"),
    [
        (text(ROOT.issue("CP02", KEY)), "for CP02, not for CP01"),
        (text(ROOT.issue("CP01", new_key())), "another key"),
        (text(ROOT.issue("CP01", KEY, lives=timedelta(hours=1))), "not valid after"),
        (text(ROOT.issue("CP01", KEY, begins=timedelta(days=1))), "not valid before"),
        ("", "no certificate"),
    ],
)
def test_what_is_not_ours_is_refused(chain, why):
    with pytest.raises(CertificateError, match=why):
        check_delivered(chain, SECRET, "CP01", NOW)


def test_a_key_that_cannot_be_read_certifies_nothing():
    with pytest.raises(CertificateError, match="our own key"):
        check_delivered(text(ROOT.issue("CP01", KEY)), b"torn", "CP01", NOW)
