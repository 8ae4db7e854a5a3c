"""The connection to the broker, and what goes on while it stands."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from random import Random
from typing import Any

import aiomqtt
import orjson
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from sitectl.api import views
from sitectl.api.inside import Inside
from sitectl.api.ports import Behind
from sitectl.base.backoff import Backoff
from sitectl.base.clock import Clock
from sitectl.base.errors import EnvironmentFault
from sitectl.base.names import places
from sitectl.base.tasks import spawn
from sitectl.config.settings_mqtt import MqttSettings
from sitectl.model.health import Finding
from sitectl.mqtt.discovery import ONLINE, Discovery
from sitectl.mqtt.ghosts import Ghosts
from sitectl.mqtt.orders import Orders, Received
from sitectl.mqtt.outgoing import MOST_EVENTS, Outgoing
from sitectl.mqtt.states import Seen, Source, Told, sources
from sitectl.mqtt.topics import Topics

log = logging.getLogger(__name__)

LOOK_EVERY_S = 1.0
CHUNK = 20
"""So many topics are looked at, or told, before others get their turn."""
RETRY_BASE_S, RETRY_CAP_S = 1.0, 60.0
ANSWER_S = 10.0
"""For each answer of the broker; one that takes longer is away."""
GOODBYE_S = 1.0
KEEPALIVE_S = 30
BIRTH_SPREAD_S = 3.0
"""Not everybody answers a birth at the same moment."""
TELL_AFTER_S = 30.0
EVENTS_AT_ONCE = 200
MOST_INCOMING = 5000
"""What is retained for a thousand stations comes at once; commands are rationed by themselves."""
GHOSTS_S = 5.0
"""How long the broker is given to tell what an earlier life has left there."""


@dataclass(slots=True)
class Link:
    """How the connection stands: since when (monotonic s) it is up, or down and why."""

    since: float
    up: bool = False
    why: str = ""
    times: int = 0


class Mqtt:
    """One broker. `behind`, `inside`: the interface, to read and to ask."""

    def __init__(self, settings: MqttSettings, behind: Behind, inside: Inside, clock: Clock, random: Random) -> None:
        self._settings = settings
        self._behind = behind
        self._clock = clock
        self._random = random
        self._topics = Topics(settings.topic)
        self._discovery: Discovery | None = None
        if settings.discovery is not None:
            self._discovery = Discovery(self._topics, settings.discovery, settings.allow_commands, _version())
        self._inside = inside
        self._told = Told()
        self._outgoing = Outgoing()
        self._event_seq: int | None = None
        self._ghosts: Ghosts | None = None
        self.link = Link(clock.monotonic())
        self.published = 0
        """Messages since the start."""

    async def run(self) -> None:
        """Connect, tell, take commands; again with back-off when the broker goes away. For ever."""
        backoff = Backoff(RETRY_BASE_S, RETRY_CAP_S, self._random)
        while True:
            began_at = self._clock.monotonic()
            try:
                await self._connection()
            except* (aiomqtt.MqttError, OSError, TimeoutError) as errors:
                self._lost(_why(errors))
            except* Exception as errors:  # our own fault: whoever runs this begins it again
                self._lost(_why(errors))
                raise
            if self._clock.monotonic() - began_at > RETRY_CAP_S:
                backoff.reset()
            await asyncio.sleep(backoff.next())

    def findings(self) -> Iterator[Finding]:
        """That the broker is away."""
        link = self.link
        if not link.up and self._clock.monotonic() - link.since > TELL_AFTER_S:
            do = "Check that the broker runs, and host, port and login under mqtt. Charging does not depend on it."
            yield (f"The MQTT broker is away: {link.why or 'no answer yet'}", "mqtt", do)

    # --- the connection ---

    async def _connection(self) -> None:
        context = await asyncio.to_thread(_tls, self._settings) if self._settings.tls else None
        async with self._client(context) as client:
            await client.publish(self._topics.availability, "online", qos=1, retain=True)
            await self._subscribe(client)
            self._found()
            orders = Orders(self._topics, self._inside, self._clock, _answering(client))
            try:
                async with asyncio.TaskGroup() as group:
                    spawn(group, self._look(), "mqtt look")
                    spawn(group, self._publish(client), "mqtt publish")
                    spawn(group, self._read_events(), "mqtt events")
                    if self.link.times == 1:
                        spawn(group, self._bury(client), "mqtt ghosts")
                    await self._listen(client, orders, group)
            except asyncio.CancelledError:
                await self._say_goodbye(client)
                raise
            finally:
                await orders.stop()

    @asynccontextmanager
    async def _client(self, context: ssl.SSLContext | None) -> AsyncIterator[aiomqtt.Client]:
        settings = self._settings
        # The same identifier each time: the broker then ends the connection before, whose last will would come late.
        named = f"{self._behind.overview.site_name} {settings.topic}"
        client = aiomqtt.Client(
            settings.host,
            settings.port,
            username=settings.user,
            password=None if settings.password is None else settings.password.decode(),
            identifier=f"sitectl-{sha256(named.encode()).hexdigest()[:12]}",
            protocol=aiomqtt.ProtocolVersion.V5,
            clean_start=True,
            will=aiomqtt.Will(self._topics.availability, "offline", qos=1, retain=True),
            timeout=ANSWER_S,
            keepalive=KEEPALIVE_S,
            max_queued_incoming_messages=MOST_INCOMING,
            tls_context=context,
        )
        try:
            await self._know_where()
            async with client:
                yield client
        finally:
            # Where the broker does not answer, not even to the end, the library leaves socket and task behind.
            client._client._sock_close()

    async def _know_where(self) -> None:
        """The library looks names up in a thread that even the end of the process waits for: only known ones, then."""
        try:
            async with asyncio.timeout(ANSWER_S):
                await places(self._settings.host, self._settings.port)
        except OSError as error:  # a time-out is one, too
            raise OSError(f"nobody knows the name {self._settings.host}") from error

    async def _subscribe(self, client: aiomqtt.Client) -> None:
        """Also to our own availability: a last will of ours that comes late is put right."""
        options = SubscribeOptions(qos=1, noLocal=True, retainAsPublished=True)
        wanted = [self._topics.availability]
        if self._discovery is not None:
            wanted.append(self._discovery.birth)
        if self._settings.allow_commands:
            wanted += self._topics.commands
        for topic in wanted:
            await client.subscribe(topic, options=options)

    async def _say_goodbye(self, client: aiomqtt.Client) -> None:
        client.timeout = GOODBYE_S  # for the end of the connection, too
        with contextlib.suppress(aiomqtt.MqttError, TimeoutError):
            async with asyncio.timeout(GOODBYE_S):
                await client.publish(self._topics.availability, "offline", qos=1, retain=True)

    def _found(self) -> None:
        self._told.forget()  # the broker may have lost what it retained
        self.link = Link(self._clock.monotonic(), up=True, times=self.link.times + 1)
        log.info("connected to the MQTT broker %s:%d", self._settings.host, self._settings.port)

    def _lost(self, why: str) -> None:
        since = self.link.since if not self.link.up else self._clock.monotonic()
        if self.link.up or why != self.link.why:
            log.warning("the MQTT broker is away: %s", why)
        self.link = Link(since, why=why, times=self.link.times)

    # --- telling ---

    async def _look(self) -> None:
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Put what is new into the buffer, in small chunks."""
        decision, overview = self._behind.site.decision, self._behind.overview
        if decision is None:
            return
        seen = Seen(
            overview.site_name,
            overview.wall(),
            self._behind.site.state,
            decision,
            overview.problems(),
            overview.uplinks(),
            overview.store(),
            self._behind.signals(),
        )
        current: set[str] = set()
        for count, source in enumerate(self._sources(seen), start=1):
            current.add(source[0])
            if (payload := self._told.news(source)) is not None:
                self._outgoing.state(source[0], payload)
            if count % CHUNK == 0:
                await asyncio.sleep(0)
        for topic in self._told.gone(current):
            self._outgoing.state(topic, b"")

    def _sources(self, seen: Seen) -> Iterator[Source]:
        if self._discovery is not None:
            yield from self._discovery.sources(seen)
        yield from sources(seen, self._topics)

    async def _publish(self, client: aiomqtt.Client) -> None:
        """One after the other: a broker that is slow slows this, and nothing else."""
        count = 0
        while True:
            item = await self._outgoing.next()
            try:
                await client.publish(item.topic, item.payload, retain=item.retain)
            except BaseException:
                self._outgoing.put_back(item)
                raise
            self.published += 1
            count += 1
            if count % CHUNK == 0:
                await asyncio.sleep(0)

    async def _read_events(self) -> None:
        """Pass on what happens from now on; what happened while the broker was away follows, as much as is kept."""
        while True:
            with contextlib.suppress(EnvironmentFault):  # a disk that fails is told at the topic of the site
                await self._pass_on_events()
            await asyncio.sleep(LOOK_EVERY_S)

    async def _pass_on_events(self) -> None:
        newest = await self._behind.ledger.newest_event()
        if self._event_seq is None:
            self._event_seq = newest
        self._event_seq = max(self._event_seq, newest - MOST_EVENTS)
        while self._event_seq < newest:
            page = await self._behind.ledger.events(after_seq=self._event_seq, limit=EVENTS_AT_ONCE)
            for entry in page:
                self._outgoing.event(self._topics.events, orjson.dumps(views.event(entry)))
            self._event_seq = page[-1].seq if page else newest
            await asyncio.sleep(0)

    async def _bury(self, client: aiomqtt.Client) -> None:
        """Once in a life: clear what an earlier one has left on the broker and nothing here tells any more."""
        ghosts = self._ghosts = Ghosts(self._topics, self._settings.discovery)
        for topic in ghosts.filters:
            await client.subscribe(topic, options=SubscribeOptions(noLocal=True))
        await asyncio.sleep(GHOSTS_S)
        await self.look()  # to its end: what is told is complete then
        for topic in ghosts.left(self._told.hashes) if self._told.hashes else ():
            self._outgoing.state(topic, b"")
        self._ghosts = None
        for topic in ghosts.filters:
            await client.unsubscribe(topic)

    # --- listening ---

    async def _listen(self, client: aiomqtt.Client, orders: Orders, group: asyncio.TaskGroup) -> None:
        async for message in client.messages:
            topic, payload = message.topic.value, _bytes(message.payload)
            if topic == self._topics.availability:
                if payload != b"online":
                    self._outgoing.state(topic, b"online")
            elif self._discovery is not None and topic == self._discovery.birth:
                if payload == ONLINE.encode() and not message.retain:
                    spawn(group, self._introduce(self._discovery), "mqtt birth")
            elif "/set/" in topic:
                orders.take(_received(message, topic, payload))
            elif message.retain and self._ghosts is not None:
                self._ghosts.found(topic, payload)

    async def _introduce(self, discovery: Discovery) -> None:
        """Home Assistant was born: tell it all again what there is."""
        await asyncio.sleep(self._random.uniform(0.0, BIRTH_SPREAD_S))
        for topic in [topic for topic in self._told.hashes if topic.startswith(f"{discovery.prefix}/")]:
            self._told.hashes.pop(topic)
            self._told.made_of.pop(topic, None)
        log.info("Home Assistant is there: it is told again what there is")


def _answering(client: aiomqtt.Client) -> Any:
    async def answer(topic: str, payload: bytes, correlation: bytes | None) -> None:
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if correlation is not None:
            properties.CorrelationData = correlation
        with contextlib.suppress(aiomqtt.MqttError):  # the connection is gone, and with it who asked
            await client.publish(topic, payload, qos=1, properties=properties)

    return answer


def _received(message: aiomqtt.Message, topic: str, payload: bytes) -> Received:
    properties = message.properties
    answer_to = getattr(properties, "ResponseTopic", None)
    return Received(topic, payload, bool(message.retain), answer_to, getattr(properties, "CorrelationData", None))


def _bytes(payload: object) -> bytes:
    return payload if isinstance(payload, bytes) else str(payload or "").encode()


def _tls(settings: MqttSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=settings.ca)
    if settings.certificate is not None:
        context.load_cert_chain(settings.certificate, settings.key)
    return context


def _why(errors: BaseExceptionGroup[Any]) -> str:
    """The first of what went wrong, in one line."""
    first: BaseException = errors
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    text = str(first) or type(first).__name__
    return text.splitlines()[0][:200]


def _version() -> str:
    try:
        return version("sitectl")
    except PackageNotFoundError:
        return "unknown"
