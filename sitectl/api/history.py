"""What the interface needs of what is kept for years, by shape."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Protocol

from sitectl.model.energy import EVERYWHERE, PeriodEnergy, Span, WantedPlaces
from sitectl.model.transaction import TransactionView


class EnergyReader(Protocol):
    """Energy by quarters of an hour."""

    def periods(self, edges: Sequence[int], wanted: WantedPlaces = EVERYWHERE) -> Awaitable[Sequence[PeriodEnergy]]:
        """Sums from each edge (a quarter) to the next."""

    def spans(
        self, first: int | None, end: int | None, wanted: WantedPlaces = EVERYWHERE
    ) -> AsyncIterator[Sequence[Span]]:
        """Every quarter in order, a page at a time; None: from the first, to the last."""


class TransactionReader(Protocol):
    """The whole ledger, in order."""

    def pages(self, since: datetime | None, until: datetime | None) -> AsyncIterator[Sequence[TransactionView]]:
        """Transactions that began in a span of time, a page at a time."""


class BackupMaker(Protocol):
    """Copies of the whole gateway."""

    async def prepare(self, *, secrets: bool) -> AsyncIterator[bytes]:
        """An archive of this moment, to be read once. Raises EnvironmentFault."""


@dataclass(frozen=True, slots=True)
class History:
    """What is kept for years; days begin by `zone()`."""

    energy: EnergyReader
    transactions: TransactionReader
    backups: BackupMaker
    zone: Callable[[], tzinfo]
