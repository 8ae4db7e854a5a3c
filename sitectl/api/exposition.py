"""Numbers as OpenMetrics text, or as the older text format of Prometheus. Pure.

https://prometheus.io/docs/specs/om/open_metrics_spec/. Who asks for neither gets the older one, which every tool reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"

Kind = Literal["gauge", "counter", "info", "stateset"]
Labels = tuple[tuple[str, str], ...]
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
    samples: list[tuple[Labels, float]] = field(default_factory=list)

    def add(self, value: float | None, **labels: str) -> None:
        """One sample; an absent value is none."""
        if value is not None:
            self.samples.append((tuple(labels.items()), float(value)))

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
        yield f"{family.name}{ending}{_labels(labels)} {_number(value)}\n"


def end(*, openmetrics: bool) -> str:
    """What stands after the last metric."""
    return "# EOF\n" if openmetrics else ""


def text(families: Sequence[Family], *, openmetrics: bool) -> str:
    """The whole text."""
    every = (line for family in families for line in lines(family, openmetrics=openmetrics))
    return "".join(every) + end(openmetrics=openmetrics)


def _labels(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{value.translate(_ESCAPED)}"' for name, value in labels) + "}"


def _number(value: float) -> str:
    if math.isfinite(value):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"
