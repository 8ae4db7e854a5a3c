"""What waits for a channel, in its bounds. Pure.

Overflow rule: what is already over goes first, the oldest first, then other recoveries, then the oldest beginnings; how
many went is told in their place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sitectl.model.alerts import Notice, NoticeKind
from sitectl.model.health import Problem

MOST = 500


def bounded(waiting: Sequence[Notice], wall: datetime, most: int = MOST) -> tuple[Notice, ...]:
    """At most `most` notices of these; the order stays."""
    excess = len(waiting) - most
    if excess <= 0:
        return tuple(waiting)
    before = next((notice for notice in waiting if notice.kind is NoticeKind.LEFT_OUT), None)
    notices = [notice for notice in waiting if notice is not before]
    excess = len(notices) + 1 - most
    over = {notice.id for notice in notices if notice.kind is NoticeKind.ENDED}
    both = {notice.id for notice in notices if notice.kind is NoticeKind.BEGAN} & over

    def worth(place: int) -> tuple[int, int]:
        notice = notices[place]
        rank = 0 if notice.id in both else 1 if notice.kind is NoticeKind.ENDED else 2
        return rank, place

    dropped = set(sorted(range(len(notices)), key=worth)[:excess])
    kept = [notice for place, notice in enumerate(notices) if place not in dropped]
    count = len(dropped) + (0 if before is None else before.count)
    return (_left_out(count, before, wall), *kept)


def _left_out(count: int, before: Notice | None, wall: datetime) -> Notice:
    if before is not None:
        return replace(before, count=count)
    what = "More notices waited than are kept: some were left out"
    problem = Problem(what, "alerts", wall, "See `sitectl events --type problem` for all of them.")
    return Notice(NoticeKind.LEFT_OUT, problem, wall, count=count)
