"""A channel on virtual time: gathering, rations, failures, restarts."""

import asyncio
import itertools
from collections.abc import Callable, Coroutine
from datetime import UTC
from random import Random
from typing import Any

import pytest

from sitectl.alerts.channel import REFUSED_WAIT_S, Channel
from sitectl.alerts.message import About
from sitectl.alerts.ports import NotSent
from sitectl.base.clock import LoopClock
from sitectl.base.tasks import Tasks
from sitectl.base.virtual import run_virtual
from sitectl.config.settings_alerts import WebhookSettings
from sitectl.model.alerts import KeptChannel
from sitectl.model.health import Problem
from tests.unit.alerts.builders import NOON, PostTwin, problem, webhook


class Played:
    """A channel that looks once a second at what a test says stands."""

    def __init__(self, settings: WebhookSettings, kept: KeptChannel | None = None) -> None:
        self.clock = LoopClock(NOON)
        self.post = PostTwin(self.clock.monotonic)
        self.standing: list[Problem] = []
        self.saves = 0
        self.channel = Channel(settings, self.post, kept or KeptChannel(), self.clock, Random(1), self._saved)

    def _saved(self) -> None:
        self.saves += 1

    async def pass_s(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.channel.look(self.standing)
            await asyncio.sleep(1)

    @property
    def subjects(self) -> list[str]:
        return [message.subject for _, message in self.post.sent]


def play(
    story: Callable[[Played], Coroutine[Any, Any, None]], settings: WebhookSettings | None = None, **more: Any
) -> None:
    async def main() -> None:
        played, tasks = Played(settings or webhook(), **more), Tasks()
        tasks.spawn(played.channel.run(lambda: About("depot", UTC, played.clock.wall())), "channel")
        await story(played)
        await tasks.cancel_all()

    run_virtual(main())


def test_an_outage_that_spreads_over_half_a_minute_is_one_message_and_so_is_its_end() -> None:
    async def story(played: Played) -> None:
        await played.pass_s(130)
        for number in range(200):
            played.standing.append(problem(f"CP{number:03}"))
            if number % 10 == 0:
                await played.pass_s(1)
        await played.pass_s(600)
        assert played.subjects == ["depot: 200 problems"]
        played.standing.clear()
        await played.pass_s(600)
        assert played.subjects == ["depot: 200 problems", "depot: 200 recovered"]

    play(story)


def test_what_the_ration_holds_back_goes_as_one_digest() -> None:
    async def story(played: Played) -> None:
        await played.pass_s(130)
        for number in range(30):  # one new problem every two minutes for an hour
            played.standing.append(problem(f"CP{number:03}"))
            await played.pass_s(120)
        await played.pass_s(3600)
        assert 3 <= len(played.post.sent) <= 6
        assert sum(len(g["places"]) for _, m in played.post.sent for g in m.body["began"]) == 30
        assert any("4 messages an hour at most" in message.text for _, message in played.post.sent)

    play(story, webhook(per_hour=4.0))


def test_while_nothing_gets_out_it_waits_backs_off_and_then_tells_what_came_and_went() -> None:
    async def story(played: Played) -> None:
        played.post.broken = NotSent("connection refused")
        await played.pass_s(130)
        played.standing = [problem("A"), problem("B")]
        await played.pass_s(600)
        assert [what for what, _, _ in played.channel.findings()] == ["Alerts do not get out: connection refused"]
        played.standing = [problem("B")]
        await played.pass_s(6000)
        gaps = [b - a for a, b in itertools.pairwise(played.post.attempts)]
        assert 8 < len(played.post.attempts) < 60
        assert max(gaps) > 100
        assert len({round(gap, 3) for gap in gaps}) == len(gaps), "no jitter"
        played.post.broken = None
        await played.pass_s(700)
        ((_, message),) = played.post.sent
        assert message.subject == "depot: 1 problem, 1 came and went"
        assert "it could not be sent before" in message.text
        assert (played.channel.findings(), played.channel.kept.waiting) == ((), ())

    play(story)


def test_who_refuses_is_asked_seldom_and_patience_is_heeded() -> None:
    async def story(played: Played) -> None:
        played.post.broken = NotSent("HTTP 404", refused=True)
        played.standing = [problem("A")]
        await played.pass_s(130 + 3 * REFUSED_WAIT_S)
        assert 2 <= len(played.post.attempts) <= 4
        played.post.broken = NotSent("HTTP 429", wait_s=1800.0)
        await played.pass_s(1000)
        before = len(played.post.attempts)
        await played.pass_s(1500)
        assert len(played.post.attempts) - before <= 1

    play(story)


def test_a_restart_goes_on_where_it_was() -> None:
    kept: list[KeptChannel] = []

    async def first(played: Played) -> None:
        played.post.broken = NotSent("no answer in time")
        played.standing = [problem("A"), problem("B")]
        await played.pass_s(200)
        kept.append(played.channel.kept)
        assert played.saves

    async def second(played: Played) -> None:
        played.standing = [problem("B", after_s=300.0)]
        await played.pass_s(400)
        assert played.subjects == ["depot: 2 problems", "depot: 1 recovered"]

    play(first)
    assert [len(kept[0].told), len(kept[0].waiting)] == [2, 2]
    play(second, kept=kept[0])


def test_who_wants_no_recoveries_gets_none_but_hears_that_a_problem_passed() -> None:
    async def story(played: Played) -> None:
        await played.pass_s(130)
        played.standing = [problem("A")]
        await played.pass_s(60)
        played.standing = []
        await played.pass_s(400)
        assert played.subjects == ["depot: 1 problem"]
        played.post.broken = NotSent("connection refused")
        played.standing = [problem("B")]
        await played.pass_s(60)
        played.standing = []
        await played.pass_s(120)
        played.post.broken = None
        await played.pass_s(1500)
        assert played.subjects[1:] == ["depot: 1 came and went"]

    play(story, webhook(recoveries=False))


def test_its_own_trouble_is_not_told_by_itself() -> None:
    async def story(played: Played) -> None:
        played.standing = [
            problem("webhook test", "Alerts do not get out"),
            problem("mail x@y.example", "Alerts do not"),
        ]
        await played.pass_s(300)
        assert [p["where"] for _, m in played.post.sent for g in m.body["began"] for p in g["places"]] == [
            "mail x@y.example"
        ]

    play(story)


@pytest.mark.parametrize("after_s", [0.0, 1.0])
def test_with_little_patience_it_is_told_almost_at_once(after_s: float) -> None:
    async def story(played: Played) -> None:
        played.standing = [problem("A")]
        await played.pass_s(10)
        assert played.subjects == ["depot: 1 problem"]

    play(story, webhook(after_s=after_s))
