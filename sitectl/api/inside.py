"""The interface asked from inside the process, as if by HTTP: same paths, same checks, same words, no socket.

Who speaks for others outside (MQTT) goes through here, so that there is one list of things one may ask.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from fastapi import FastAPI

from sitectl.api.roles import Peer

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer: its HTTP status, and its JSON."""

    status: int
    json: Any

    @property
    def ok(self) -> bool:
        """Whether it was done."""
        return 200 <= self.status < 300


class Inside:
    """Asks in the name of a program, with every right: what it passes on is its own matter.

    `name`: as journal, status and why name it.
    """

    def __init__(self, app: FastAPI, name: str) -> None:
        self._app = app
        self._peer = Peer(os.geteuid(), frozenset(), name)

    async def ask(
        self, method: str, *path: str, query: Mapping[str, str] | None = None, body: Mapping[str, Any] | None = None
    ) -> Answered:
        """Ask one thing, e.g. `ask("PUT", "circuits", "garage", "ceiling", body=…)`."""
        content = b"" if body is None else orjson.dumps(body)
        parts: list[bytes] = []
        status = 500

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": content, "more_body": False}

        async def send(message: Mapping[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            elif message["type"] == "http.response.body":
                parts.append(message.get("body", b""))

        try:
            await self._app(self._scope(method, path, query or {}), receive, send)
        except Exception:  # what was answered stands; over HTTP the server would log it, too
            log.exception("%s %s failed", method, "/".join(path))
        try:
            return Answered(status, orjson.loads(b"".join(parts)))
        except orjson.JSONDecodeError:
            return Answered(status, None)

    def _scope(self, method: str, path: tuple[str, ...], query: Mapping[str, str]) -> dict[str, Any]:
        raw = "/v1/" + "/".join(quote(part, safe="") for part in path)
        return {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": "/v1/" + "/".join(path),
            "raw_path": raw.encode(),
            "root_path": "",
            "query_string": urlencode(query).encode(),
            "headers": [(b"content-type", b"application/json")],
            "client": None,
            "server": None,
            "state": {"peer": self._peer},
        }
