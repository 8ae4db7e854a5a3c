"""A reader of OpenMetrics text that takes nothing which the specification forbids."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"'
_SAMPLE = re.compile(rf"({_NAME})(?:\{{({_LABEL}(?:,{_LABEL})*)?\}})? (NaN|[+-]Inf|-?[0-9.]+(?:e[+-]?[0-9]+)?)")
_ENDINGS = {"gauge": ("",), "counter": ("_total",), "info": ("_info",), "stateset": ("",)}
Sample = tuple[str, tuple[tuple[str, str], ...]]


@dataclass
class Metric:
    kind: str
    unit: str = ""
    help: str = ""
    samples: dict[Sample, float] = field(default_factory=dict)


def read(text: str) -> dict[str, Metric]:
    """The metrics of a text; raises AssertionError where it breaks the rules."""
    assert text.endswith("# EOF\n")
    metrics: dict[str, Metric] = {}
    current = ""
    for line in text.removesuffix("# EOF\n").splitlines():
        assert line
        assert line == line.strip(), repr(line)
        if line.startswith("#"):
            _, word, name, rest = line.split(" ", 3)
            if word == "TYPE":
                assert name not in metrics, f"{name} comes twice"
                assert rest in _ENDINGS, line
                metrics[name], current = Metric(rest), name
            assert name == current, f"{line} stands among those of {current}"
            if word == "UNIT":
                assert name.endswith(f"_{rest}"), line
                metrics[name].unit = rest
            elif word == "HELP":
                metrics[name].help = rest
            continue
        _add(metrics[current], current, line)
    for name, metric in metrics.items():
        assert metric.help, name
        assert re.fullmatch(_NAME, name)
        assert not name.endswith(("_total", "_info", "_count", "_sum", "_bucket", "_created")), name
    return metrics


def _add(metric: Metric, name: str, line: str) -> None:
    found = _SAMPLE.fullmatch(line)
    assert found is not None, line
    assert found[1] in [name + ending for ending in _ENDINGS[metric.kind]], f"{line} among those of {name}"
    labels = tuple(re.findall(_LABEL, found[2] or ""))
    assert len({key for key, _ in labels}) == len(labels), line
    sample, value = (found[1], labels), float(found[found.lastindex or 0])
    assert sample not in metric.samples, f"{line} comes twice"
    if metric.kind == "counter":
        assert value >= 0, line
    if metric.kind == "info":
        assert value == 1, line
    if metric.kind == "stateset":
        assert value in (0, 1), line
        assert name in dict(labels), f"{line} has no label {name}"
    metric.samples[sample] = value
