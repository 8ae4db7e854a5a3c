from zoneinfo import ZoneInfo

import pytest

from sitectl.config.settings import ListedToken
from sitectl.config.tokens import TokenList, parse_tokens


def read(text: str) -> TokenList:
    return parse_tokens(text.encode(), "t.csv", ZoneInfo("Europe/Berlin"))


def test_tokens_with_all_they_may_say() -> None:
    listed = read('id_token,group,parent,valid_until,note\nABC,staff,P1,2026-12-31,"Ann, night"\n\nDEF,,,,\n')
    assert listed.errors == ()
    assert listed.tokens == {
        "ABC": ListedToken("ABC", "staff", "P1", "2026-12-31T23:00:00Z", "Ann, night"),
        "DEF": ListedToken("DEF"),
    }


@pytest.mark.parametrize(
    ("written", "utc"),
    [
        ("2026-07-01", "2026-07-01T22:00:00Z"),
        ("2026-07-01T12:00:00", "2026-07-01T10:00:00Z"),
        ("2026-07-01T12:00:00Z", "2026-07-01T12:00:00Z"),
        ("2026-07-01T12:00:00+05:00", "2026-07-01T07:00:00Z"),
    ],
)
def test_validity_is_local_unless_it_says_otherwise(written: str, utc: str) -> None:
    assert read(f"id_token,valid_until\nABC,{written}\n").tokens["ABC"].valid_until == utc


def test_as_spreadsheets_write_it() -> None:
    listed = read("\ufeffnote;id_token\r\nfirst;ABC\r\n;;\r\n")
    assert listed.errors == ()
    assert listed.tokens == {"ABC": ListedToken("ABC", note="first")}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "no header"),
        ("ABC,,\n", 1, "the first line does not name the columns"),
        ("id_token,nots\n", 1, 'no column "nots"'),
        ("id_token,note,note\n", 1, "column note stands twice"),
        ("id_token,note\n,x\n", 2, "no id_token"),
        ("id_token,note\nABC,a,b\n", 2, "3 values for 2 columns"),
        ("id_token\nABC\nabc\n", 3, '"abc" already stands in line 2'),
        ("id_token,valid_until\nABC,2026-13-01\n", 2, '"2026-13-01" is not a date'),
        ("id_token,valid_until\nABC,9999-12-31\n", 2, '"9999-12-31" is not a date'),
        (f"id_token\n{'x' * 37}\n", 2, "is no token"),
        ('id_token\n"ABC\n', 2, "broken CSV"),
    ],
)
def test_faults_have_their_line(text: str, line: int, message: str) -> None:
    (error, *_) = read(text).errors
    assert error.line == line
    assert message in error.message


def test_a_token_that_no_station_of_1_6_can_send() -> None:
    listed = read(f"id_token\n{'x' * 21}\n")
    assert listed.errors == ()
    assert "can never be presented" in listed.warnings[0].message


def test_bytes_that_are_no_text() -> None:
    (error,) = parse_tokens(b"id_token\n\xff\n", "t.csv", ZoneInfo("UTC")).errors
    assert (error.line, error.message) == (2, "not UTF-8 text")
