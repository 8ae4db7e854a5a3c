"""Signed meter values reach the central as the station said them, to the byte, whatever their time and form."""

import asyncio
from datetime import timedelta
from typing import Any

import orjson
import pytest

from sitectl.ocpp.v16 import copies
from tests.unit.uplinks.central import Drop
from tests.unit.uplinks.twins import START, World, on_virtual_time

OCMF = 'OCMF|{"FV":"1.0","RD":[{"TM":"1970-01-01T00:00:07,000+0000 U","RV":0.10,"ST":"G"}]}|{"SD":"30/44\\u00e9+=="}'
LONG = "<signedMeterData>" + "9A" * 8000 + "</signedMeterData>"
ODD = 'a\tb "c" \\d/ é ß 漢 \U0001f50c  '


def frame(id: int, signed: str, stamp: str) -> bytes:
    """As a station sends it: blanks, escapes and all."""
    value = orjson.dumps(signed).decode().replace("/", "\\/").replace("é", "\\u00e9")
    return (
        f'[2, "1", "MeterValues", {{"connectorId": 1, "transactionId": {id}, "meterValue": [ {{"timestamp": "{stamp}",'
        f' "sampledValue": [{{"value": {value}, "format": "SignedData", "context": "Transaction.Begin"}},'
        ' {"value": "100.10", "unit": "Wh"}]}]}]'
    ).encode()


async def says(world: World, stored: Any, raw: bytes) -> None:
    payload = orjson.loads(raw)[3]
    message = copies.meter_values(payload)
    await world.store.ledger.samples(stored.evse.station, 1, stored.station_transaction_id, None, START, message, raw)
    world.pool.outbox_grew(stored.evse.station)


@pytest.mark.parametrize("signed", [OCMF, LONG, ODD])
@pytest.mark.parametrize("stamp", ["1970-01-01T00:00:07Z", "2126-01-01T00:00:00Z", "2026-11-20T12:00:00.000+01:00"])
def test_signed_values_and_their_time_are_untouched(signed: str, stamp: str) -> None:
    @on_virtual_time
    async def test() -> None:
        async with World() as world:
            await world.settles()
            stored = await world.starts()
            raw = frame(stored.station_transaction_id, signed, stamp)
            await says(world, stored, raw)
            await asyncio.sleep(2)
            (heard,) = world.central.of("MeterValues")
            (part,) = heard["meterValue"]
            assert part["sampledValue"][0] == {"value": signed, "format": "SignedData", "context": "Transaction.Begin"}
            assert part["sampledValue"][1] == {"value": "100.10", "unit": "Wh"}
            assert part["timestamp"] == stamp
            assert heard["transactionId"] == 4001
            assert (await world.store.queries.frames(stored.transaction))[-1] == raw

    test()


@on_virtual_time
async def test_repetitions_are_the_same_to_the_byte() -> None:
    async with World() as world:
        await world.settles()
        stored = await world.starts()
        answers = iter([Drop(), Drop()])
        world.central.answers["MeterValues"] = lambda payload: next(answers, {})
        await says(world, stored, frame(stored.station_transaction_id, ODD, "2026-11-20T12:00:00Z"))
        await asyncio.sleep(timedelta(minutes=5).total_seconds())
        texts = [h.text.split(",", 3)[3] for h in world.central.heard if h.action == "MeterValues"]
        assert len(texts) == 3
        assert len({*texts}) == 1
        assert await world.outbox() == []
