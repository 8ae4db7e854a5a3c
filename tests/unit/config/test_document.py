import pytest

from sitectl.config.document import Document, parse


def read(text: str) -> Document:
    return parse(text.encode(), "f.yaml")


def data(text: str) -> object:
    document = read(text)
    assert document.errors == []
    return document.data


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("17:00", "17:00"),
        ("2026-01-01", "2026-01-01"),
        ("=", "="),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("017", 17),
        ("0o17", 15),
        ("0x1F", 31),
        ("-3", -3),
        ("1e3", 1000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("'1.6'", "1.6"),
        ("!!str 1.6", "1.6"),
        ("2.0.1", "2.0.1"),
    ],
)
def test_scalars_are_those_of_yaml_1_2(written: str, value: object) -> None:
    assert data(f"a: {written}\n") == {"a": value}


def test_keys_are_text_as_written() -> None:
    assert data("1001: a\n0x10: b\ntrue: c\n01: d\n") == {"1001": "a", "0x10": "b", "true": "c", "01": "d"}


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert data("") == {}
    assert data("# only a comment\n") == {}


def test_a_byte_order_mark_and_carriage_returns_are_no_matter() -> None:
    document = parse("\ufeffa: 1\r\nb: 2\r\n".encode(), "f.yaml")
    assert document.data == {"a": 1, "b": 2}
    assert document.marks["b",].key == (2, 1)


def test_marks_give_the_place_of_keys_and_values() -> None:
    marks = read("a:\n  b: 1\n  c: [x, y]\n  d:\n    - z\n").marks
    assert (marks["a", "b"].key, marks["a", "b"].value) == ((2, 3), (2, 6))
    assert marks["a", "c", 1].value == (3, 10)
    assert marks["a", "d", 0].value == (5, 7)


def test_a_block_below_a_key_has_the_place_of_the_key() -> None:
    marks = read("a:\n  b:\n    c: 1\n").marks
    assert marks["a", "b"].value == (2, 3)


def test_merge_keys_fill_in_what_is_not_said() -> None:
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3}\nz: {<<: [*x, *y], a: 9, c: 4}\nw: {<<: *y}\n"
    document = read(text)
    assert document.data == {"x": {"a": 1, "b": 2}, "y": {"b": 3}, "z": {"a": 9, "c": 4, "b": 2}, "w": {"b": 3}}
    assert document.marks["z", "b"].value == (1, 17)


def test_merging_what_is_no_mapping_is_a_fault() -> None:
    (error,) = read("a: {<<: 3}\n").errors
    assert (error.line, error.column, error.message) == (1, 9, "<< takes a mapping")


def test_merging_itself_is_a_fault() -> None:
    document = read("a: &a {<<: *a, b: 1}\n")
    assert document.data == {"a": {"b": 1}}
    assert len(document.errors) == 1


def test_merges_that_double_are_bounded() -> None:
    text = "x0: &x0 {a: 1, b: 2, c: 3}\n"
    text += "".join(f"x{i}: &x{i} {{<<: [*x{i - 1}, *x{i - 1}]}}\n" for i in range(1, 24))
    assert any("more than" in error.message for error in read(text).errors)


def test_all_duplicates_are_found_and_the_first_counts() -> None:
    document = read("a: 1\nb: {c: 1, c: 2}\na: 3\na: 4\n")
    assert document.data == {"a": 1, "b": {"c": 1}}
    assert [(error.line, error.column) for error in document.errors] == [(3, 1), (4, 1), (2, 11)]


def test_what_is_lost_is_known() -> None:
    document = read('a: !x 1\nb: "\\0"\nc: 1_0\nd: 1\n')
    assert document.lost == {("a",), ("b",), ("c",)}
    assert document.data == {"a": None, "b": None, "c": None, "d": 1}


@pytest.mark.parametrize(
    "text", ["a: [", "a: 'x", "\t", "%", "? [", "a: *b", "--- a\n--- b", "[" * 10_000, "{" * 10_000]
)
def test_broken_yaml_is_one_fault_with_a_place_and_a_cure(text: str) -> None:
    document = read(text)
    assert document.data is None
    (error,) = document.errors
    assert error.line is not None
    assert error.cure


def test_a_lone_surrogate_is_no_text() -> None:
    assert [error.path for error in read('a: "\\ud800"\n').errors] == ["a"]
