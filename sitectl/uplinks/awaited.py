"""Stations whose answer to a start waits for what the central says of the token."""

from __future__ import annotations

import asyncio

from sitectl.model.ids import TransactionId
from sitectl.model.transaction import IdTokenInfo


class AwaitedVerdicts:
    """Who waits for the verdict on which transaction."""

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        self._waiting: dict[TransactionId, list[asyncio.Future[IdTokenInfo | None]]] = {}

    async def wait(self, transaction: TransactionId, deadline_s: float) -> IdTokenInfo | None:
        """The verdict; None when that takes too long or cannot be."""
        future: asyncio.Future[IdTokenInfo | None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(transaction, []).append(future)
        try:
            async with asyncio.timeout(deadline_s):
                return await future
        except TimeoutError:
            return future.result() if future.done() and not future.cancelled() else None
        finally:
            waiting = self._waiting.get(transaction, [])
            if future in waiting:
                waiting.remove(future)
            if not waiting:
                self._waiting.pop(transaction, None)

    def tell(self, transaction: TransactionId, info: IdTokenInfo | None) -> bool:
        """Hand a verdict to who waits for it; whether anybody did."""
        waiting = [future for future in self._waiting.pop(transaction, []) if not future.done()]
        for future in waiting:
            future.set_result(info)
        return bool(waiting)

    def end(self) -> None:
        """There will be none: nobody waits any longer."""
        for transaction in [*self._waiting]:
            self.tell(transaction, None)
