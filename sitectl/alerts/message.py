"""Notices as one message: a subject and a text for people, and a body for programs. Pure.

The body of a webhook is versioned: `schema` 1. Keys are only ever added to it; one that changes its meaning makes 2.

    {"schema": 1, "kind": "alert" | "test", "id": …, "site": …, "time": …, "summary": …, "text": …,
     "began":  [{"what": …, "do": …, "places": [{"id": …, "where": …, "what": …, "since": …}]}],
     "ended":  [the same, each place with "until"],
     "passed": [as ended: began and ended since the last message],
     "standing": 12, "left_out": 0, "late_since": null | time, "why_late": null | "rationed" | "unreachable"}

Problems with the same words and the same cure are one entry with many places. `id` of a place is that of the
occurrence: the same when it begins and ends, and when a message comes twice; `id` of the message is the same for the
same news.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from hashlib import sha256
from typing import Any, Literal

from sitectl.base.units import format_utc
from sitectl.model.alerts import Notice, NoticeKind, key_of

SCHEMA = 1
PLACES_SHOWN = 10
GROUPS_SHOWN = 30
Late = Literal["rationed", "unreachable"]


@dataclass(frozen=True, slots=True)
class Message:
    """Ready to go. `body` is what a webhook gets."""

    id: str
    subject: str
    text: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """What a message tells beside its news. `standing`: problems that its receiver knows of and that stand."""

    site: str
    zone: tzinfo
    now: datetime
    standing: int = 0
    late: Late | None = None
    per_hour: float = 0.0


Group = tuple[str, str, list[Notice]]
"""Words, cure, and all that they are true of."""


def compose(notices: Sequence[Notice], about: About) -> Message:
    """One message of all of these, in their order."""
    began, ended, passed = _sorted(notices)
    left_out = sum(notice.count for notice in notices if notice.kind is NoticeKind.LEFT_OUT)
    late_since = min((notice.made for notice in notices), default=None) if about.late is not None else None
    groups = {"began": _groups(began), "ended": _groups(ended), "passed": _groups(passed)}
    summary = f"{about.site}: {_counted(len(began), len(ended), len(passed))}"
    text = "\n".join([summary, *_lines(groups, about), *_tail(about, late_since, left_out)])
    id = sha256("\n".join(f"{notice.kind.value} {notice.id}" for notice in notices).encode()).hexdigest()[:16]
    body = _body(id, "alert", about, summary, text) | {
        **{name: [_as_json(group) for group in found] for name, found in groups.items()},
        "left_out": left_out,
        "late_since": None if late_since is None else format_utc(late_since),
        "why_late": about.late,
    }
    return Message(id, summary, text, body)


def compose_test(about: About, id: str) -> Message:
    """A message that says that messages arrive."""
    summary = f"{about.site}: a test of its alerts"
    text = f"{summary}\n\nSent by hand at {_moment(about.now, about.zone)}. Problems of this site arrive here."
    nothing: dict[str, Any] = {"began": [], "ended": [], "passed": [], "left_out": 0}
    body = _body(id, "test", about, summary, text) | nothing | {"late_since": None, "why_late": None}
    return Message(id, summary, text, body)


def _body(id: str, kind: str, about: About, summary: str, text: str) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "kind": kind,
        "id": id,
        "site": about.site,
        "time": format_utc(about.now),
        "summary": summary,
        "text": text,
        "standing": about.standing,
    }


def _sorted(notices: Sequence[Notice]) -> tuple[list[Notice], list[Notice], list[Notice]]:
    """What began and stands, what ended, and what did both since the last message."""
    news = [notice for notice in notices if notice.kind is not NoticeKind.LEFT_OUT]
    begun = {notice.id for notice in news if notice.kind is NoticeKind.BEGAN}
    over = {notice.id for notice in news if notice.kind is NoticeKind.ENDED}
    began = [notice for notice in news if notice.kind is NoticeKind.BEGAN and notice.id not in over]
    ended = [notice for notice in news if notice.kind is NoticeKind.ENDED and notice.id not in begun]
    passed = [notice for notice in news if notice.kind is NoticeKind.ENDED and notice.id in begun]
    return began, ended, passed


def _groups(notices: Iterable[Notice]) -> list[Group]:
    found: dict[tuple[str, str], Group] = {}
    for notice in notices:
        _, name = key_of(notice.problem)
        found.setdefault((name, notice.problem.do), (name, notice.problem.do, []))[2].append(notice)
    return list(found.values())


def _as_json(group: Group) -> dict[str, Any]:
    name, do, notices = group
    return {"what": name, "do": do, "places": [_place(notice) for notice in notices]}


def _place(notice: Notice) -> dict[str, Any]:
    problem = notice.problem
    place = {
        "id": notice.id,
        "where": problem.where,
        "what": problem.what,
        "since": format_utc(problem.since),
    }
    return place if notice.until is None else place | {"until": format_utc(notice.until)}


def _counted(began: int, ended: int, passed: int) -> str:
    counts = ((began, "problem" if began == 1 else "problems"), (ended, "recovered"), (passed, "came and went"))
    return ", ".join(f"{count} {word}" for count, word in counts if count) or "no news"


def _lines(groups: Mapping[str, Sequence[Group]], about: About) -> list[str]:
    """For people: the worst first, as much as one reads."""
    heads: tuple[tuple[str, str, Callable[[Notice], datetime | None]], ...] = (
        ("began", "PROBLEM since", lambda notice: notice.problem.since),
        ("ended", "RECOVERED at", lambda notice: notice.until),
        ("passed", "CAME AND WENT, last at", lambda notice: notice.until),
    )
    lines: list[str] = []
    for name, head, moment in heads:
        found = groups[name]
        for _, do, notices in found[:GROUPS_SHOWN]:
            first = notices[0]
            what = first.problem.what if len(notices) == 1 else key_of(first.problem)[1]
            when = _moment(moment(first) or first.made, about.zone)
            lines += ["", f"{head} {when}: {what}", f"  Where: {_where(notices)}"]
            lines += [f"  What to do: {do}"] if name == "began" else []
        if len(found) > GROUPS_SHOWN:
            lines += ["", f"and {len(found) - GROUPS_SHOWN} more kinds: see `sitectl status`"]
    return lines


def _where(notices: Sequence[Notice]) -> str:
    shown = ", ".join(notice.problem.where for notice in notices[:PLACES_SHOWN])
    more = len(notices) - PLACES_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def _tail(about: About, late_since: datetime | None, left_out: int) -> list[str]:
    lines = []
    if late_since is not None:
        waited = f"Some of this has waited since {_moment(late_since, about.zone)}"
        if about.late == "rationed":
            lines.append(f"{waited}: there are {about.per_hour:g} messages an hour at most.")
        else:
            lines.append(f"{waited}: it could not be sent before.")
    if left_out:
        lines.append(f"{left_out} notices were left out, for more waited than are kept: see `sitectl events`.")
    if about.standing:
        lines.append(f"{about.standing} problems stand in all; `sitectl status` lists them.")
    return ["", *lines] if lines else []


def _moment(moment: datetime, zone: tzinfo) -> str:
    return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")
