"""Problems: what is wrong, where, since when, and what a person should do about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

Finding = tuple[str, str, str]
"""What, where, what to do: a problem that nobody has noted yet."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong. `what` and `do` are whole sentences for a technician; `where` is an id."""

    what: str
    where: str
    since: datetime
    do: str
