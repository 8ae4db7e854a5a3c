"""The OpenAPI document: what the framework finds, and what it cannot know: refusals, streams, events."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from sitectl.model.event_types import EVENT_TYPES, SCHEMA

REFUSAL = {
    "type": "object",
    "required": ["detail"],
    "properties": {"detail": {"type": "string", "description": "What is wrong, and what to do."}},
}
EVENT = {
    "type": "object",
    "description": "One event. Readers leave alone what they do not know: types and keys of `data` may come.",
    "required": ["schema", "seq", "time", "type", "station", "evse", "data"],
    "properties": {
        "schema": {"const": SCHEMA},
        "seq": {"type": "integer", "minimum": 1, "description": "Grows over the life of the installation."},
        "time": {"type": "string", "format": "date-time"},
        "type": {
            "type": "string",
            "description": "\n".join(f"{type}: {text}" for type, text in EVENT_TYPES.items()),
            "examples": ["transaction.started"],
        },
        "station": {"type": ["string", "null"]},
        "evse": {"type": ["integer", "null"]},
        "data": {"type": "object"},
    },
}
FRAME = {
    "type": "object",
    "description": "A server-sent event; its id is the sequence number, by which Last-Event-ID resumes.",
    "required": ["id", "data"],
    "properties": {
        "id": {"type": "string"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Event"},
        },
    },
}
FILES = {
    "/v1/export/": "application/x-ndjson",
    "/v1/backup": "application/x-tar",
}
"""Answers that are no JSON document, by the beginning of their path."""

TITLE, VERSION = "sitectl", "1"
STREAM, NUMBERS = "/v1/events", "/metrics"
_UNUSED = ("HTTPValidationError", "ValidationError")


def describe(app: FastAPI) -> None:
    """Let the application tell this document of itself; it is made when somebody asks first."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _made(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _made(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(
        title=TITLE,
        version=VERSION,
        routes=app.routes,
        description="What one may ask of a site. On the Unix socket a caller's groups say what it may do.",
    )
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    for name in _UNUSED:
        schemas.pop(name, None)
    schemas["Refusal"], schemas["Event"] = REFUSAL, EVENT
    refused = {
        "description": "Refused",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
    }
    for path, operations in made["paths"].items():
        for operation in operations.values():
            operation["responses"].pop("422", None)
            operation["responses"] |= {"4XX": refused, "5XX": refused}
        for beginning, kind in FILES.items():
            if path.startswith(beginning) and "get" in operations:
                operations["get"]["responses"]["200"]["content"] = {kind: {"schema": {"type": "string"}}}
        if path == STREAM:
            operations["get"]["responses"]["200"]["content"] = {"text/event-stream": {"schema": FRAME}}
        if path == NUMBERS:
            text = {"schema": {"type": "string"}}
            kinds = ("application/openmetrics-text", "text/plain")
            operations["get"]["responses"]["200"]["content"] = dict.fromkeys(kinds, text)
    return made
