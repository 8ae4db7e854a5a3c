"""Room on the disk that is kept back, and given up when the disk is full, so that transactions go on being taken."""

from __future__ import annotations

import logging
from pathlib import Path

from sitectl.store import disk

BALLAST_BYTES = 8 * 2**20
"""Some thousand starts and stops: about a week of a busy site."""

SHED_BELOW = 16 * 2**20
"""With less room than this what can be done without is no longer written."""

log = logging.getLogger(__name__)


class Ballast:
    """A file whose blocks are taken. Belongs to the writer's thread."""

    def __init__(self, path: Path | None, length: int = BALLAST_BYTES) -> None:
        self._path = None if path is None else Path(f"{path}.ballast")
        self.length = length

    @property
    def there(self) -> bool:
        """Whether there is something to give up. A store in memory never lacks it."""
        return self._path is None or disk.size(self._path) >= self.length

    def make(self, free: int) -> bool:
        """Take the room back, if taking it leaves enough for all else; whether it is there."""
        if self._path is None or self.there:
            return True
        if free < self.length + SHED_BELOW:
            return False
        try:
            disk.allocate(self._path, self.length)
        except OSError as error:
            log.debug("%s: %s", self._path, error)
            return False
        return True

    def give_up(self) -> bool:
        """Give the room to the ledger; whether that gave any."""
        if self._path is None or disk.size(self._path) == 0:
            return False
        try:
            self._path.unlink()
        except OSError as error:
            log.warning("%s cannot be given up: %s", self._path, error)
            return False
        return True
