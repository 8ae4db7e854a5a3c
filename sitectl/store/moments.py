"""Wall times as they lie in the file: whole microseconds since 1970 in UTC, exact both ways."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import overload

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@overload
def to_us(moment: datetime) -> int: ...
@overload
def to_us(moment: None) -> None: ...
def to_us(moment: datetime | None) -> int | None:
    """Microseconds since 1970 of an aware moment."""
    return None if moment is None else (moment - _EPOCH) // _MICROSECOND


@overload
def from_us(us: int) -> datetime: ...
@overload
def from_us(us: None) -> None: ...
def from_us(us: int | None) -> datetime | None:
    """The moment, aware, in UTC."""
    return None if us is None else _EPOCH + timedelta(microseconds=us)
