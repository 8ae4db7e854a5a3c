"""Which problems are news for one channel, and which of those that it was told of are over. Pure: moments come in.

A problem is told when it has stood for `after_s`, its end when it has been away for twice that. One that comes back
within an hour has to be away for twice as long each time: what flaps is told once, and not every minute.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sitectl.model.alerts import ProblemKey, by_key
from sitectl.model.health import Problem

SETTLE = 4.0
"""So many times `after_s` nothing new is told after a start: stations come back one after the other."""
RETURNS_WITHIN_S = 3600.0
AWAY_AT_MOST_S = 3600.0


@dataclass(frozen=True, slots=True)
class News:
    """What is to be told. `ended` with how long ago each went (s)."""

    began: Sequence[Problem] = ()
    ended: Sequence[tuple[Problem, float]] = ()


@dataclass(slots=True)
class Watch:
    """What one channel was told of. Moments are monotonic seconds; `started_at`: when the process began to look."""

    after_s: float
    started_at: float
    told: dict[ProblemKey, Problem] = field(default_factory=dict)
    _seen_at: dict[ProblemKey, float] = field(default_factory=dict)
    _gone_at: dict[ProblemKey, float] = field(default_factory=dict)
    _returns: dict[ProblemKey, tuple[int, float]] = field(default_factory=dict)
    """How often each came back, and when it ended last."""

    def look(self, problems: Iterable[Problem], now: float) -> News:
        """What is news among all that stands now; it counts as told from then on."""
        standing = by_key(problems)
        return News(self._begun(standing, now), self._ended(standing, now))

    def _begun(self, standing: dict[ProblemKey, Problem], now: float) -> list[Problem]:
        self._seen_at = {key: self._seen_at.get(key, now) for key in standing if key not in self.told}
        if now < self.started_at + SETTLE * self.after_s:
            return []
        due = [key for key, at in self._seen_at.items() if now - at >= self.after_s]
        for key in due:
            self.told[key] = standing[key]
            count, ended_at = self._returns.get(key, (-1, now))
            self._returns[key] = (count + 1 if now - ended_at <= RETURNS_WITHIN_S else 0, ended_at)
        return [standing[key] for key in due]

    def _ended(self, standing: dict[ProblemKey, Problem], now: float) -> list[tuple[Problem, float]]:
        self._gone_at = {key: self._gone_at.get(key, now) for key in self.told if key not in standing}
        over = [key for key, at in self._gone_at.items() if now - at >= self._away_s(key)]
        for key in over:
            self._returns[key] = (self._returns.get(key, (0, now))[0], now)
        forgotten = [
            key for key, (_, at) in self._returns.items() if now - at > RETURNS_WITHIN_S and key not in self.told
        ]
        for key in forgotten:
            del self._returns[key]
        return [(self.told.pop(key), now - self._gone_at.pop(key)) for key in over]

    def _away_s(self, key: ProblemKey) -> float:
        count = self._returns.get(key, (0, 0.0))[0]
        return min(AWAY_AT_MOST_S, 2.0 * self.after_s * 2.0 ** min(count, 12))
