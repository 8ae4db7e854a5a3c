"""The daemon as a process: how it starts, what it tells its service manager, what it refuses, and how it ends."""

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

from sitectl.base.clock import SystemClock
from sitectl.cli.client import Client, DaemonAway
from sitectl.simulator.csms import CentralSystem
from tests.e2e.rig import (
    SITECTL,
    Daemon,
    background,
    daemon,
    environment,
    meter,
    metered,
    patched,
    site,
    sitectl,
    until,
)
from tests.e2e.station import charger
from tests.unit.security.test_tls import Authority

OCPP = {"listen": "127.0.0.1:0", "security_profile": 0, "unknown_stations": "reject"}


async def refused(config: Path, status: int, words: str, *options: str) -> None:
    """The daemon does not start, and says why in lines that people can read."""
    ended = await sitectl("run", "--config", config, *options)
    assert ended.status == status, ended
    assert "Traceback" not in ended.err
    assert re.search(words, ended.err), ended.err
    assert len(ended.err.splitlines()) <= 3, ended.err


# --- start ------------------------------------------------------------------------------------------------------------


async def test_it_says_where_it_serves_and_answers_from_then_on(tmp_path: Path) -> None:
    async with daemon(site(tmp_path)) as running:
        assert running.port > 0
        answer = await running.ask("status")
        assert (answer["schema"], answer["site"], answer["cycle"]["count"] >= 0) == (1, "depot-north", True)
        assert running.log.count("sitectl ready") == 1
        with contextlib.closing(socket.create_connection(("127.0.0.1", running.port), 1)):
            pass
    assert (tmp_path / "data" / "ledger.db").exists()


async def test_both_listeners_are_named(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path, "site-ca").issue("gateway")
    key.chmod(0o600)
    tls = {"listen": "127.0.0.1:0", "certificate": str(certificate), "key": str(key)}
    async with daemon(site(tmp_path, ocpp=OCPP | {"tls": tls})) as running:
        assert re.search(r"^sitectl ready ocpp=127\.0\.0\.1:\d+ ocpp-tls=127\.0\.0\.1:\d+ api=/", running.log, re.M)


async def test_a_second_one_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    config = site(tmp_path)
    async with daemon(config) as running:
        await refused(config, 1, "ledger.db is in use by another process: .* stop that one first, or name another")
        (tmp_path / "two").mkdir()
        other = site(tmp_path / "two", api={"socket": str(running.socket)})
        await refused(other, 1, r"cannot listen on .*sitectl.sock: another sitectl answers there; set api.socket")
        await refused(other, 1, "another sitectl answers there", "--socket", str(running.socket))
        assert (await running.ask("status"))["site"] == "depot-north"
        await running.stop()
        assert not running.socket.exists()
    async with daemon(config):
        pass


async def test_what_the_machine_refuses_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        words = f"ocpp.listen: cannot listen on 127.0.0.1:{port}: another program listens there; .* or name another"
        await refused(site(tmp_path, ocpp=OCPP | {"listen": f"127.0.0.1:{port}"}), 1, words)
    below_a_file = {"name": "x", "data_dir": str(tmp_path / "file" / "data")}
    await refused(site(tmp_path, site=below_a_file), 1, r"site.data_dir: .* cannot be made: Not a directory; name")
    not_ours = {"name": "x", "data_dir": "/proc"}
    await refused(site(tmp_path, site=not_ours), 1, r"/proc/ledger.db")
    await refused(site(tmp_path, api={"socket": "/proc/sitectl.sock"}), 1, r"cannot listen on /proc/sitectl.sock")


async def test_files_that_cannot_be_used_are_configuration_errors(tmp_path: Path) -> None:
    tls = {"listen": "127.0.0.1:0", "certificate": "cert.pem", "key": "key.pem"}
    await refused(site(tmp_path, ocpp=OCPP | {"tls": tls}), 2, r"site.yaml:\d+:\d+: ocpp.tls.certificate: .*cert.pem")
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("no certificate\n")
        (tmp_path / name).chmod(0o600)
    await refused(site(tmp_path, ocpp=OCPP | {"tls": tls}), 2, "ocpp.tls.certificate: .* no PEM block")
    await refused(site(tmp_path, ocpp=OCPP | {"listen": "127.0.0.1"}), 2, r"site.yaml:\d+:\d+: ocpp.listen: ")
    await refused(tmp_path / "nothing.yaml", 2, "nothing.yaml: no such file")


# --- the service manager ----------------------------------------------------------------------------------------------


@asynccontextmanager
async def service_manager(directory: Path) -> AsyncIterator[tuple[list[str], dict[str, str]]]:
    """A notify socket: what came in, and the environment that names it."""
    path = directory / "notify.sock"
    said: list[str] = []

    class Manager(asyncio.DatagramProtocol):
        def datagram_received(self, data: bytes, _: Any) -> None:
            said.extend(data.decode().splitlines())

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(path))
        notify.setblocking(False)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Manager, sock=notify)
        try:
            yield said, {"NOTIFY_SOCKET": str(path), "WATCHDOG_USEC": "1500000"}
        finally:
            transport.close()


async def test_the_service_manager_hears_of_start_cycles_and_stop(tmp_path: Path) -> None:
    async with service_manager(tmp_path) as (said, named), daemon(site(tmp_path), **named) as running:
        await until(lambda: said.count("WATCHDOG=1") >= 4)
        assert said.index("READY=1") < len(said) - said[::-1].index("WATCHDOG=1")
        assert "STOPPING=1" not in said
        statuses = [line for line in said if line.startswith("STATUS=")]
        assert any("depot-north: serving on ocpp=127.0.0.1:" in line for line in statuses)
        await until(lambda: any(re.match(r"STATUS=degraded, 0 stations online, \d+ problems", line) for line in said))
        await running.stop()
        await until(lambda: "STOPPING=1" in said)
        assert said.count("STOPPING=1") == said.count("READY=1") == 1


async def test_the_watchdog_is_fed_by_completed_cycles_alone(tmp_path: Path) -> None:
    stuck = """
import asyncio, sitectl.site.owner as owner
async def run(self):
    for _ in range(3):
        await asyncio.sleep(0.6)
        self.cycle()
    await asyncio.sleep(3600)
owner.Site.run = run
"""
    config = site(tmp_path)
    async with (
        service_manager(tmp_path) as (said, named),
        daemon(config, command=patched(tmp_path, stuck), **named) as running,
    ):
        await until(lambda: said.count("WATCHDOG=1") >= 3)
        await asyncio.sleep(2.0)
        assert said.count("WATCHDOG=1") == 3
        assert (await running.get("status"))["site"] == "depot-north"  # alive, and yet not fed


# --- what fails meanwhile ---------------------------------------------------------------------------------------------


async def test_when_the_site_dies_the_process_ends(tmp_path: Path) -> None:
    dies = """
import sitectl.site.owner as owner
cycle = owner.Site._cycle
def broken(self):
    if self.times.count >= 3:
        raise ZeroDivisionError("a bug in the cycle")
    return cycle(self)
owner.Site._cycle = broken
"""
    async with daemon(site(tmp_path), command=patched(tmp_path, dies)) as running:
        async with charger(running.port, "CP01"):
            assert await running.ended() == 1
        assert "the site cannot go on" in running.log
        assert "a bug in the cycle" in running.log
        assert running.log.rstrip().endswith("a bug in the cycle") or "stopped" in running.log
        assert not running.socket.exists()


async def test_when_another_room_dies_it_is_started_again_and_the_site_goes_on(tmp_path: Path) -> None:
    dies = """
import sitectl.uplinks.pool as pool, sitectl.daemon.supervised as supervised, sitectl.api.server as server
run, serve = pool.UplinkPool.run, server.ApiServer.serve
died = set()
async def broken(self):
    if "uplinks" not in died:
        died.add("uplinks")
        raise ZeroDivisionError("a bug in the uplinks")
    await run(self)
async def broken_api(self):
    if "api" not in died:
        died.add("api")
        raise ZeroDivisionError("a bug in the interface")
    await serve(self)
supervised.RESTART_BASE_S = 0.1
pool.UplinkPool.run = broken
server.ApiServer.serve = broken_api
"""
    async with daemon(site(tmp_path), command=patched(tmp_path, dies)) as running:
        await until(lambda: "uplinks failed, next start" in running.log and "api failed, next start" in running.log)
        async with charger(running.port, "CP01") as station:
            await station.begin()
            assert (await running.ask("status"))["transactions"]["open"] == 1
            told: dict[str, str] = {}
            async with asyncio.timeout(30):
                while not {"daemon/uplinks", "daemon/api"} <= told.keys():  # seen with the next cycle
                    problems = (await running.get("status"))["problems"]
                    told = {problem["where"]: problem["what"] for problem in problems}
                    await asyncio.sleep(0.1)
            assert told["daemon/uplinks"].endswith("is started again: ZeroDivisionError: a bug in the uplinks")
            await running.stop()


# --- stop -------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def deaf_central() -> AsyncIterator[str]:
    """A central that lets everybody in and then neither reads nor answers, not even a goodbye."""
    from websockets.utils import accept_key

    async def let_in(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = re.search(r"(?i)sec-websocket-key: (\S+)", request)
        assert key is not None
        accepted = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        writer.write(f"{accepted}Sec-WebSocket-Accept: {accept_key(key[1])}\r\n".encode())
        writer.write(b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n")
        held.append(writer)

    held: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(let_in, "127.0.0.1", 0)
    try:
        yield f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocpp"
    finally:
        for writer in held:
            writer.transport.abort()
        server.close()
        await server.wait_closed()


async def test_it_stops_in_time_with_thirty_stations_and_a_central_that_hangs(tmp_path: Path) -> None:
    ids = [f"CP{n:02d}" for n in range(30)]
    stations = {id: {"circuit": "grid", "max_a": 16, "phases": "L1L2L3", "fallback_a": 0} for id in ids}
    async with deaf_central() as url, AsyncExitStack() as held:
        config = site(tmp_path, stations=stations, uplinks={"central": {"url": url}})
        running = await held.enter_async_context(daemon(config))
        for id in ids[:20]:
            await held.enter_async_context(charger(running.port, id))
        for id in ids[20:]:  # these do not even read their goodbye
            own = f"ws://127.0.0.1:{running.port}/{id}"
            station = await held.enter_async_context(connect(own, close_timeout=0.1))
            station.transport.pause_reading()
        status = await running.get("status")
        assert sum(station["online"] for station in status["stations"].values()) == 30
        await running.stop()  # well: what takes longer than it may, after 9.5 s, ends with another status
        assert "Traceback" not in running.log


async def test_it_stops_in_time_when_the_disk_hangs(tmp_path: Path) -> None:
    hangs = """
import os, sys, threading, sitectl.store.writer as writer
commit = writer.Writer.commit
def hung(self, jobs):
    if os.path.exists(os.environ["HANG"]):
        print("it hangs", file=sys.stderr, flush=True)
        threading.Event().wait()
    return commit(self, jobs)
writer.Writer.commit = hung
"""
    flag = tmp_path / "hang"
    async with (
        daemon(site(tmp_path), command=patched(tmp_path, hangs), HANG=str(flag)) as running,
        charger(running.port, "CP01") as station,
        background(station.begin()),
    ):
        flag.touch()
        await until(lambda: "it hangs" in running.log)
        await running.stop()
    assert "did not answer" in running.log


@pytest.mark.full
async def test_a_stream_is_resumed_over_a_crash_with_nothing_missed_or_told_twice(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []

    def follow(running: Daemon, after: int) -> None:
        with contextlib.suppress(DaemonAway):  # it breaks off with the daemon
            heard.extend(Client(running.socket).events("events", after=after, follow=True))

    async with daemon(site(tmp_path)) as running:
        for _ in range(3):
            following = asyncio.create_task(asyncio.to_thread(follow, running, heard[-1]["seq"] if heard else 0))
            enough = len(heard) + 3
            async with charger(running.port, "CP01"), charger(running.port, "CP02"):
                await until(lambda enough=enough: len(heard) >= enough)  # type: ignore[misc]
                await running.kill()
            await following
            await running.start()
        whole = list(Client(running.socket).events("events", after=0, follow=False))
    assert [event["seq"] for event in heard] == list(range(1, len(heard) + 1))
    assert heard == whole[: len(heard)]
    assert [event["type"] for event in heard].count("site.started") == 3


async def test_open_streams_end_with_it(tmp_path: Path) -> None:
    async with daemon(site(tmp_path)) as running:
        following = await asyncio.create_subprocess_exec(
            *SITECTL,
            *("events", "--follow", "--json", "--socket", str(running.socket)),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment(),
        )
        assert following.stdout is not None
        async with asyncio.timeout(40):
            first = await following.stdout.readline()
            await running.stop()
            _, said = await following.communicate()
        assert following.returncode == 0, said
        assert json.loads(first)["type"] == "site.started"
        assert "ERROR" not in running.log


# --- kill -------------------------------------------------------------------------------------------------------------


async def test_after_a_kill_with_everything_else_dead_every_known_station_is_accepted(tmp_path: Path) -> None:
    central = CentralSystem(SystemClock())
    await central.open()
    async with meter() as device:
        config = site(tmp_path, uplinks={"central": {"url": central.url}}, **metered(device))
        running = Daemon(config)
        await running.start()
        try:
            async with AsyncExitStack() as held:
                stations = [await held.enter_async_context(charger(running.port, f"CP0{n}")) for n in (1, 2, 3)]
                for station in stations:
                    await station.begin()
                await until(lambda: len(central.ledger.transactions) == 3)
                await running.kill()
            await central.cut()
            await device.close()
            await running.start()
            status = await running.get("status")
            assert status["stations"]["CP01"]["vendor"] == "Acme"
            assert status["transactions"]["open"] == 3
            for before in stations:
                async with charger(running.port, before.id) as station:
                    station.transaction, station.register_wh = before.transaction, 2000.0
                    await station.sample()
                    await station.end()
            rows = (await running.get("transactions"))["transactions"]
            assert [(row["meter_stop_wh"], row["reason"]) for row in rows] == [(2000, "EVDisconnected")] * 3
            assert (await running.get("status"))["transactions"]["unsent"] > 0
            await central.open()
            await until(lambda: all(t.meter_stop_wh == 2000 for t in central.ledger.transactions.values()), 40)
            assert (len(central.ledger.transactions), central.ledger.oddities) == (3, [])
            await running.stop()
        finally:
            if running.running:
                await running.kill()
            await central.cut()


async def test_a_central_that_talks_garbage_is_shown_as_away(tmp_path: Path) -> None:
    async def garbage(connection: Any) -> None:
        with contextlib.suppress(ConnectionClosed):
            while await connection.recv():
                await connection.send("]]not json[[")

    async with serve(garbage, "127.0.0.1", 0, subprotocols=["ocpp1.6"]) as central:  # type: ignore[list-item]
        url = f"ws://127.0.0.1:{central.sockets[0].getsockname()[1]}"
        async with daemon(site(tmp_path, uplinks={"central": {"url": url}})) as running:
            async with charger(running.port, "CP01") as station:
                await station.begin()
                await station.end()
                async with asyncio.timeout(30):
                    shown: dict[str, Any] = {"oldest_s": None}
                    while not shown["oldest_s"] or shown["state"] not in ("connecting", "offline"):
                        await asyncio.sleep(0.1)
                        shown = (await running.get("status"))["uplinks"]["central"]
                assert shown["state"] in ("connecting", "offline")
                assert (shown["backlog"] >= 2, shown["dead"]) == (True, 0)
                assert shown["oldest_s"] > 0
            await running.stop()
