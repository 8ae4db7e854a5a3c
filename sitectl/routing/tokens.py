"""Which verdicts of a central are worth remembering for when it is away."""

from __future__ import annotations

from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo

SHORTEST = 4
"""Shorter tokens are placeholders that stations of free-vend sites make up; what a central says of one is no fact."""


def memorable(id_token: str, info: IdTokenInfo) -> bool:
    """Whether a verdict says something lasting of the token. ConcurrentTx is of this moment only."""
    return len(id_token) >= SHORTEST and info.status is not AuthorizationStatus.CONCURRENT_TX
