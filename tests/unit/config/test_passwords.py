import pytest

from sitectl.config.passwords import Rejected, parse_password, parse_passwords


@pytest.mark.parametrize(
    ("raw", "password"),
    [
        (b"s3cret", b"s3cret"),
        (b"s3cret\n", b"s3cret"),
        (b"s3cret\r\n", b"s3cret"),
        (b" s ", b" s "),
        ("pä\n".encode(), "pä".encode()),
    ],
)
def test_a_trailing_newline_is_dropped_and_nothing_else(raw: bytes, password: bytes) -> None:
    assert parse_password(raw) == password


@pytest.mark.parametrize("raw", [b"", b"\n", b"a\nb\n", b"\xff\xfe", b"a\0b", b"x" * 2000])
def test_what_is_no_password(raw: bytes) -> None:
    assert isinstance(parse_password(raw), Rejected)


def test_a_list_of_secrets() -> None:
    listed = parse_passwords(b"# central\n\nCP01:one\nCP02:t:w:o\r\n", "p", ["CP01", "CP02"])
    assert listed.secrets == {"CP01": "one", "CP02": "t:w:o"}
    assert (listed.errors, listed.warnings) == ((), ())


def test_faults_have_their_line_and_never_the_secret() -> None:
    listed = parse_passwords(b"CP01:hush\nCP01:hush2\nhush3\n:hush4\nCP02:\nCP99:hush5\n", "p", ["CP01", "CP02"])
    assert [error.line for error in listed.errors] == [2, 3, 4, 5]
    assert [warning.line for warning in listed.warnings] == [6]
    assert "hush" not in "".join(str(issue) for issue in (*listed.errors, *listed.warnings))


def test_bytes_that_are_no_text() -> None:
    (error,) = parse_passwords(b"CP01:a\n\xff", "p", []).errors
    assert error.line == 2
