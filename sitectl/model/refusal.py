"""Refusals that came too late: a central says no to a token whose transaction was let begin."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sitectl.model.ids import EvseId, TransactionId
from sitectl.model.transaction import AuthorizationStatus


class Treatment(StrEnum):
    """What follows from a refusal."""

    WAIT = "wait"
    """Our own backlog may be why (ConcurrentTx): the central is asked again once it has heard all."""
    KEEP = "keep"
    """Asked again, it had nothing against the token: the transaction goes on."""
    ALLOWANCE = "allowance"
    """The transaction goes on until the energy is used that the central grants it all the same."""
    STOP = "stop"
    """The station is told to stop, until it has."""
    PAUSE = "pause"
    """The transaction stays open and gets no energy."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal on record. `treatment` None: nothing was concluded from it yet.

    `register_wh`: the meter's register when it came, or the last one known before.
    """

    transaction: TransactionId
    evse: EvseId
    id_token: str
    verdict: AuthorizationStatus | None
    treatment: Treatment | None = None
    register_wh: float | None = None
