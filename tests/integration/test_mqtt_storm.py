"""The unmodified daemon in a storm of MQTT messages: it serves on, and ends when it is asked to."""

import asyncio
from pathlib import Path

import pytest

from tests.e2e.rig import background, daemon, site, until
from tests.e2e.station import charger
from tests.integration.mqtt_broker import broker, listening, needs_mosquitto

pytestmark = needs_mosquitto

LIMIT = "sitectl/stations/CP01/evses/1/set/limit_a"


@pytest.mark.full
async def test_a_daemon_in_a_storm_of_messages_serves_on_and_ends_when_it_is_asked_to(tmp_path: Path) -> None:
    async with (
        broker(tmp_path) as one,
        listening(one.port, "sitectl/availability") as watch,
        listening(one.port, "nothing") as storm,
    ):
        config = site(tmp_path, mqtt={"host": "127.0.0.1", "port": one.port, "allow_commands": True})
        async with daemon(config) as running:
            await until(lambda: watch.newest.get("sitectl/availability") == b"online")
            sent = 0

            async def blow() -> None:
                nonlocal sent
                while True:
                    payload = ("10", "NaN", "x" * 10_000, '{"value": 12, "valid_s": 60}')[sent % 4]
                    topic = (LIMIT, "sitectl/stations/nobody/set/reset", "homeassistant/status")[sent % 3]
                    await storm.client.publish(topic, payload, qos=0)
                    sent += 1
                    if sent % 50 == 0:
                        await asyncio.sleep(0.01)  # some thousand a second

            async with background(blow()):
                before = (await running.get("status"))["cycle"]["count"]
                await until(lambda: sent > 5000)
                async with charger(running.port, "CP01"):  # a newcomer is let in, and the site is shared on
                    while (await running.get("status"))["cycle"]["count"] < before + 5:
                        await asyncio.sleep(0.1)
                    await running.stop()  # well, so within its time
            assert "Traceback" not in running.log
            assert running.log.count("by MQTT") < 200
            await until(lambda: watch.newest["sitectl/availability"] == b"offline")
