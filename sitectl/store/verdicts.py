"""A verdict on a token as three columns: status, expiry, parent."""

from __future__ import annotations

from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo
from sitectl.store.moments import from_us, to_us

Columns = tuple[str | None, int | None, str | None]


def to_columns(info: IdTokenInfo | None) -> Columns:
    """For the file."""
    return (None, None, None) if info is None else (info.status.value, to_us(info.expires), info.parent)


def from_columns(status: str | None, expires_us: int | None, parent: str | None) -> IdTokenInfo | None:
    """From the file; None when nobody has said anything."""
    return None if status is None else IdTokenInfo(AuthorizationStatus(status), from_us(expires_us), parent)
