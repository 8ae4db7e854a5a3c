"""How one station is controlled, and what was found out with it, for people: below the table of its EVSEs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Answer = dict[str, Any]


def control_lines(station: Answer) -> Iterator[str]:
    """A line for each EVSE, one for each trial that is remembered, and one for what its memory took today."""
    for number, evse in station["evses"].items():
        control = evse.get("control")
        if control is None:
            continue
        verdict = control["verdict"] or "not accepted yet"
        learned = f"; its L1 lies on {evse['learned_l1']}, as it was learned" if evse.get("learned_l1") else ""
        yield f"EVSE {number}: limited by {control['form']}, {verdict}{learned}"
        for kind, outcome in evse.get("trials", {}).items():
            if (told := _trial(kind, outcome)) is not None:
                yield f"EVSE {number}: {told}"
    if (written := station.get("profiles_written")) is not None:
        yield f"profiles written in a day: {_share(written, 'transaction')}, {_share(written, 'persistent')}"


def _share(written: Answer, kind: str) -> str:
    most = written[f"{kind}_most"]
    words = "for one transaction" if kind == "transaction" else "others"
    return f"{written[kind]} {words}" if most is None else f"{written[kind]} of {most} {words}"


def _trial(kind: str, outcome: Any) -> str | None:
    """One trial in a line; what cannot be read is left out."""
    try:
        if kind == "limit_test":
            seen = outcome["station_s"] if outcome["meter_s"] is None else outcome["meter_s"]
            after = "" if seen is None else f" after {seen:g} s"
            return f"limit test: {outcome['verdict']}{after} ({outcome['from_a']:g} to {outcome['to_a']:g} A)"
        if kind == "phase_test":
            first = "" if outcome["first"] is None else f", its L1 lies on {outcome['first']}"
            pairs = zip(("L1", "L2", "L3"), outcome["transformers"], strict=True)
            shown = ", ".join(f"{phase} {one}" for phase, one in pairs if one != "not tested")
            transformers = f" (current transformers: {shown})" if shown else ""
            return f"phase test: {outcome['verdict']}{first}{transformers}"
    except (KeyError, TypeError, ValueError):
        return None
    return None
