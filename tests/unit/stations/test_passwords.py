"""However renewals cross and fail, what a station may show next is kept."""

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from sitectl.model.commands import Answered, Outcome, Unanswered
from sitectl.model.ids import StationId
from sitectl.security.credentials import pins_of
from sitectl.stations.orders import NotOrdered
from sitectl.stations.passwords import Passwords, settled

CP01 = StationId("CP01")


@dataclass
class Site:
    """One station that shows a password, a door whose answers are given, pins that are spelled out."""

    outcomes: list[Outcome]
    answers: asyncio.Event = field(default_factory=asyncio.Event)
    credential: str = "password:first"

    def __post_init__(self) -> None:
        plan = SimpleNamespace(password_file=None, security_profile=1)
        self.records = {CP01: SimpleNamespace(plan=plan, known=self)}
        self.passwords = Passwords(self, self, self, self)  # type: ignore[arg-type]

    def online(self, station: StationId) -> bool:
        return True

    async def keep_credential(self, record: Any, credential: str) -> None:
        self.credential = credential

    async def execute(self, *command: object, by: str = "") -> Outcome:
        await self.answers.wait()
        return self.outcomes.pop(0)

    async def pin(self, password: bytes) -> str:
        return f"password:{password.hex()}"

    def record(self, *entry: object) -> None:
        pass

    def shows(self, password: str) -> None:
        """The station comes by this password."""
        pin = f"password:{password.encode().hex()}" if password != "first" else "password:first"
        assert pin in pins_of(self.credential), "it is locked out"
        self.credential = settled(self.credential, pin) or self.credential


async def test_two_at_once_cannot_forget_what_the_other_has_pushed() -> None:
    site = Site([Answered("Accepted", {}), Answered("Accepted", {})])
    one, other = (asyncio.create_task(site.passwords.renew(CP01, by)) for by in ("one", "other"))
    async with asyncio.timeout(30):
        refused = await other
    assert isinstance(refused, NotOrdered)
    assert "is being given a new password" in refused.why
    site.answers.set()
    password = await one
    assert isinstance(password, str)
    site.shows(password)
    assert isinstance(await site.passwords.renew(CP01, "other"), str)


async def test_one_that_was_applied_late_outlives_two_that_nobody_answered(monkeypatch: Any) -> None:
    made = iter(("aa" * 20, "bb" * 20, "cc" * 20))
    monkeypatch.setattr("sitectl.stations.passwords.secrets.token_hex", lambda bytes: next(made))
    site = Site([Unanswered("no answer")] * 3)
    site.answers.set()
    for _ in range(2):
        assert isinstance(await site.passwords.renew(CP01, "one"), NotOrdered)
    site.shows("aa" * 20)
    await site.passwords.renew(CP01, "one")
    site.shows("aa" * 20)
    site.shows("cc" * 20)
    assert len(pins_of(site.credential)) == 1
