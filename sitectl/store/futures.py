"""A future's end, where it may have been cancelled meanwhile."""

from __future__ import annotations

import asyncio
from typing import Any


def resolve(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    """Give it its result, or the error."""
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
