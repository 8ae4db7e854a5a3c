"""The rooms whose failure must not be the site's: they are started again, and what failed lately is a problem."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from random import Random

from sitectl.base.backoff import Backoff
from sitectl.base.clock import Clock
from sitectl.base.errors import ConfigurationError
from sitectl.base.tasks import HEALTHY_S, spawn, supervise
from sitectl.model.health import Finding

RESTART_BASE_S, RESTART_CAP_S = 1.0, 30.0


class Supervised:
    """Keeps rooms running."""

    def __init__(self, clock: Clock, random: Random) -> None:
        self._clock = clock
        self._random = random
        self._failed: dict[str, tuple[str, float]] = {}
        """Why each failed last, and until when that is told."""

    def keep(self, group: asyncio.TaskGroup, name: str, room: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """Run a room; when it fails, that is logged and told, and the room started again."""
        self._failed.pop(name, None)

        async def once() -> None:
            try:
                await room()
            except ConfigurationError as error:
                self._failed[name] = (str(error), float("inf"))
                raise
            except Exception as error:
                why = f"{type(error).__name__}: {error}".splitlines()[0][:200]
                self._failed[name] = (why, self._clock.monotonic() + RESTART_CAP_S + HEALTHY_S)
                raise
            except asyncio.CancelledError:  # it is not wanted any more
                self._failed.pop(name, None)
                raise

        return spawn(
            group, supervise(name, once, Backoff(RESTART_BASE_S, RESTART_CAP_S, self._random), self._clock), name
        )

    def findings(self) -> Iterator[Finding]:
        """What failed and has not been well for a while since."""
        now = self._clock.monotonic()
        for name, (why, until) in self._failed.items():
            if until == float("inf"):
                yield (f"It cannot run as configured and stays off: {why}", f"daemon/{name}", "Correct it and reload.")
            elif now < until:
                do = "Charging goes on. If it stays, report it with `sitectl doctor --bundle FILE`."
                yield (f"A part of this daemon failed and is started again: {why}", f"daemon/{name}", do)
