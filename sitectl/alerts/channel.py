"""One receiver: what it was told, what waits for it, and how its attempts go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random

from sitectl.alerts.message import About, Late, Message, compose
from sitectl.alerts.pace import QUIET_S, Pace
from sitectl.alerts.ports import NotSent, Outcome, Post
from sitectl.alerts.queue import bounded
from sitectl.alerts.watch import Watch
from sitectl.base.backoff import Backoff
from sitectl.base.clock import Clock
from sitectl.config.settings_alerts import AlertSettings, MailSettings
from sitectl.model.alerts import ChannelView, KeptChannel, Notice, NoticeKind, by_key
from sitectl.model.health import Finding, Problem

log = logging.getLogger(__name__)

RETRY_BASE_S, RETRY_CAP_S = 10.0, 600.0
REFUSED_WAIT_S = 300.0
"""Who refuses will refuse again: somebody has to change something first."""
TELL_AFTER = 3
"""So many attempts in a row fail before it is a problem."""


class Channel:
    """`changed` is called whenever what it has to remember has changed."""

    def __init__(
        self,
        settings: AlertSettings,
        post: Post,
        kept: KeptChannel,
        clock: Clock,
        random: Random,
        changed: Callable[[], None],
    ) -> None:
        now = clock.monotonic()
        self.settings = settings
        self._post = post
        self._clock = clock
        self._changed = changed
        self._watch = Watch(settings.after_s, now, by_key(kept.told))
        self._waiting = kept.waiting
        self._pace = Pace(settings.per_hour, now, quiet_s=min(QUIET_S, settings.after_s))
        self._backoff = Backoff(RETRY_BASE_S, RETRY_CAP_S, random)
        self._first_at = self._newest_at = now
        self._news = asyncio.Event()
        if kept.waiting:
            self._news.set()
        self._sent: datetime | None = None
        self._failed = 0
        self._why = ""
        self._since: datetime | None = None

    @property
    def kept(self) -> KeptChannel:
        """What outlives a restart."""
        return KeptChannel(tuple(self._watch.told.values()), self._waiting)

    def look(self, problems: Sequence[Problem]) -> None:
        """See what stands now; news waits from then on. What is wrong with this channel is not told by itself."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        news = self._watch.look((p for p in problems if p.where != self.settings.name), now)
        notices = [Notice(NoticeKind.BEGAN, problem, wall) for problem in news.began]
        waiting = {notice.problem for notice in self._waiting if notice.kind is NoticeKind.BEGAN}
        for problem, ago_s in news.ended:
            if self.settings.recoveries or problem in waiting:
                notices.append(Notice(NoticeKind.ENDED, problem, wall, until=wall - timedelta(seconds=ago_s)))
        if notices:
            if not self._waiting:
                self._first_at = now
            self._newest_at = now
            self._waiting = bounded((*self._waiting, *notices), wall)
            self._news.set()
        if news.began or news.ended:
            self._changed()

    async def run(self, about: Callable[[], About]) -> None:
        """Send what waits, when it may leave, for ever. `about`: the site, as messages tell of it."""
        while True:
            await self._news.wait()
            rationed = await self._let_gather()
            late: Late | None = "unreachable" if self._failed else "rationed" if rationed else None
            taken = self._waiting
            outcome = await self._post.send(self._composed(taken, about(), late))
            if isinstance(outcome, NotSent):
                await asyncio.sleep(self._failure(outcome))
                continue
            self._pace.spend(self._clock.monotonic())
            self._went(outcome.note)
            gone = frozenset(taken)
            self._waiting = tuple(notice for notice in self._waiting if notice not in gone)
            self._first_at = self._clock.monotonic()
            if not self._waiting:
                self._news.clear()
            self._changed()

    async def try_out(self, message: Message) -> Outcome:
        """Send one message at once, beside what waits."""
        return await self._post.send(message)

    def view(self) -> ChannelView:
        """As it stands."""
        return ChannelView(
            self.settings.name,
            "mail" if isinstance(self.settings, MailSettings) else "webhook",
            len(self._waiting),
            len(self._watch.told),
            self._sent,
            self._why or None,
            self._since,
        )

    def findings(self) -> Sequence[Finding]:
        """That nothing gets out."""
        if self._failed < TELL_AFTER:
            return ()
        do = "Check the network and its entry under alerts, then `sitectl alerts test`. Notices wait meanwhile."
        return [(f"Alerts do not get out: {self._why}", self.settings.name, do)]

    async def _let_gather(self) -> bool:
        """Until the news is complete and may leave; whether the ration held it up."""
        rationed = False
        while True:
            now = self._clock.monotonic()
            gathered_at = now if self._failed else self._pace.gathered_at(self._first_at, self._newest_at)
            allowed_at = self._pace.allowed_at(now)
            rationed = rationed or allowed_at > max(now, gathered_at)
            due_at = max(gathered_at, allowed_at)
            if due_at <= now:
                return rationed
            await asyncio.sleep(due_at - now)

    def _composed(self, notices: Sequence[Notice], about: About, late: Late | None) -> Message:
        told = About(about.site, about.zone, about.now, len(self._watch.told), late, self.settings.per_hour)
        return compose(notices, told)

    def _failure(self, outcome: NotSent) -> float:
        """Note that an attempt failed; how long to wait (s)."""
        self._failed += 1
        if self._why != outcome.why:
            log.warning("alerts by %s do not get out, %d wait: %s", self.settings.name, len(self._waiting), outcome.why)
        self._why, self._since = outcome.why, self._since or self._clock.wall()
        return max(self._backoff.next(), outcome.wait_s, REFUSED_WAIT_S if outcome.refused else 0.0)

    def _went(self, note: str) -> None:
        if self._failed or note:
            log.info("alerts by %s get out%s", self.settings.name, f", {note}" if note else " again")
        self._sent = self._clock.wall()
        self._failed, self._why, self._since = 0, "", None
        self._backoff.reset()
