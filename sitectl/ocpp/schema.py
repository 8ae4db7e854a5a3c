"""Validation against the standard's JSON schemas. It lists deviations; it never decides and never repairs.

Measured for 1.6: all 78 validators compiled take 2.8 MB and 1 ms; they are compiled when first needed all the same, for
2.x has 400, of which a site uses a few. The schemas mix drafts 4 and 6; each says which it follows.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any, Literal, TypeAlias

import jsonschema_rs

from sitectl.model.transaction import Payload
from sitectl.ocpp.deviations import Deviation

Direction: TypeAlias = Literal["request", "response"]
Schemas: TypeAlias = Mapping[tuple[str, Direction], Mapping[str, Any]]
"""The schemas of one version, by action and direction; `sitectl.config.schemas` reads them."""

MOST = 20
"""Deviations listed of one payload at most: a payload that is all wrong is not worth more."""


class Validator:
    """The schemas of one version, compiled when first used."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._compiled: dict[tuple[str, Direction], jsonschema_rs.Validator] = {}

    def knows(self, action: str) -> bool:
        """Whether the version has this action."""
        return (action, "request") in self._schemas

    def deviations(self, action: str, direction: Direction, payload: Payload) -> tuple[Deviation, ...]:
        """What is wrong with a payload; empty for a good one. An unknown action deviates by the rule "action"."""
        compiled = self._compiled.get((action, direction))
        if compiled is None:
            schema = self._schemas.get((action, direction))
            if schema is None:
                return (Deviation("", "action", f"{action} is not in the standard"),)
            compiled = self._compiled[action, direction] = jsonschema_rs.validator_for(dict(schema))
        if compiled.is_valid(payload):
            return ()
        return tuple(_deviation(error) for error in islice(compiled.iter_errors(payload), MOST))


def _deviation(error: jsonschema_rs.ValidationError) -> Deviation:
    path = ".".join(map(str, error.instance_path))
    rule = str(error.schema_path[-1]) if error.schema_path else ""
    return Deviation(path, rule, error.message[:200])
