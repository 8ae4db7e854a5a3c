"""Figures with their marks: what every bench says in one form, so that all of them can be laid in one table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Figure:
    """One figure of one bench. `mark` None: shown beside the others, judged by nobody. `peer` is what stands beside."""

    what: str
    value: float
    unit: str
    mark: float | None = None
    wanted: Literal["at most", "at least"] = "at most"
    peer: str = ""

    @property
    def met(self) -> bool:
        """Whether the mark is met."""
        if self.mark is None:
            return True
        return self.value <= self.mark if self.wanted == "at most" else self.value >= self.mark

    def line(self) -> str:
        """The figure as one line of a table."""
        mark = "" if self.mark is None else f"{'≤' if self.wanted == 'at most' else '≥'} {self.mark:g}"
        verdict = "" if self.mark is None else "met" if self.met else "MISSED"
        value = f"{self.value:.0f}" if abs(self.value) >= 1000 else f"{self.value:.4g}"
        return f"{self.what:<58}{value:>9} {self.unit:<10}{mark:>9}  {verdict:<7} {self.peer}".rstrip()


def as_json(bench: str, figures: Sequence[Figure], **more: Any) -> str:
    """One line of JSON: what `python -m tests.bench` reads of a bench."""
    rows = [{**asdict(figure), "met": figure.met} for figure in figures]
    return json.dumps({"bench": bench, "figures": rows, **more})


def from_json(rows: Sequence[dict[str, Any]]) -> list[Figure]:
    """The figures of `as_json`."""
    return [Figure(**{key: value for key, value in row.items() if key != "met"}) for row in rows]


def conclude(bench: str, method: str | None, figures: Sequence[Figure], **more: Any) -> int:
    """Print the figures as the command line asks, and give the exit status: 1 when a mark is missed."""
    parser = argparse.ArgumentParser(description=(method or "").partition("\n")[0])
    parser.add_argument("--json", action="store_true")
    if parser.parse_known_args()[0].json:
        print(as_json(bench, figures, **more))
    else:
        for figure in figures:
            print(figure.line())
    return 0 if all(figure.met for figure in figures) else 1


def full() -> bool:
    """Whether the whole of a sampled bench is asked for."""
    return "--full" in sys.argv


def share(ordered: Sequence[float], part: float) -> float:
    """The value that this part of sorted values does not exceed."""
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]
