"""What a backup holds, and how it is made while the site runs: the ledger of one moment, and the configuration.

Secrets are only in one that was asked for with them: what came up at run time (`credentials/`: the site's authority,
keys, pinned passwords) and the files that the configuration names (`secrets/`). The ledger holds who charged when, and
hashes of pinned passwords: every backup is for nobody else's eyes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from sitectl.base.errors import EnvironmentFault
from sitectl.base.units import format_utc
from sitectl.base.worker import ThreadWorker
from sitectl.config.files import handed_over
from sitectl.daemon.wiring import CREDENTIALS_FOLDER, LEDGER_FILE
from sitectl.store.archive import LEDGER, BadArchive, Part, manifest, stream
from sitectl.store.backup import copy
from sitectl.store.migrate import shipped
from sitectl.store.rows import Stamp

PUBLIC = {"tokens_file", "rules_file", "certificate", "client_ca", "ca", "sheet"}
SECRET = {"password_file", "passwords_file", "secret_file", "token_file", "key"}
"""Keys of the configuration that name files."""

Prepared = AsyncIterator[bytes]


class Backups:
    """Of one site. `configuration` is the effective one; `wall` the clock."""

    def __init__(
        self, data_dir: Path, stamp: Stamp, configuration: Callable[[], Mapping[str, Any]], wall: Callable[[], datetime]
    ) -> None:
        self._data_dir = data_dir
        self._stamp = stamp
        self._configuration = configuration
        self._wall = wall
        self._copying = asyncio.Lock()

    async def prepare(self, *, secrets: bool) -> Prepared:
        """Copy the ledger; the archive, to be read once. Raises EnvironmentFault; nothing is left behind."""
        if self._copying.locked():
            raise EnvironmentFault("another backup is being made; ask again when it is done")
        async with self._copying:
            worker, wanted = ThreadWorker("sitectl-backup"), [True]
            try:
                listed, parts = await worker.do(lambda: self._prepare(secrets, lambda: wanted[0]))
            finally:
                wanted[0] = False
                worker.stop()
        return _read(stream(listed, parts))

    def _prepare(self, secrets: bool, is_wanted: Callable[[], bool]) -> tuple[bytes, list[Part]]:
        about = {
            "made": format_utc(self._wall()),
            "sitectl": _version(),
            "site": self._configuration()["settings"]["site"]["name"],
            "gateway_id": self._stamp.gateway_id,
            "epoch": self._stamp.epoch,
            "ledger_schema": shipped()[-1].number,
            "secrets": secrets,
        }
        try:
            parts = [Part.nameless(LEDGER, copy(self._data_dir / LEDGER_FILE, is_wanted))]
            files, left_out = self._files(secrets)
            for name, path in files.items():
                with suppress(FileNotFoundError):
                    parts.append(Part.of(name, path))
        except OSError as error:
            raise EnvironmentFault(f"{error.filename}: {error.strerror or error}") from error
        return manifest(about | {"left_out": left_out}, parts), parts

    def _files(self, secrets: bool) -> tuple[dict[str, Path], list[str]]:
        """The files by their names in the archive, and those that lie outside of the configuration's folder."""
        running = self._configuration()
        file = Path(running["file"])
        found = {f"configuration/{file.name}": file}
        for folder in ("conf.d", "meters.d", "stations.d"):
            for path in sorted((file.parent / folder).glob("*.yaml")):
                found[f"configuration/{folder}/{path.name}"] = path
        left_out = []
        for key, named in _named(running["settings"]):
            if key in SECRET and not secrets:
                continue
            path = (file.parent / named).resolve()
            if not path.is_relative_to(file.parent.resolve()):
                left_out.append(str(path))
                continue
            read_from = handed_over(named) or path
            if read_from.is_file():
                kind = "secrets" if key in SECRET else "configuration"
                found[f"{kind}/{path.relative_to(file.parent.resolve())}"] = read_from
        if secrets:
            vault = self._data_dir / CREDENTIALS_FOLDER
            for path in sorted(vault.rglob("*")):
                if path.is_file():
                    found[f"credentials/{path.relative_to(vault)}"] = path
        return found, left_out


def _named(value: Any) -> Iterator[tuple[str, str]]:
    """Every file that the configuration names, with its key."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in PUBLIC | SECRET and isinstance(inner, str):
                yield key, inner
            else:
                yield from _named(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _named(inner)


async def _read(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """In a thread, as the client takes it. What goes wrong now ends the stream, which the client sees."""
    worker = ThreadWorker("sitectl-backup")
    try:
        while (chunk := await worker.do(lambda: _next(chunks))) is not None:
            yield chunk
    finally:
        worker.stop()


def _next(chunks: Iterator[bytes]) -> bytes | None:
    try:
        return next(chunks, None)
    except (OSError, BadArchive) as error:
        raise EnvironmentFault(f"the backup broke off: {error}") from error


def _version() -> str:
    try:
        return version("sitectl")
    except PackageNotFoundError:
        return "unknown"
