"""All channels of a site."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from random import Random

from sitectl.alerts.attempt import DEADLINE_S, Attempts
from sitectl.alerts.channel import Channel
from sitectl.alerts.mail import Mail
from sitectl.alerts.message import About, compose_test
from sitectl.alerts.ports import NotSent, Post, Problems, Shelf
from sitectl.alerts.webhook import Webhook
from sitectl.base.clock import Clock
from sitectl.base.tasks import spawn
from sitectl.config.settings_alerts import AlertSettings, MailSettings
from sitectl.model.alerts import ChannelView, KeptChannel, Tried
from sitectl.model.health import Finding

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0

MakePost = Callable[[AlertSettings], Post]


def way_out(settings: AlertSettings, deadline_s: float = DEADLINE_S) -> Post:
    """How messages leave by a channel."""
    attempts = Attempts(f"sitectl-{settings.name}", deadline_s)
    return Mail(settings, attempts) if isinstance(settings, MailSettings) else Webhook(settings, attempts)


class Alerts:
    """`site`, `zone`: its name and its time zone, in messages."""

    def __init__(
        self,
        channels: Sequence[AlertSettings],
        site: str,
        zone: tzinfo,
        problems: Problems,
        shelf: Shelf,
        clock: Clock,
        random: Random,
        make_post: MakePost = way_out,
    ) -> None:
        self._settings = channels
        self._site = site
        self._zone = zone
        self._problems = problems
        self._shelf = shelf
        self._clock = clock
        self._random = random
        self._make_post = make_post
        self._channels: list[Channel] = []
        self._tests = 0

    async def run(self) -> None:
        """Watch and tell, until cancelled. What was told and what waits is taken up from the disk."""
        kept = await self._shelf.load()
        self._channels = [
            Channel(
                one,
                self._make_post(one),
                kept.get(one.key, KeptChannel()),
                self._clock,
                self._random,
                self._keep,
            )
            for one in self._settings
        ]
        gone = sum(len(channel.waiting) for key, channel in kept.items() if key not in {c.key for c in self._settings})
        if gone:
            log.warning("%d alerts waited for channels that are no longer configured, and are let go", gone)
        async with asyncio.TaskGroup() as group:
            for channel in self._channels:
                spawn(group, channel.run(self._about), channel.settings.name)
            while True:
                problems = self._problems()
                for channel in self._channels:
                    channel.look(problems)
                await asyncio.sleep(LOOK_EVERY_S)

    def views(self) -> Sequence[ChannelView]:
        """The channels as they stand."""
        return [channel.view() for channel in self._channels]

    def findings(self) -> Iterator[Finding]:
        """What is wrong with them."""
        for channel in self._channels:
            yield from channel.findings()

    async def test(self, name: str | None = None) -> Sequence[Tried]:
        """Send a test message at once, by the channel of this name or by all; how it went."""
        chosen = [channel for channel in self._channels if name in (None, channel.settings.name)]
        self._tests += 1
        id = f"test-{self._clock.wall():%Y%m%dT%H%M%S}-{self._tests}"
        outcomes = await asyncio.gather(*(one.try_out(compose_test(self._about(), id)) for one in chosen))
        return [
            Tried(channel.settings.name, outcome.why if isinstance(outcome, NotSent) else None)
            for channel, outcome in zip(chosen, outcomes, strict=True)
        ]

    def _about(self) -> About:
        return About(self._site, self._zone, self._clock.wall())

    def _keep(self) -> None:
        self._shelf.keep({channel.settings.key: channel.kept for channel in self._channels})
