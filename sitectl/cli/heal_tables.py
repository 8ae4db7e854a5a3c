"""Healing as tables for people."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from sitectl.cli.tables import Answer, add_row, clean, new_table

STYLE = {
    "helped": "green",
    "no help": "yellow",
    "under way": "",
    "told": "bold yellow",
    "would": "dim",
    "not done": "red",
}


def standing(answer: Answer, narrow: bool) -> RenderableType:
    """What is wrong, and what is being done."""
    parts: list[RenderableType] = [mode(answer, narrow)]
    if answer["paused"]:
        parts += [Text(clean(f"left alone: {_paused(one)}"), "yellow") for one in answer["paused"]]
    if not answer["cases"]:
        return Group(*parts, Text("nothing is wrong that healing knows of"))
    table = new_table("STATION", "SYMPTOM", "SINCE", "BECAUSE", "TRIED", "NOW", "NEXT", right=("SINCE",))
    for case in answer["cases"]:
        because, tried, now, next = _case(case)
        if narrow:
            parts += _case_in_little_room(case, because, tried, now, next)
        else:
            symptom = case["code"] or case["symptom"]
            add_row(table, _where(case), symptom, _span(case["for_s"]), because, tried, now, next)
    return Group(*parts) if narrow else Group(*parts, "", table)


def _case(case: Answer) -> tuple[str, str, str, str]:
    """Why it is thought so, what was tried, what is done now, what comes next."""
    tried = ", ".join(one["remedy"] for one in case["tried"]) or "-"
    now = "a person is told" if case["told"] else case["waits"] or (case["now"] or {}).get("remedy") or "-"
    because = ", ".join(f"{word} {value}" for word, value in case["evidence"].items())
    return because, tried, now, case["next"] or "-"


def _case_in_little_room(case: Answer, because: str, tried: str, now: str, next: str) -> list[RenderableType]:
    head = f"{_where(case)}: {case['code'] or case['symptom']} for {_span(case['for_s'])}"
    lines = {"because": because, "tried": tried, "now": now, "next": next}
    told = [Text(clean(f"{word:<8} {said}")) for word, said in lines.items() if said not in ("", "-")]
    return [Text(""), Text(clean(head), "bold"), *(Padding(line, (0, 0, 0, 2)) for line in told)]


def mode(answer: Answer, narrow: bool) -> RenderableType:
    """What healing does."""
    words = {
        "observe": "healing observes: it says what it would do, and does nothing (`sitectl heal mode act`)",
        "act": "healing acts",
        "off": "healing is off",
    }
    return Text(clean(f"{words[answer['mode']]}; says {answer['mode_source']}"))


def history(answer: Answer, narrow: bool) -> RenderableType:
    """What was done, and how well that works."""
    table = new_table(
        "TIME", "STATION", "SYMPTOM", "BECAUSE", "REMEDY", "CAME OF IT", "RECOVERED", right=("RECOVERED",)
    )
    for one in answer["attempts"]:
        because = ", ".join(f"{word} {value}" for word, value in one["before"])
        word = _verdict(one)
        recovered = "-" if one["recovery_s"] is None else _span(one["recovery_s"])
        said = Text(clean(word), STYLE.get(word.partition(":")[0], ""))
        begun = one["begun"][5:16] if narrow else one["begun"]
        add_row(table, begun, _where(one), one["code"] or one["symptom"], because, one["remedy"], said, recovered)
    if not answer["attempts"]:
        return Group(mode(answer, narrow), Text("nothing was done, nor would have been, in this time"))
    return Group(mode(answer, narrow), "", table, "", *_figures(answer["statistics"]))


def _figures(figures: Answer) -> list[RenderableType]:
    saved = figures["saved"]
    head = (
        f"{figures['attempts']} remedies judged, {figures['helped']} helped ({_share(figures['share'])}); mean time to"
        f" recovery {_span(figures['mean_recovery_s'])}; {figures['told']} times a person was told"
        f" ({_share(figures['without_person'])} well again without one);"
        f" {figures['dry']} only observed"
    )
    gain = (
        f"saved: {saved['transactions']} transactions with {saved['energy_kwh']:g} kWh began within"
        f" {saved['within_h']} h where a remedy had helped"
    )
    table = new_table("", "OF", "REMEDIES", "HELPED", "SHARE", "MEAN RECOVERY", right=("REMEDIES", "HELPED", "SHARE"))
    for title in ("rule", "remedy", "vendor", "firmware"):
        for name, row in figures[f"by_{title}"].items():
            share, took = _share(row["share"]), _span(row["mean_recovery_s"])
            add_row(table, title, name, row["attempts"], row["helped"], share, took)
    return [Text(clean(head)), Text(clean(gain)), "", table] if figures["attempts"] else [Text(clean(head))]


def rules(answer: Answer, narrow: bool) -> RenderableType:
    """The rules."""
    if narrow:
        return Group(*_rules_in_little_room(answer), "", *_budget(answer))
    table = new_table("RULE", "SYMPTOM", "AFTER", "LADDER", "FOR", "TELLS")
    for rule in answer["rules"]:
        add_row(table, rule["name"], _symptom(rule), _span(rule["after_s"]), _ladder(rule), _match(rule), rule["what"])
    return Group(table, "", *_budget(answer))


def _rules_in_little_room(answer: Answer) -> Iterator[RenderableType]:
    """A line each, and below it what is done."""
    for rule in answer["rules"]:
        match = _match(rule)
        whom = "" if match == "all" else f", of {match}"
        yield Text(clean(f"{rule['name']}: {_symptom(rule)} for {_span(rule['after_s'])}{whom}"), "bold")
        yield Padding(Text(clean(_ladder(rule))), (0, 0, 0, 2))


def _symptom(rule: Answer) -> str:
    return ", ".join([*rule["codes"], *rule["vendor_codes"]]) or str(rule["symptom"])


def _ladder(rule: Answer) -> str:
    steps = (step["do"] if step["do"] == "tell" else f"{step['do']} {_span(step['wait_s'])}" for step in rule["ladder"])
    return " → ".join(steps)


def _match(rule: Answer) -> str:
    return " ".join(value for value in rule["match"].values() if value) or "all"


def _budget(answer: Answer) -> Iterator[RenderableType]:
    """How much it may do, and what it leaves alone."""
    budget = answer["budget"]
    most = (
        f"at most {budget['station_resets_per_day']} resets of a station and {budget['site_resets_per_day']} of all"
        f" a day, {_span(budget['spacing_s'])} apart, {budget['at_once']} at once; those of centrals and people count"
    )
    yield Text(clean(most))
    yield Text(clean(f"never reset by a machine: {', '.join(answer['dangers']['codes'])}"))


def paused(answer: Answer, narrow: bool) -> RenderableType:
    """Whether a station is left alone."""
    if answer["paused"]:
        return Text(clean(f"{answer['station']}: left alone until `sitectl heal resume {answer['station']}`"))
    was = "healed again" if answer["was_paused"] else "it was not paused"
    return Text(clean(f"{answer['station']}: {was}"))


def rehearsal(answer: Answer, narrow: bool) -> RenderableType:
    """What would have been done."""
    table = new_table("TIME", "STATION", "SYMPTOM", "BECAUSE", "WOULD", "RULE")
    for one in answer["attempts"]:
        because = ", ".join(f"{word} {value}" for word, value in one["before"])
        add_row(table, one["begun"], _where(one), one["code"] or one["symptom"], because, one["remedy"], one["rule"])
    counts = ", ".join(f"{count} {kind}" for kind, count in answer["remedies"].items()) or "nothing"
    head = (
        f"{answer['events']} events of {answer['stations']} stations, from {answer['from']} to {answer['to']};"
        f" healing would have done: {counts}"
    )
    told = [Text(clean(f"{one['where']}: {one['what']}. {one['do']}"), "yellow") for one in answer["told"]]
    parts: list[RenderableType] = [Text(clean(head)), "", table] if answer["attempts"] else [Text(clean(head))]
    if told:
        parts += ["", Text("a person would have been told:"), *told]
    return Group(*parts)


def _verdict(one: Answer) -> str:
    if one["remedy"] == "tell":
        return "told"
    if one["dry"]:
        return "would"
    said = dict(one["after"]).get("answer", "")
    if one["outcome"] in ("refused", "not done", "unanswered"):
        return f"not done: {one['outcome']} {said}".strip()
    if one["helped"] is None:
        return "under way" if one["ended"] is None else "not judged"
    return "helped" if one["helped"] else "no help"


def _paused(one: Answer) -> str:
    why = f" ({one['why']})" if one["why"] else ""
    return f"{one['station']}, says {one['by']}{why}"


def _where(one: Answer) -> str:
    return str(one["station"]) if one["evse"] is None else f"{one['station']}:{one['evse']}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
