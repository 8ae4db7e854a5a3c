"""A changed configuration under a running site (SIGHUP): the whole file, or nothing of it.

What cannot be used is told with all its places, as at the start, and the configuration that runs goes on. That is a
problem until it is mended: the next start would refuse it.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence

from sitectl.base.clock import Clock
from sitectl.base.errors import SitectlError
from sitectl.base.systemd import Notifier
from sitectl.config.load import Broken, Loaded
from sitectl.config.report import print_issues
from sitectl.config.settings import Settings
from sitectl.daemon.wiring import Wired, rewire
from sitectl.model.health import Problem
from sitectl.site.ports import Journal

log = logging.getLogger(__name__)

Read = Callable[[], Loaded | Broken]


class Reload:
    """Reads the configuration again when asked. `changed` is called after another one was taken."""

    def __init__(
        self,
        read: Read,
        rooms: Wired,
        journal: Journal,
        notifier: Notifier,
        clock: Clock,
        changed: Callable[[Loaded], None],
    ) -> None:
        self._read = read
        self._rooms = rooms
        self._journal = journal
        self._notifier = notifier
        self._clock = clock
        self._changed = changed
        self._asked = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._problem: Problem | None = None

    async def take_up(self) -> str:
        """Read it again at once; why it was not taken, or nothing."""
        async with self._one_at_a_time:
            why = await self._take()
            if why:
                self._refused(why)
            return why

    def ask(self) -> None:
        """Read it again, soon; asked twice meanwhile, it is read once more."""
        self._asked.set()

    async def run(self) -> None:
        """Wait for being asked, for ever."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            self._notifier.reloading(self._clock.monotonic())
            why = await self.take_up()
            self._notifier.ready(f"the configuration was not taken: {why}" if why else "the configuration was taken")

    def stands_in(self, why: str) -> None:
        """The configuration was refused at the start, and the last good one serves; a problem until it is mended."""
        self._journal.record("config.refused", data={"why": why})
        what = f"The configuration is not used: {why}"
        do = "Correct it (`sitectl check` names every place) and reload; until then the one that served last goes on."
        self._problem = Problem(what, "configuration", self._clock.wall(), do)

    async def _take(self) -> str:
        """Take the configuration as it is on disk; why not, or nothing."""
        loaded = await asyncio.to_thread(self._read)
        print_issues(loaded, sys.stderr)
        if isinstance(loaded, Broken):
            return in_short(loaded)
        if fixed := _fixed(self._rooms.live.settings, loaded.settings):
            return f"{fixed} cannot change under a running site: restart it"
        try:
            doors = await self._rooms.stations.prepare(loaded.settings)
        except SitectlError as error:
            return str(error)
        await rewire(self._rooms, loaded, doors)
        self._problem = None
        self._changed(loaded)
        self._journal.record("config.taken", data={"warnings": len(loaded.warnings)})
        log.info("the configuration was read again and holds from now on")
        return ""

    def _refused(self, why: str) -> None:
        log.error("the configuration was not taken, the one before goes on: %s", why)
        self._journal.record("config.refused", data={"why": why})
        what = f"The changed configuration is not used: {why}"
        do = "Correct it (`sitectl check` names every place) and reload; the one before goes on, until a restart."
        self._problem = Problem(what, "configuration", self._clock.wall(), do)

    def problems(self) -> Sequence[Problem]:
        """That a changed configuration was refused, until another one is taken."""
        return [] if self._problem is None else [self._problem]


def in_short(broken: Broken) -> str:
    """What is wrong, in one line."""
    more = f" and {len(broken.errors) - 1} more" if len(broken.errors) > 1 else ""
    return f"{broken.errors[0]}{more}"


def _fixed(before: Settings, after: Settings) -> str:
    """What differs of that which is open for as long as the process lives."""
    pairs = {
        "site.data_dir": (before.site.data_dir, after.site.data_dir),
        "api.socket": (before.api.socket, after.api.socket),
    }
    return " and ".join(name for name, (old, new) in pairs.items() if old != new)
