"""Tokens: which verdicts on them are worth remembering, and whose token ended a transaction."""

from __future__ import annotations

from sitectl.model.authorization import same_token
from sitectl.model.transaction import AuthorizationStatus, IdTokenInfo, Stopper

SHORTEST = 4
"""Shorter tokens are placeholders that stations of free-vend sites make up; what a central says of one is no fact."""


def memorable(id_token: str, info: IdTokenInfo) -> bool:
    """Whether a verdict says something lasting of the token. ConcurrentTx is of this moment only."""
    return len(id_token) >= SHORTEST and info.status is not AuthorizationStatus.CONCURRENT_TX


def stopper(started: str, parent: str | None, stopped: str | None, stopped_parent: str | None) -> Stopper | None:
    """Whose token ended a transaction that `started` began, whose parent is `parent`; None where none was named.

    Tokens of one parent may end each other's transactions (OCPP 1.6, 3.6), and so may the parent itself.
    """
    if not stopped:
        return None
    if same_token(started, stopped):
        return Stopper.OWN
    group = same_token(parent, stopped_parent) or same_token(parent, stopped)
    return Stopper.GROUP if group else Stopper.OTHER
