"""Problems, notices, and ways out that note what would have gone."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sitectl.alerts.message import Message
from sitectl.alerts.ports import NotSent, Outcome, Sent
from sitectl.config.settings_alerts import WebhookSettings
from sitectl.model.alerts import Notice, NoticeKind
from sitectl.model.health import Problem

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OFFLINE_DO = "Check its power and network."


def problem(where: str = "CP01", what: str = "Offline", do: str = OFFLINE_DO, after_s: float = 0.0) -> Problem:
    return Problem(what, where, NOON + timedelta(seconds=after_s), do)


def began(where: str, what: str = "Offline", do: str = OFFLINE_DO) -> Notice:
    return Notice(NoticeKind.BEGAN, problem(where, what, do), NOON)


def ended(where: str, what: str = "Offline") -> Notice:
    return Notice(NoticeKind.ENDED, problem(where, what), NOON, until=NOON + timedelta(minutes=5))


def webhook(
    url: str = "https://hooks.example.com/T0/s3cret", ca: Path | None = None, **more: object
) -> WebhookSettings:
    return WebhookSettings(name="webhook test", url=url, ca=ca, **more)  # type: ignore[arg-type]


@dataclass
class PostTwin:
    """Keeps what goes out; while `broken` says why, nothing does."""

    now: Callable[[], float]
    broken: NotSent | None = None
    sent: list[tuple[float, Message]] = field(default_factory=list)
    attempts: list[float] = field(default_factory=list)

    async def send(self, message: Message) -> Outcome:
        self.attempts.append(self.now())
        if self.broken is not None:
            return self.broken
        self.sent.append((self.now(), message))
        return Sent()
