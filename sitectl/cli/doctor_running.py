"""What `sitectl doctor` finds on a site that runs: what the daemon says of itself, and each meter read a few times."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import typer

from sitectl.cli.doctor_checks import ERROR, OK, WARNING, Found

Answer = dict[str, Any]

READS = 3
SLOW_READ_MS = 800.0
SLOW_CYCLE_MS = 300.0
SLOW_COMMIT_S = 1.0
LONG_UNSENT_S = 3600.0


def problems(status: Answer) -> Iterator[Found]:
    """What the daemon itself finds wrong."""
    for problem in status["problems"]:
        level = ERROR if status["state"] == "failsafe" and problem["where"] in status["meters"] else WARNING
        yield Found("problems", level, f"{problem['where']}: {problem['what']}", problem["do"])
    if not status["problems"]:
        yield Found("problems", OK, "the daemon finds nothing wrong")


def control(status: Answer) -> Found:
    """How long a control cycle takes."""
    took_ms = status["cycle"]["ms_p99"]
    if took_ms is None:
        return Found("control", WARNING, "no control cycle has ended yet", "Ask again in a few seconds.")
    slow = took_ms > SLOW_CYCLE_MS
    do = "This machine is too slow for the site, or something else takes its time: see `top`." if slow else ""
    return Found("control", WARNING if slow else OK, f"a control cycle takes {took_ms:g} ms (p99)", do)


def store(status: Answer) -> Iterator[Found]:
    """The ledger's file."""
    disk = status["store"]
    if disk["state"] != "ok":
        why = disk["why"] or "room is short"
        yield Found(
            "ledger", ERROR, f"the ledger is {disk['state']}: {why}", "Free room, or look at the disk: `dmesg`."
        )
    slow = (disk["commit_s"] or 0.0) > SLOW_COMMIT_S
    do = "A worn card answers like this: back up, then replace it." if slow else ""
    yield Found("ledger", WARNING if slow else OK, f"a write takes {disk['commit_s'] or 0:g} s", do)
    dead = status["transactions"]["dead"]
    if dead:
        yield Found("ledger", WARNING, f"{dead} messages were refused for good", "See `sitectl transactions --dead`.")


def stations(inventory: Answer) -> Iterator[Found]:
    """Whether each holds the fallback that it should, and what nobody has proven of it."""
    bad = False
    for id, one in inventory["stations"].items():
        for number, evse in one["evses"].items():
            wanted, holds = evse["fallback_a"], evse["fallback_installed_a"]
            if one["online"] and holds is not None and holds > wanted:
                bad = True
                what = f"{id}:{number} falls back to {holds:g} A when nobody tells it anything, not to {wanted:g} A"
                do = "It has refused the lower one: see `sitectl timeline` of it, and `fallback_a`."
                yield Found("stations", WARNING, what, do)
            if one["online"] and holds is None:
                bad = True
                what = f"{id}:{number} holds no fallback yet"
                yield Found("stations", WARNING, what, f"Wait a minute; then `sitectl timeline {id}`.")
    here = sum(1 for one in inventory["stations"].values() if one["online"])
    if not bad:
        yield Found(
            "stations", OK, f"{here} of {len(inventory['stations'])} stations are here, and hold their fallbacks"
        )


def uplinks(inventory: Answer) -> Iterator[Found]:
    """How long a central has not taken what it should."""
    for id, one in inventory["uplinks"].items():
        old = (one["oldest_s"] or 0.0) > LONG_UNSENT_S
        do = f"See `sitectl uplinks`: {one['url']} has to be reached from here." if old else ""
        what = f"{id}: {one['state']}, {one['backlog']} messages wait"
        yield Found("uplinks", WARNING if old else OK, what, do)


def meters(names: list[str], read: Callable[[str], Answer]) -> Iterator[Found]:
    """Each meter a few times: whether it answers, how fast, and whether its values can be."""
    for name in names:
        took, objections = [], []
        for _ in range(READS):
            try:
                answer = read(name)
            except typer.Exit:
                objections.append("it cannot be read from here")
                break
            took.append(answer["took_ms"])
            if answer["objection"] is not None:
                objections.append(answer["objection"])
        times = [ms for ms in took if ms is not None]
        if objections:
            do = f"See `sitectl meter test {name}`: wiring, unit, speed, or another sheet."
            yield Found("meters", ERROR, f"{name}: {objections[0]} ({len(objections)} of {READS} reads)", do)
        elif times:
            slow = median(times) > SLOW_READ_MS
            do = (
                "The limit follows the fuse only as fast: a shorter line, a higher speed, fewer devices."
                if slow
                else ""
            )
            yield Found("meters", WARNING if slow else OK, f"{name}: answers in {median(times):g} ms", do)


def versions(ours: str, inventory: Answer) -> Found:
    """Whether the command line and the daemon are one version."""
    theirs = inventory["gateway"]["sitectl"]
    if ours != theirs:
        do = "Restart the service: `systemctl restart sitectl`."
        return Found("versions", WARNING, f"the daemon is sitectl {theirs}, the command line {ours}", do)
    return Found("versions", OK, f"sitectl {ours}, Python {inventory['gateway']['python']}")
