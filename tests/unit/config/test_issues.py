from sitectl.config.issues import Findings, Issue, Mark, did_you_mean, dotted, nearest, shown


def test_an_issue_reads_place_path_message_cure() -> None:
    issue = Issue("site.yaml", 17, 5, "stations.CP03.circuit", 'no circuit "garge"', 'did you mean "garage"?')
    assert str(issue) == 'site.yaml:17:5: stations.CP03.circuit: no circuit "garge"; did you mean "garage"?'
    assert str(Issue("site.yaml", None, None, "", "no such file")) == "site.yaml: no such file"


def test_paths_stay_on_one_line() -> None:
    assert dotted(("ocpp", "versions", 0)) == "ocpp.versions[0]"
    assert dotted(("stations", "a\nb")) == "stations.a\\nb"


def test_values_are_shown_short_and_on_one_line() -> None:
    assert shown("x" * 1000) == '"' + "x" * 60 + '…"'
    assert shown("a\nb") == '"a\\nb"'
    assert [shown(value) for value in (True, 5, 1.50, None, {}, [])] == [
        "true", "5", "1.5", "nothing", "a mapping", "a list",
    ]  # fmt: skip


def test_the_nearest_name() -> None:
    assert nearest("garge", ["grid", "garage"]) == "garage"
    assert nearest("GRID", ["grid"]) == "grid"
    assert nearest("x", ["grid"]) is None
    assert nearest("y" * 10_000, ["y" * 9_999]) is None
    assert did_you_mean("x", []) == "none is configured"
    assert did_you_mean("x", ["grid", "garage"]) == "choose one of grid, garage"
    assert "40" in did_you_mean("?", [f"station{number}" for number in range(40)])


def test_what_is_absent_has_the_place_of_the_key_above() -> None:
    marks = {(): Mark("f", None, (1, 1)), ("a",): Mark("f", (3, 1), (4, 3)), ("a", "b"): Mark("f", (4, 3), (4, 6))}
    findings = Findings(marks, "f")
    findings.error(("a", "b"), "value")
    findings.error(("a", "b"), "key", at_key=True)
    findings.error(("a", "c"), "absent")
    findings.warn(("x", "y"), "nowhere")
    assert [(issue.line, issue.column) for issue in findings.errors] == [(4, 6), (4, 3), (3, 1)]
    assert [(issue.line, issue.column) for issue in findings.warnings] == [(1, 1)]
    assert findings.has_errors_in("a")
    assert findings.has_errors_in("a", "b")
    assert not findings.has_errors_in("x")


def test_nothing_more_is_said_of_what_is_lost() -> None:
    findings = Findings({}, "f", lost={("a",)})
    findings.error(("a",), "not a number")
    assert findings.errors == []
    assert findings.has_errors_in("a")
