"""A vault in memory; `full` is a disk that takes nothing."""

from collections.abc import Mapping
from pathlib import Path

from sitectl.base.errors import EnvironmentFault


class VaultTwin:
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.full = False

    async def open(self) -> None:
        """Nothing to read."""

    def held(self, name: str) -> bytes | None:
        return self.files.get(name)

    def names(self, prefix: str) -> list[str]:
        return sorted(name for name in self.files if name.startswith(prefix))

    def path(self, name: str) -> Path:
        return Path("/nowhere") / name

    async def write(self, files: Mapping[str, bytes]) -> None:
        self._check()
        self.files.update(files)

    async def remove(self, *names: str) -> None:
        self._check()
        for name in names:
            self.files.pop(name, None)

    def _check(self) -> None:
        if self.full:
            raise EnvironmentFault("disk full")
