import pytest

from sitectl.api.exposition import Family, is_openmetrics, text
from tests.unit.api.openmetrics import read


def families() -> list[Family]:
    amperes = Family("a_amperes", "gauge", "Current.", "amperes")
    amperes.add(1.5, id='odd "name"\\with\nlines', phase="L1")
    amperes.add(None, id="absent")
    amperes.add(1e20, id="much")
    count = Family("calls", "counter", "Calls.")
    count.add(3)
    info = Family("build", "info", "Version.")
    info.add(1, version="1.0")
    state = Family("state", "stateset", "State.")
    state.states("b", ("a", "b"), "state", of="x")
    return [amperes, count, info, state]


def test_it_is_openmetrics() -> None:
    found = read(text(families(), openmetrics=True))
    assert found["a_amperes"].unit == "amperes"
    (odd, much) = found["a_amperes"].samples.items()
    assert (odd[0][1][0][1], odd[1], much[1]) == ('odd \\"name\\"\\\\with\\nlines', 1.5, 1e20)
    assert found["calls"].samples == {("calls_total", ()): 3}
    assert found["build"].samples == {("build_info", (("version", "1.0"),)): 1}
    assert found["state"].samples == {
        ("state", (("of", "x"), ("state", "a"))): 0,
        ("state", (("of", "x"), ("state", "b"))): 1,
    }


def test_the_older_text_has_whole_names_and_no_end() -> None:
    old = text(families(), openmetrics=False)
    assert "# TYPE calls_total counter\n# HELP calls_total Calls.\ncalls_total 3\n" in old
    assert "# TYPE build_info gauge\n" in old
    assert "# TYPE state gauge\n" in old
    assert not any(word in old for word in ("# EOF", "# UNIT", "stateset"))


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/plain;version=0.0.4", False),
        ("application/openmetrics-text;version=1.0.0;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1", True),
    ],
)
def test_who_asks_for_it_gets_openmetrics(accept: str, openmetrics: bool) -> None:
    assert is_openmetrics(accept) is openmetrics
