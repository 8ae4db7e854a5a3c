"""What the interface says of itself holds: questions made from its document, asked over the socket of a real daemon.

Nothing that is asked, well or badly formed, may be answered with a failure of the daemon (5xx but for what a disk or a
station does), and every answer is of a kind that the document names.
"""

import asyncio
import contextlib
import json
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance

from tests.e2e.rig import Daemon, daemon, site
from tests.e2e.station import charger

CHECKS = (not_a_server_error, content_type_conformance, response_schema_conformance)
SAMPLED, WHOLE = 6, 300
OWN_WAYS = "ignore::hypothesis.errors.HypothesisDeprecationWarning"
"""The maker of questions draws chance from elsewhere than Hypothesis likes."""

SLOW = {"/v1/backup", "/v1/restore", "/v1/alerts/test", "/v1/buses/read"}
"""What writes whole files, or waits for devices that are not there; each has tests of its own."""


@contextmanager
def forwarded(path: Path) -> Iterator[str]:
    """A port of loopback in front of a Unix socket, for a client that knows no others; its address."""

    class Pipe(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.socket(socket.AF_UNIX) as behind:
                behind.connect(str(path))
                back = threading.Thread(target=_copy, args=(behind, self.request), daemon=True)
                back.start()
                _copy(self.request, behind)
                back.join(10)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Pipe) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def ask_everything(address: str, document: dict[str, Any], examples: int) -> list[str]:
    """Ask each operation so often, well-formed and not; what was answered wrongly."""
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=address)
    wrong: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        if operation.path in SLOW:
            continue
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            wrong += _ask(operation, operation.as_strategy(generation_mode=mode), examples)
    return wrong


def _ask(operation: Any, strategy: Any, examples: int) -> list[str]:
    wrong: list[str] = []

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=strategy)
    def asked(case: Any) -> None:
        if operation.path == "/v1/events":
            case.query = {**(case.query or {}), "follow": "false"}
        response = case.call(timeout=20)
        try:
            case.validate_response(response, checks=CHECKS)
        except FailureGroup as failures:
            told = "; ".join(f"{failure.title}: {failure.message}"[:300] for failure in failures.exceptions)
            wrong.append(f"{case.method} {case.formatted_path} {case.query}: {response.status_code} {told}")

    with contextlib.suppress(Unsatisfiable):  # an operation of which no part could be wrong
        asked()
    return wrong


async def _documented(running: Daemon) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(running.socket, limit=2**24)
    writer.write(b"GET /openapi.json HTTP/1.0\r\nHost: x\r\n\r\n")
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    assert b" 200 " in head.split(b"\r\n")[0], head
    document: dict[str, Any] = json.loads(body)
    return document


async def _asked(directory: Path, examples: int) -> None:
    async with daemon(site(directory)) as running, charger(running.port, "CP01") as station:
        await station.begin()
        document = await _documented(running)
        assert "Event" in document["components"]["schemas"]
        with forwarded(running.socket) as address:
            wrong = await asyncio.to_thread(ask_everything, address, document, examples)
        assert not wrong, "\n".join(wrong[:10]) + f"\n{len(wrong)} in all\n" + running.log[-2000:]
        assert running.running
        assert (await running.get("status"))["stations"]["CP01"]["online"]


@pytest.mark.timeout(180)
@pytest.mark.filterwarnings(OWN_WAYS)
async def test_every_answer_is_as_the_document_says(tmp_path: Path) -> None:
    await _asked(tmp_path, SAMPLED)


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings(OWN_WAYS)
async def test_every_answer_is_as_the_document_says_long(tmp_path: Path) -> None:
    await _asked(tmp_path, WHOLE)
