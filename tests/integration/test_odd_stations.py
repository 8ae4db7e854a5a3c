"""Stations that tell their transactions oddly, on real sockets over a real ledger: what is stored, and what people see.

Whatever they say: no CALLERROR, nothing lost, nothing doubled, and the truth of it is on file.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from ocpp.v16 import call
from websockets.asyncio.client import ClientConnection, connect

from sitectl.model.events import TransactionEnded, TransactionStarted
from sitectl.model.ids import EvseId, UplinkId
from sitectl.model.transaction import TransactionView
from tests.integration.station_site import CP, SUBPROTOCOL, Charger, Site, answer_to, ask, boots, charger, site
from tests.unit.stations.twins import station_plan

CENTRAL = UplinkId("central")
WEEK = timedelta(days=7)
BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One"}


NOW = datetime.now(UTC)
"""One moment for all, so that what is told again is told by the same stamp."""


def stamp(ago: timedelta = timedelta()) -> str:
    return (NOW - ago).strftime("%Y-%m-%dT%H:%M:%SZ")


async def start(station: Charger, ago: timedelta, meter: int = 1000, evse: int = 1, tag: str = "TAG") -> int:
    answer = await station.call(call.StartTransaction(evse, tag, meter, stamp(ago)), suppress=False)
    return int(answer.transaction_id)


async def stop(station: Charger, id: int, ago: timedelta, meter: int = 2000, reason: str = "Local") -> Any:
    return await station.call(call.StopTransaction(meter, stamp(ago), id, reason), suppress=False)


async def sample(station: Charger, id: int, ago: timedelta, wh: int, evse: int = 1) -> None:
    value = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    values = [{"timestamp": stamp(ago), "sampledValue": [value]}]
    await station.call(call.MeterValues(evse, values, id), suppress=False)


async def told(here: Site) -> list[tuple[str, Any]]:
    """What people see of transactions, in order."""
    await here.store.journal.drain()
    return [
        (event.type.removeprefix("transaction."), event.data)
        for event in await here.store.queries.events()
        if event.type.startswith("transaction.")
    ]


async def types(here: Site) -> list[str]:
    return [type for type, _ in await told(here)]


async def ledger(here: Site) -> Sequence[TransactionView]:
    """The oldest first."""
    return [*reversed(await here.store.queries.transactions())]


async def outbox(here: Site) -> list[str]:
    """What waits for the central, in order."""
    rows = await here.store.database.query(
        lambda connection: connection.execute("SELECT kind FROM outbox ORDER BY seq").fetchall()
    )
    return [row[0] for row in rows]


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


async def test_numbering_that_restarts_is_no_repetition(tmp_path: Path) -> None:
    """After a reboot its messages are numbered from 1 again: the ids are known, what they say is new."""
    async with site(tmp_path, station_plan()) as here:
        here.centrals.uplinks = [CENTRAL]
        ids = []
        for boot in range(3):
            async with connect(here.url(), subprotocols=SUBPROTOCOL) as raw:
                await ask(raw, "BootNotification", BOOT, "1")
                payload = {"connectorId": 1, "idTag": "TAG", "meterStart": boot, "timestamp": stamp(minutes(30 - boot))}
                ids.append((await ask(raw, "StartTransaction", payload, "2"))["transactionId"])
                stopping = {"transactionId": ids[-1], "meterStop": boot + 5, "timestamp": stamp(minutes(29.5 - boot))}
                await ask(raw, "StopTransaction", stopping, "3")
        assert len({*ids}) == 3
        assert [(one.meter_start_wh, one.meter_stop_wh) for one in await ledger(here)] == [(0, 5), (1, 6), (2, 7)]
        assert await outbox(here) == ["start", "stop"] * 3
        await here.store.journal.drain()
        events = [event.type for event in await here.store.queries.events()]
        assert events.count("station.message_ids_reused") == 2


async def test_messages_in_no_alphabet_are_stored_and_answered_as_any_other(tmp_path: Path) -> None:
    """What a card reader gave is passed on as bytes that are no text: on one connection, and again on the next."""
    value = '[{"value":"1500","location":"\xff"}]'
    async with site(tmp_path, station_plan()) as here:
        here.centrals.uplinks = [CENTRAL]
        ids = set()
        for _ in range(2):
            async with connect(here.url(), subprotocols=SUBPROTOCOL) as raw:
                await ask(raw, "BootNotification", BOOT, "1")

                async def say(id: str, action: str, text: str, raw: ClientConnection = raw) -> Any:
                    await raw.send(f'[2,"{id}","{action}",{{{text}}}]'.encode("latin-1"), text=True)
                    return await answer_to(raw, id)

                began = f'"connectorId":1,"idTag":"\xc3(\x00","meterStart":1000,"timestamp":"{stamp(minutes(60))}"'
                ids.add((await say("s", "StartTransaction", began))["transactionId"])
                (id,) = ids
                sampled = f'{{"timestamp":"{stamp(minutes(50))}","sampledValue":{value}}}'
                await say("m", "MeterValues", f'"connectorId":1,"transactionId":{id},"meterValue":[{sampled}]')
                ended = f'"transactionId":{id},"meterStop":2000,"idTag":"\xc3(","timestamp":"{stamp(minutes(30))}"'
                await say("e", "StopTransaction", ended)
        (one,) = await ledger(here)
        assert (one.id_token, one.meter_start_wh, one.meter_stop_wh) == ("\ufffd(", 1000, 2000)
        assert await outbox(here) == ["start", "meter", "stop"]
        events = await here.store.queries.events()
        mended = [(event.data["action"], event.data["rule"]) for event in events if event.type == "station.deviation"]
        what = "mended: bytes that are not UTF-8"
        assert mended.count(("StartTransaction", f"{what} and control characters")) == 1
        assert (mended.count(("MeterValues", what)), mended.count(("StopTransaction", what))) == (1, 1)
        frames = await here.store.database.query(
            lambda connection: connection.execute("SELECT frame FROM raw_frames ORDER BY id").fetchall()
        )
        assert b'"idTag":"\xc3(\x00"' in frames[0][0]


async def test_messages_whose_ids_are_numbers_are_stored_and_answered_by_the_same_numbers(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here:
        here.centrals.uplinks = [CENTRAL]
        async with connect(here.url(), subprotocols=SUBPROTOCOL) as raw:
            await ask(raw, "BootNotification", BOOT, 1)
            begun = {"connectorId": 1, "idTag": "TAG", "meterStart": 100, "timestamp": stamp(minutes(10))}
            id = (await ask(raw, "StartTransaction", begun, 2))["transactionId"]
            assert (await ask(raw, "StartTransaction", begun, 2))["transactionId"] == id, "told again, not doubled"
            ended = {"transactionId": id, "meterStop": 900, "timestamp": stamp()}
            assert await ask(raw, "StopTransaction", ended, 3) == {}
        (one,) = await ledger(here)
        assert (one.meter_start_wh, one.meter_stop_wh) == (100, 900)
        assert await outbox(here) == ["start", "stop"]
        events = await here.store.queries.events()
        rules = [event.data["rule"] for event in events if event.type == "station.deviation"]
        assert rules.count("mended: a message id that is a number") == 3, "once for each action"


async def test_a_stop_that_is_no_json_for_want_of_a_value_ends_the_transaction_that_runs(tmp_path: Path) -> None:
    """A comma that separates nothing and a value that is missing: no CALLERROR, and nothing is lost."""
    async with site(tmp_path, station_plan()) as here:
        here.centrals.uplinks = [CENTRAL]
        async with connect(here.url(), subprotocols=SUBPROTOCOL) as raw:
            await ask(raw, "BootNotification", BOOT, "1")
            begun = {"connectorId": 1, "idTag": "TAG", "meterStart": 100, "timestamp": stamp(minutes(10))}
            await ask(raw, "StartTransaction", begun, "2")
            await raw.send(f'[2,"3","StopTransaction",{{"transactionId":,"meterStop":900,"timestamp":"{stamp()}",}}]')
            assert await answer_to(raw, "3") == {}
        (one,) = await ledger(here)
        assert (one.meter_start_wh, one.meter_stop_wh) == (100, 900)
        assert await outbox(here) == ["start", "stop"]
        events = await here.store.queries.events()
        rules = [event.data["rule"] for event in events if event.type == "station.deviation"]
        assert "mended: commas and values that are missing" in rules


async def test_a_stop_that_brings_the_readings_of_a_whole_day_is_stored_whole(tmp_path: Path) -> None:
    reading = {"value": "1", "measurand": "Current.Import", "unit": "A", "phase": "L1"}
    data = [{"timestamp": stamp(minutes(n)), "sampledValue": [reading]} for n in range(1440, 0, -1)]
    async with site(tmp_path, station_plan()) as here:
        here.centrals.uplinks = [CENTRAL]
        async with connect(here.url(), subprotocols=SUBPROTOCOL) as raw:
            await ask(raw, "BootNotification", BOOT, "1")
            begun = {"connectorId": 1, "idTag": "TAG", "meterStart": 0, "timestamp": stamp(minutes(1440))}
            id = (await ask(raw, "StartTransaction", begun, "2"))["transactionId"]
            ended = {"transactionId": id, "meterStop": 9, "timestamp": stamp(), "transactionData": data}
            assert len(str(ended)) > 150_000
            assert await ask(raw, "StopTransaction", ended, "3") == {}
        (one,) = await ledger(here)
        assert one.meter_stop_wh == 9
        payloads = await here.store.database.query(
            lambda connection: connection.execute("SELECT payload FROM outbox WHERE kind = 'stop'").fetchall()
        )
        assert json.loads(payloads[0][0])["transactionData"] == data


async def test_a_queue_of_a_week_that_is_told_again_changes_nothing(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here:
        here.centrals.uplinks = [CENTRAL]
        for _ in range(2):
            async with charger(here.url()) as station:
                await boots(station)
                for day in range(3):
                    ago = WEEK - timedelta(days=day)
                    id = await start(station, ago, 1000 * day)
                    await stop(station, id, ago - minutes(30), 1000 * day + 700)
        assert [(one.meter_start_wh, one.meter_stop_wh) for one in await ledger(here)] == [
            (0, 700), (1000, 1700), (2000, 2700),
        ]  # fmt: skip
        assert await outbox(here) == ["start", "stop"] * 3
        kinds = await types(here)
        assert (kinds.count("started"), kinds.count("ended"), kinds.count("told_again")) == (3, 3, 6)
        again = [data["what"] for type, data in await told(here) if type == "told_again"]
        assert again == ["start", "stop"] * 3


async def test_an_old_queue_that_comes_after_a_new_start_does_not_end_what_runs(tmp_path: Path) -> None:
    """The newest is told live, then what was kept for days: of the EVSE the newest goes on running."""
    async with site(tmp_path, station_plan()) as here, charger(here.url()) as station:
        here.centrals.uplinks = [CENTRAL]
        await boots(station)
        live = await start(station, timedelta(), 9000)
        old = await start(station, WEEK, 1000)
        await sample(station, old, WEEK - minutes(10), 1500)
        await sample(station, 0, timedelta(), 9100)  # names none: that of the running one
        await stop(station, old, WEEK - minutes(30), 2000)
        (running,) = await here.store.ledger.open_transactions(CP)
        assert running.station_transaction_id == live
        assert here.stations.book.running_ids(CP) == [live]
        await stop(station, live, timedelta(), 9900)
        assert [(one.meter_start_wh, one.meter_stop_wh, one.synthetic) for one in await ledger(here)] == [
            (9000, 9900, False), (1000, 2000, False),
        ]  # fmt: skip
        assert await outbox(here) == ["start", "start", "meter", "meter", "stop", "stop"]
        assert await types(here) == ["started", "told_late", "started", "ended", "ended"]
        began = [e.station_transaction_id for e in here.inbox if isinstance(e, TransactionStarted)]
        assert began == [live]


async def test_after_a_restart_the_newest_of_an_evse_is_what_runs(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here, charger(here.url()) as station:
        await boots(station)
        live = await start(station, timedelta(), 9000)
        await start(station, WEEK, 1000)
    async with site(tmp_path, station_plan()) as here:
        assert here.stations.book.running_ids(CP) == [live]


async def test_a_second_stop_with_other_values_is_kept_beside_the_first(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here, charger(here.url()) as station:
        here.centrals.uplinks = [CENTRAL]
        await boots(station)
        id = await start(station, minutes(60))
        await stop(station, id, minutes(30), 2000)
        for _ in range(2):
            await stop(station, id, minutes(20), 2500, "PowerLoss")
        (one,) = await ledger(here)
        assert (one.meter_stop_wh, one.reason) == (2000, "Local")
        (anomaly,) = await here.store.queries.anomalies()
        assert (anomaly.kind, anomaly.payload["meterStop"]) == ("conflicting_stop", 2500)
        assert await outbox(here) == ["start", "stop"]
        assert await types(here) == ["started", "ended", "conflicting_stop"]


async def test_a_second_start_on_a_connector_ends_the_first_at_its_last_value(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here, charger(here.url()) as station:
        here.centrals.uplinks = [CENTRAL]
        await boots(station)
        first = await start(station, minutes(60), 1000)
        await sample(station, first, minutes(40), 1600)
        second = await start(station, minutes(5), 1800)
        assert second != first
        ended, running = await ledger(here)
        assert (ended.meter_stop_wh, ended.synthetic, ended.reason) == (1600, True, "Other")
        assert running.stopped is None
        assert await outbox(here) == ["start", "meter", "stop", "start"]
        kinds = await types(here)
        assert kinds == ["started", "ended_synthetically", "started"]
        assert [type(e) for e in here.inbox if isinstance(e, TransactionEnded)] == [TransactionEnded]


async def test_the_true_stop_that_comes_after_all_counts_while_no_central_has_heard_ours(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here, charger(here.url()) as station:
        here.centrals.uplinks = [CENTRAL]
        await boots(station)
        first = await start(station, minutes(60), 1000)
        await start(station, minutes(5), 1800)
        await stop(station, first, minutes(10), 1750, "EVDisconnected")
        one, running = await ledger(here)
        assert (one.meter_stop_wh, one.reason, one.synthetic) == (1750, "EVDisconnected", False)
        assert running.stopped is None
        assert await outbox(here) == ["start", "stop", "start"]
        payloads = await here.store.database.query(
            lambda connection: connection.execute("SELECT payload FROM outbox WHERE kind = 'stop'").fetchall()
        )
        assert '"meterStop":1750' in payloads[0][0]
        assert "stop_corrected" in await types(here)
        await stop(station, first, minutes(10), 1750, "EVDisconnected")  # and again
        assert (await ledger(here))[0].meter_stop_wh == 1750
        assert len(await outbox(here)) == 3


async def test_a_meter_that_runs_backwards_is_stored_as_it_was_told(tmp_path: Path) -> None:
    async with site(tmp_path, station_plan()) as here, charger(here.url()) as station:
        here.centrals.uplinks = [CENTRAL]
        await boots(station)
        id = await start(station, minutes(60), 5000)
        await stop(station, id, minutes(30), 4000)
        (one,) = await ledger(here)
        assert (one.meter_start_wh, one.meter_stop_wh) == (5000, 4000)
        (data,) = [data for type, data in await told(here) if type == "meter_backwards"]
        assert (data["meter_start_wh"], data["meter_stop_wh"]) == (5000, 4000)


@pytest.mark.parametrize("named", [-1, 0, 4711])
async def test_a_stop_without_an_id_of_ours_ends_the_only_one_that_fits(tmp_path: Path, named: int) -> None:
    async with site(tmp_path, station_plan()) as here, charger(here.url()) as station:
        await boots(station)
        id = await start(station, minutes(60))
        await stop(station, named, minutes(30))
        (one,) = await ledger(here)
        assert one.meter_stop_wh == 2000
        (data,) = [data for type, data in await told(here) if type == "stop_matched"]
        assert (data["named"], data["id"]) == (named, id)


async def test_a_stop_of_another_stations_transaction_ends_nothing_of_it(tmp_path: Path) -> None:
    other = EvseId(station_plan("CP02").id, 1)
    async with site(tmp_path, station_plan(), station_plan("CP02")) as here:
        async with charger(here.url("CP02")) as second, charger(here.url()) as first:
            await boots(second)
            await boots(first)
            id = await start(second, minutes(60))
            await stop(first, id, minutes(30))
        (running,) = await here.store.ledger.open_transactions(other.station)
        assert running.station_transaction_id == id
        (anomaly,) = await here.store.queries.anomalies()
        assert (anomaly.kind, anomaly.station) == ("unmatched_stop", CP)
        assert "unmatched_stop" in await types(here)
