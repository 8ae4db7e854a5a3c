"""Who may do what: the kernel says who is there, groups say what they may."""

import asyncio
import grp
import json
import os
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from fastapi import Depends, FastAPI, HTTPException, Request

from sitectl.api.roles import Peer, Role, Roles, group_number, needs, peer_of
from sitectl.api.server import ApiServer, bind
from sitectl.base.tasks import Tasks
from sitectl.config.settings import ApiGroups

NUMBERS = {"lookers": 7001, "techs": 7002, "bosses": 7003}
GROUPS = ApiGroups("lookers", "techs", "bosses")
STRANGER = 65534
ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def roles(groups: ApiGroups = GROUPS) -> Roles:
    return Roles(groups, NUMBERS.get)


@pytest.mark.parametrize(
    ("uid", "groups", "role"),
    [
        (0, (), Role.ADMIN),
        (os.geteuid(), (), Role.ADMIN),
        (STRANGER, (), Role.VIEWER),
        (STRANGER, (7001,), Role.VIEWER),
        (STRANGER, (100, 7002), Role.TECHNICIAN),
        (STRANGER, (7001, 7003, 7002), Role.ADMIN),
    ],
)
def test_the_highest_of_a_callers_groups_counts(uid: int, groups: tuple[int, ...], role: Role) -> None:
    assert roles().of(Peer(uid, frozenset(groups))) is role


def test_nobody_known_may_only_look() -> None:
    assert roles().of(None) is Role.VIEWER


def test_a_group_that_does_not_exist_grants_nothing_and_the_cure_says_so() -> None:
    without = roles(ApiGroups("lookers", "nobody-here", "bosses"))
    assert without.of(Peer(STRANGER, frozenset(range(8000)) - {7003})) is Role.VIEWER
    assert "group nobody-here (api.groups.technician), which does not exist" in without.cure(Role.TECHNICIAN)
    assert without.cure(Role.ADMIN) == "ask to be put into the group bosses (api.groups.admin) and log in again"
    without.reconfigure(GROUPS)
    assert without.of(Peer(STRANGER, frozenset([7002]))) is Role.TECHNICIAN


def test_groups_of_this_machine_are_looked_up() -> None:
    name = grp.getgrall()[0].gr_name
    assert group_number(name) == grp.getgrnam(name).gr_gid
    assert group_number("no such group") is None


def test_a_peer_is_told_by_the_kernel() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        peer = peer_of(ours)
    assert peer is not None
    assert (peer.uid, peer.groups) == (os.geteuid(), frozenset([os.getegid(), *os.getgroups()]))
    with socket.socket(socket.AF_INET) as tcp:
        assert peer_of(tcp) is None
    assert Peer(4_000_000_000, frozenset()).user == "uid 4000000000"


ASK = """
import http.client, json, os, socket, sys
uid, gid, more, path = int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]), sys.argv[4]
os.setgroups(more); os.setgid(gid); os.setuid(uid)
for method in ("GET", "POST", "DELETE"):
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(path)
    except PermissionError:
        print(json.dumps([0, "closed"])); continue
    connection.request(method, "/thing")
    answer = connection.getresponse()
    print(json.dumps([answer.status, json.loads(answer.read())]))
    connection.close()
"""


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Path]:
    """An interface with something to look at, something for technicians, and something for admins."""
    app = FastAPI()
    app.state.roles = roles()

    @app.get("/thing")
    async def look() -> str:
        return "seen"

    @app.post("/thing")
    async def change(who: Peer = Depends(needs("technician"))) -> str:  # noqa: B008
        return who.user

    @app.delete("/thing", dependencies=[Depends(needs("admin"))])
    async def end() -> str:
        return "ended"

    for directory in (tmp_path, *tmp_path.parents):
        if directory.stat().st_uid == os.geteuid() and directory != Path("/"):
            directory.chmod(directory.stat().st_mode | 0o011)
    path = tmp_path / "sitectl.sock"
    server = ApiServer(app, path, asyncio.Event(), NUMBERS["lookers"])
    server.open()
    serving = Tasks().spawn(server.serve(), "api")
    yield path
    server.stop()
    await serving


async def ask(path: Path, uid: int, gid: int, *more: int) -> list[list[object]]:
    """As a process of that user with these groups would."""
    command = [sys.executable, "-S", "-c", ASK, str(uid), str(gid), json.dumps(more), str(path)]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=20, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@ROOT
async def test_a_process_may_what_its_groups_may(door: Path) -> None:
    refused = {"detail": "this needs the role technician: ask to be put into the group techs (api.groups.technician)"}
    assert await ask(door, 0, 0) == [[200, "seen"], [200, "root"], [200, "ended"]]
    looker = await ask(door, STRANGER, NUMBERS["lookers"])
    assert [status for status, _ in looker] == [200, 403, 403]
    assert str(looker[1][1]).startswith(str(refused)[:-2])
    technician = await ask(door, STRANGER, NUMBERS["lookers"], NUMBERS["techs"])
    assert [status for status, _ in technician] == [200, 200, 403]
    assert "the role admin" in str(technician[2][1])
    admin = await ask(door, STRANGER, 100, NUMBERS["bosses"], NUMBERS["lookers"])
    assert [status for status, _ in admin] == [200, 200, 200]
    assert await ask(door, STRANGER, 100) == [[0, "closed"]] * 3, "not in the group of the socket"


@ROOT
def test_the_socket_belongs_to_the_viewers(tmp_path: Path) -> None:
    path = tmp_path / "sitectl.sock"
    with bind(path, NUMBERS["lookers"]):
        found = path.stat()
    assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (NUMBERS["lookers"], 0o660)


def test_where_nobody_says_who_is_there_nothing_is_changed() -> None:
    """As behind TCP, or called within the process."""
    app = FastAPI()
    app.state.roles = roles()
    scope = {"type": "http", "method": "POST", "path": "/thing", "query_string": b"", "headers": [], "app": app}
    with pytest.raises(HTTPException, match="this needs the role technician") as refused:
        needs("technician")(Request(scope))
    assert refused.value.status_code == 403
