"""HTTP over the daemon's Unix socket, with errors that say what to do."""

from __future__ import annotations

import http.client
import json
import os
import socket
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode

TIMEOUT_S = 5.0
"""Longer than the daemon itself waits for its disk, so that it can still say that."""

TIMEOUT = "SITECTL_TIMEOUT_S"
"""In the environment: another one, for a machine on which everything takes longer."""

SILENCE_S = 60.0
"""An open stream says every 15 s that it lives."""

PID_S = 2.0
ONCE = {"Connection": "close"}


Value = str | int | bool | Sequence[str] | None
Query = dict[str, Value]
Body = Mapping[str, Any] | None
"""Sent as JSON."""


class DaemonAway(Exception):
    """Nobody answers on the socket."""


class NotAllowed(Exception):
    """The socket, or the daemon, refuses this user."""


class Refused(Exception):
    """The daemon answered that it cannot; the text says why."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Client:
    """Questions to one daemon."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def pid(self) -> int | None:
        """The process behind the socket, as the kernel knows it (SO_PEERCRED); None: nobody answers."""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(PID_S)
                connection.connect(str(self._path))
                told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        except OSError:
            return None
        return int(struct.unpack("3i", told)[0]) or None

    def get(self, *path: str, long: bool = False, **query: Value) -> dict[str, Any]:
        """Ask for one JSON answer; with `long` one that may take the daemon a while."""
        return self._answer("GET", path, query, None, SILENCE_S if long else _timeout_s())

    def post(self, *path: str, body: Body = None, long: bool = False, **query: Value) -> dict[str, Any]:
        """Ask for something to be done; its outcome. With `long` a station may have to answer first."""
        return self._answer("POST", path, query, body, SILENCE_S if long else _timeout_s())

    def put(self, *path: str, body: Body = None, long: bool = False, **query: Value) -> dict[str, Any]:
        """Ask for something to be set; what holds then. `long` as in `post`."""
        return self._answer("PUT", path, query, body, SILENCE_S if long else _timeout_s())

    def delete(self, *path: str, long: bool = False, **query: Value) -> dict[str, Any]:
        """Ask for something to be withdrawn; what holds then. `long` as in `post`."""
        return self._answer("DELETE", path, query, None, SILENCE_S if long else _timeout_s())

    def _answer(self, method: str, path: tuple[str, ...], query: Query, body: Body, timeout_s: float) -> dict[str, Any]:
        with self._open(method, path, query, timeout_s, body) as response:
            try:
                answer: dict[str, Any] = json.loads(response.read())
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise self._broken(error) from error
            return answer

    def events(self, *path: str, **query: Value) -> Iterator[dict[str, Any]]:
        """Ask for a stream of server-sent events, each one JSON object; it may never end."""
        with self._open("GET", path, query, SILENCE_S) as response:
            try:
                while line := response.readline():
                    if line.startswith(b"data:"):
                        yield json.loads(line[5:])
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise self._broken(error) from error

    def lines(self, *path: str, **query: Value) -> Iterator[dict[str, Any]]:
        """Ask for an answer of many rows, each a line of JSON; raises DaemonAway where it breaks off before its end."""
        with self._open("GET", path, query, SILENCE_S) as response:
            try:
                while line := response.readline():
                    row = json.loads(line)
                    if row.get("end") is True:
                        return
                    yield row
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise self._broken(error) from error
            raise DaemonAway(f"the daemon on {self._path} broke off before the end; ask again")

    def download(self, sink: BinaryIO, *path: str, **query: Value) -> None:
        """Ask for a file; it may break off without a word, which its reader has to find."""
        with self._open("GET", path, query, SILENCE_S) as response:
            while True:
                try:
                    chunk = response.read(256 * 1024)
                except (OSError, http.client.HTTPException) as error:
                    raise self._broken(error) from error
                if not chunk:
                    return
                sink.write(chunk)

    def _broken(self, error: Exception) -> DaemonAway:
        return DaemonAway(f"the daemon on {self._path} broke off: {error!r}; `sitectl status` tells whether it runs")

    def _open(
        self, method: str, path: tuple[str, ...], query: Query, timeout_s: float, body: Body = None
    ) -> http.client.HTTPResponse:
        connection = _UnixConnection(self._path, timeout_s)
        given = {key: _words(value) for key, value in query.items() if value is not None}
        target = "/v1/" + "/".join(quote(part, safe="") for part in path)
        target += "?" + urlencode(given, doseq=True) if given else ""
        text = None if body is None else json.dumps(body)
        headers = ONCE if body is None else ONCE | {"Content-Type": "application/json"}
        try:
            connection.request(method, target, text, headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise self._unreachable(error) from error
        if response.status != 200:
            raise _refusal(response)
        return response

    def _unreachable(self, error: Exception) -> Exception:
        match error:
            case PermissionError():
                return NotAllowed(f"{self._path}: {error.strerror}; ask to be put into the socket's group")
            case FileNotFoundError() | ConnectionRefusedError() | NotADirectoryError():
                return DaemonAway(
                    f"no daemon answers on {self._path}; start it (`systemctl start sitectl`), or name --socket"
                )
            case _:
                cure = "if it stays, `journalctl -u sitectl` says why, and `systemctl restart sitectl` ends it"
                return DaemonAway(f"the daemon on {self._path} does not answer: {error}; {cure}")


def _timeout_s() -> float:
    """So long an answer is waited for."""
    try:
        told = float(os.environ.get(TIMEOUT, ""))
    except ValueError:
        return TIMEOUT_S
    return told if 0.0 < told <= SILENCE_S else TIMEOUT_S


def _words(value: Value) -> str | list[str]:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, str | int) or value is None else list(value)


def _refusal(response: http.client.HTTPResponse) -> Exception:
    try:
        text = response.read().decode("utf-8", "replace")
        detail = json.loads(text)["detail"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        detail = f"the daemon answered HTTP {response.status}"
    said = detail if isinstance(detail, str) else json.dumps(detail)
    return NotAllowed(said) if response.status in (401, 403) else Refused(said)
