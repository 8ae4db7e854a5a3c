"""What a person is told of problems, and the channels that it goes by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from sitectl.model.health import Problem

ProblemKey = tuple[str, str]
"""Where it is, and its wording up to the colon: what follows may change while the problem stays the same."""


def key_of(problem: Problem) -> ProblemKey:
    """The name of a problem."""
    return problem.where, problem.what.partition(":")[0]


def by_key(problems: Iterable[Problem]) -> dict[ProblemKey, Problem]:
    """Problems under their names."""
    return {key_of(problem): problem for problem in problems}


class NoticeKind(StrEnum):
    """What a notice tells: a problem began, ended, or (`left_out`) that notices had to be thrown away."""

    BEGAN = "began"
    ENDED = "ended"
    LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True)
class Notice:
    """One piece of news that waits for its channel. `made`: since when it waits; `count`: how many were left out."""

    kind: NoticeKind
    problem: Problem
    made: datetime
    until: datetime | None = None
    """When it ended."""
    count: int = 1

    @property
    def id(self) -> str:
        """The same for the beginning and the end of one occurrence, on every channel and after a restart."""
        return occurrence(self.problem)


def occurrence(problem: Problem) -> str:
    """The id of a problem that began at one moment."""
    where, name = key_of(problem)
    return sha256(f"{where}\0{name}\0{problem.since.isoformat()}".encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class KeptChannel:
    """What a channel remembers over a restart: problems that it was told of and that stand, and what waits."""

    told: tuple[Problem, ...] = ()
    waiting: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class Tried:
    """The outcome of a test message on one channel; `why` it did not go out, None: it did."""

    name: str
    why: str | None


@dataclass(frozen=True, slots=True)
class ChannelView:
    """One channel as it stands. `failing`: why nothing gets out, and `since` when; `sent`: the last message."""

    name: str
    kind: str
    waiting: int
    standing: int
    sent: datetime | None
    failing: str | None
    since: datetime | None
