"""A real mosquitto on loopback, and what another client of it hears."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiomqtt
import orjson
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from sitectl.base.tasks import Tasks
from tests.e2e.rig import until

MOSQUITTO = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")
needs_mosquitto = pytest.mark.skipif(
    MOSQUITTO is None, reason="no mosquitto here: packaging/install-test-tools.sh installs it"
)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Broker:
    """Started, stopped, frozen and started again on the same port."""

    def __init__(self, folder: Path, more: str = "allow_anonymous true") -> None:
        self.port = free_port()
        self._file = folder / "mosquitto.conf"
        self._file.write_text(f"listener {self.port} 127.0.0.1\nuser root\n{more}\n")
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        assert MOSQUITTO is not None
        nowhere = subprocess.DEVNULL
        self._process = subprocess.Popen([MOSQUITTO, "-c", str(self._file)], stdout=nowhere, stderr=nowhere)
        await until(self._listens, 10.0, "mosquitto listens")

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self) -> None:
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)


@asynccontextmanager
async def broker(folder: Path, more: str = "allow_anonymous true") -> AsyncIterator[Broker]:
    one = Broker(folder, more)
    await one.start()
    try:
        yield one
    finally:
        one.stop()


@dataclass
class Listener:
    """Another client: everything that it heard, the newest by topic, and what was retained."""

    client: aiomqtt.Client
    heard: list[tuple[str, bytes]] = field(default_factory=list)
    newest: dict[str, bytes] = field(default_factory=dict)
    retained: set[str] = field(default_factory=set)

    async def listen(self) -> None:
        async for message in self.client.messages:
            topic, payload = message.topic.value, bytes(message.payload)  # type: ignore[arg-type]
            self.heard.append((topic, payload))
            self.newest[topic] = payload
            if message.retain:
                self.retained.add(topic)

    def json(self, topic: str) -> Any:
        return orjson.loads(self.newest[topic])

    async def ask(self, topic: str, payload: str, answer_to: str = "asker/answers", *, retain: bool = False) -> Any:
        """Publish a command and wait for its answer."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.ResponseTopic, properties.CorrelationData = answer_to, b"c0ffee"
        self.newest.pop(answer_to, None)
        await self.client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        await until(lambda: answer_to in self.newest, 30.0, f"an answer to {topic}")
        return self.json(answer_to)


@asynccontextmanager
async def listening(port: int, *topics: str, **more: Any) -> AsyncIterator[Listener]:
    tasks = Tasks()
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5, **more) as client:
        for topic in topics or ("#",):
            await client.subscribe(topic)
        listener = Listener(client)
        tasks.spawn(listener.listen(), "listener")
        try:
            yield listener
        finally:
            await tasks.cancel_all()
