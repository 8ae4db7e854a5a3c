"""Meters and signals for people: one reading, or one after the other, what a scan found, what a trial says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from sitectl.cli import tables
from sitectl.cli.tables import Answer, clean

_QUANTITIES = ("voltage", "current", "power")
_STYLE = {"well": "green", "doubt": "yellow", "wrong": "bold red"}


def reading(answer: Answer, narrow: bool) -> RenderableType:
    """Phases side by side, what is not of a phase below."""
    values = answer["values"]
    took = "" if answer["took_ms"] is None else f", read in {answer['took_ms']:g} ms"
    head = f"{answer['meter']}  {answer['sheet']} at {answer['connection']} unit {answer['unit']}{took}"
    parts: list[RenderableType] = [Text(clean(head), style="bold")]
    if values:
        table = tables.new_table("", "L1", "L2", "L3", right=("L1", "L2", "L3"))
        for quantity in _QUANTITIES:
            cells = [_value(values.get(f"l{phase}_{quantity}")) for phase in (1, 2, 3)]
            if any(cell != "-" for cell in cells):
                tables.add_row(table, quantity, *cells)
        if answer["current_a"] is not None:
            tables.add_row(table, "import", *(f"{ampere:.2f} A" for ampere in answer["current_a"]))
        parts.append(table)
        parts += [
            Text(clean(f"{name.replace('_', ' ')}: {_value(value)}"))
            for name, value in values.items()
            if not (name[0] == "l" and name[1:2].isdigit())
        ]
    verdict = answer["objection"]
    parts.append(Text("a good reading", "green") if verdict is None else Text(clean(f"no good: {verdict}"), "bold red"))
    return Group(*parts)


@contextmanager
def screen(console: Console) -> Iterator[Callable[[Answer], None]]:
    """Shows one reading after the other in place on a terminal, else a line for each."""
    if not console.is_terminal:
        yield lambda answer: print(_line(answer), flush=True)
        return
    with Live(console=console, auto_refresh=False) as live:
        yield lambda answer: live.update(reading(answer, False), refresh=True)


def found(answer: Answer, narrow: bool) -> RenderableType:
    """Every unit with the sheets that fit it."""
    if not answer["found"]:
        return Text("nothing answered: check the cable, the power, and that nobody else uses this line")
    table = tables.new_table("CONNECTION", "UNIT", "SHEET", "VALUES", "IMPORT A", "WHAT", right=("UNIT", "VALUES"))
    for unit in answer["found"]:
        where = (unit["connection"], unit["unit"])
        if not unit["fits"]:
            why = unit["trouble"] or "it answers, and no sheet fits it"
            tables.add_row(table, *where, "-", "-", "-", why)
        for fit in unit["fits"]:
            amperes = "-" if fit["current_a"] is None else " ".join(f"{ampere:g}" for ampere in fit["current_a"])
            values = "-" if fit["values"] is None else fit["values"]
            title = fit["title"] + (", as it says itself" if fit["named"] else "")
            tables.add_row(table, *where, fit["sheet"], values, amperes, title)
    return table


def trial(answer: Answer, narrow: bool) -> RenderableType:
    """The verdict and what it rests on."""
    verdict = Text("fit to guard a fuse", "bold green") if answer["ok"] else Text("not fit to guard a fuse", "bold red")
    parts: list[RenderableType] = [Text.assemble((clean(answer["meter"]), "bold"), "  ", verdict)]
    if (took := answer["answer_ms"]) is not None:
        parts.append(
            Text(f"{answer['reads']} readings, half of them within {took['p50']:g} ms, all within {took['max']:g} ms")
        )
    parts += [Text(clean(f"{count} times: {why}")) for why, count in answer["failed"].items()]
    parts += [
        Text.assemble((f"{remark['level']:<6}", _STYLE[remark["level"]]), " ", clean(remark["text"]))
        for remark in answer["remarks"]
    ]
    if (counts := answer["since_start"]) is not None:
        told = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in counts.items())
        parts.append(Text(f"since the daemon's start: {told}"))
    return Group(*parts)


def signals(answer: Answer, narrow: bool) -> RenderableType:
    """Every contact with what it asks for now."""
    if not answer["signals"]:
        return Text("no signals")
    table = tables.new_table("SIGNAL", "INPUT", "CONTACT", "SINCE", "ASKS FOR", "WHY")
    for name, signal in answer["signals"].items():
        asks = ", ".join(f"{bound['circuit']} {bound['ceiling_a']:g} A" for bound in signal["asks"])
        contact = signal["contact"] or "not known yet"
        tables.add_row(table, name, signal["input"], contact, signal["since"] or "-", asks or "-", signal["why"] or "")
    return table


def _value(found: Answer | None) -> str:
    if found is None or found["value"] is None:
        return "-"
    return f"{round(found['value'], 3):.10g} {found['unit']}".rstrip()


def _line(answer: Answer) -> str:
    amperes = answer["current_a"]
    shown = "-" if amperes is None else " ".join(f"{ampere:.2f}" for ampere in amperes)
    objection = "" if answer["objection"] is None else f": {answer['objection']}"
    return clean(f"{answer['meter']} {shown} A{objection}")
