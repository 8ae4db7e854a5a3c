"""Numbers as OpenMetrics text, or as the older text format of Prometheus. Pure.

https://prometheus.io/docs/specs/om/open_metrics_spec/. Who asks for neither gets the older one, which every tool reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["gauge", "counter", "info", "stateset"]
_OF_OLD = {"counter": "counter"}
"""What the older format knows of them; the others are gauges there."""
_ESCAPED = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(slots=True)
class Family:
    """One metric; `name` without the ending that its kind adds to samples. `unit` is the last word of the name."""

    name: str
    kind: Kind
    help: str
    unit: str = ""
    samples: list[tuple[str, float]] = field(default_factory=list)
    """Labels as they are written, and the value."""

    def add(self, value: float | None, **labels: str) -> None:
        """One sample; an absent value is none."""
        if value is not None:
            self.samples.append((written(labels), value))

    def add_written(self, value: float | None, labels: str) -> None:
        """One sample whose labels are written already: for whoever has thousands."""
        if value is not None:
            self.samples.append((labels, value))

    def states(self, now: str, every: Iterable[str], label: str = "state", **labels: str) -> None:
        """A sample for each state that is possible: 1 for the one that is."""
        for state in every:
            self.add(float(state == now), **labels, **{label: state})


def is_openmetrics(accept: str) -> bool:
    """Whether a caller asks for OpenMetrics."""
    return "application/openmetrics-text" in accept


def lines(family: Family, *, openmetrics: bool) -> Iterator[str]:
    """One metric as lines of text."""
    ending = {"counter": "_total", "info": "_info"}.get(family.kind, "")
    name = family.name if openmetrics else family.name + ending
    kind = family.kind if openmetrics else _OF_OLD.get(family.kind, "gauge")
    yield f"# TYPE {name} {kind}\n"
    if openmetrics and family.unit:
        yield f"# UNIT {name} {family.unit}\n"
    yield f"# HELP {name} {family.help}\n"
    for labels, value in family.samples:
        yield (
            f"{family.name}{ending}{{{labels}}} {_number(value)}\n"
            if labels
            else (f"{family.name}{ending} {_number(value)}\n")
        )


def end(*, openmetrics: bool) -> str:
    """What stands after the last metric."""
    return "# EOF\n" if openmetrics else ""


def text(families: Sequence[Family], *, openmetrics: bool) -> str:
    """The whole text."""
    every = (line for family in families for line in lines(family, openmetrics=openmetrics))
    return "".join(every) + end(openmetrics=openmetrics)


def written(labels: Mapping[str, str]) -> str:
    """Labels as they stand between braces."""
    return ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels.items())


def _number(value: float) -> str:
    if isinstance(value, int):  # and what is true or false
        return str(int(value))
    if math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
