"""How answers are given: JSON bytes, and the ledger's in time or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

import orjson
from fastapi import Response

from sitectl.base.errors import EnvironmentFault

T = TypeVar("T")

LEDGER_S = 5.0


def as_json(value: Any, status: int = 200) -> Response:
    """A JSON answer."""
    return Response(orjson.dumps(value), status, media_type="application/json")


async def in_time(question: Awaitable[T], within_s: float = LEDGER_S) -> T:
    """The ledger's answer; a disk that hangs is a disk that fails."""
    try:
        async with asyncio.timeout(within_s):
            return await question
    except TimeoutError:
        raise EnvironmentFault(f"the disk did not answer within {within_s:g} s") from None
