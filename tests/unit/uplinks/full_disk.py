"""A disk that takes nothing, under the store of a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from sitectl.base.errors import EnvironmentFault
from sitectl.store.opening import Store


def filled(store: Store) -> Callable[[], None]:
    """Every write fails until the result is called; the journal keeps what happens meanwhile."""
    database, journal = store.database, store.journal
    run, save = database.run, journal.save

    def full(job: Any, **_: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.05, _fail, future)
        return future

    database.run = full  # type: ignore[method-assign]
    journal.save = lambda: None  # type: ignore[method-assign]

    def freed() -> None:
        database.run = run  # type: ignore[method-assign]
        journal.save = save  # type: ignore[method-assign]

    return freed


def _fail(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(EnvironmentFault("disk full"))
