"""What `sitectl doctor` finds on this machine, without the daemon: configuration, files, disk, clock, memory, sockets,
certificates. Each finding says what to do.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sitectl.base.gateway_clock import machine_is_synchronised
from sitectl.config.load import Broken, Loaded

OK, WARNING, ERROR = "ok", "warning", "error"
SECRET_KEYS = frozenset({"password_file", "passwords_file", "secret_file", "token_file", "key"})
CERTIFICATE_KEYS = frozenset({"certificate", "client_ca", "ca"})
RENEW = "Renew it, then reload the service: `systemctl reload sitectl`."
ALARM_DAYS = (30, 7, 1)

MEGABYTE = 1_000_000
SHORT_MB, EMPTY_MB = 500, 50
MEMORY_MB = 64


@dataclass(frozen=True, slots=True)
class Found:
    """One finding: which check, how bad, what, and what to do (empty where all is well)."""

    check: str
    level: str
    what: str
    do: str = ""


def configuration(found: Loaded | Broken) -> Iterator[Found]:
    """Errors and warnings of the files."""
    if isinstance(found, Broken):
        for issue in found.errors[:10]:
            yield Found("configuration", ERROR, str(issue), "Put it right, then `sitectl check`.")
        return
    for warning in found.warnings[:10]:
        yield Found("configuration", WARNING, str(warning), "See `sitectl check`.")
    if not found.warnings:
        yield Found("configuration", OK, f"{found.file}: no errors, no warnings")


def named_files(value: Any, keys: Iterable[str], place: str = "") -> Iterator[tuple[str, str]]:
    """Every file that the configuration names under one of these keys, with its place."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            here = f"{place}.{key}" if place else str(key)
            if key in keys and isinstance(inner, str):
                yield here, inner
            else:
                yield from named_files(inner, keys, here)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from named_files(inner, keys, f"{place}[{number}]")


def permissions(loaded: Loaded) -> Iterator[Found]:
    """Files that hold secrets, and the data directory, are for nobody else."""
    folder, well = loaded.file.parent, True
    for place, name in named_files(loaded.effective, SECRET_KEYS):
        if (mode := _mode(folder / name)) is not None and mode & 0o007:
            well = False
            yield Found("permissions", ERROR, f"{place}: {name} may be read by everybody", f"chmod 640 {folder / name}")
    data_dir = loaded.settings.site.data_dir
    if (mode := _mode(data_dir)) is not None and mode & 0o002:
        well = False
        yield Found("permissions", ERROR, f"{data_dir} may be written by everybody", f"chmod 750 {data_dir}")
    if (mode := _mode(loaded.file)) is not None and mode & 0o002:
        well = False
        yield Found("permissions", ERROR, f"{loaded.file} may be written by everybody", f"chmod 640 {loaded.file}")
    if well:
        yield Found("permissions", OK, "secrets and data are for nobody else")


def _mode(path: Path) -> int | None:
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return None


def disk(data_dir: Path, sys: Path = Path("/sys")) -> Iterator[Found]:
    """Room for the ledger, and how worn the disk says it is."""
    try:
        room, device = os.statvfs(data_dir), data_dir.stat().st_dev
    except OSError as error:
        yield Found("disk", ERROR, f"{data_dir}: {error.strerror}", "Name a directory that is there (site.data_dir).")
        return
    free_mb, total_mb = (blocks * room.f_frsize // MEGABYTE for blocks in (room.f_bavail, room.f_blocks))
    level = ERROR if free_mb < EMPTY_MB else WARNING if free_mb < SHORT_MB else OK
    do = "" if level == OK else f"Free some: the ledger needs {SHORT_MB} MB to go on for weeks; see `retention`."
    yield Found("disk", level, f"{data_dir}: {free_mb} MB of {total_mb} MB are free", do)
    if room.f_files and room.f_favail * 20 < room.f_files:
        yield Found("disk", WARNING, f"{data_dir}: nearly all inodes are taken", "Remove files that nobody needs.")
    yield wear(sys / f"dev/block/{os.major(device)}:{os.minor(device)}")


def wear(block: Path) -> Found:
    """What an eMMC says of its own life; an SD card or another disk says nothing here."""
    for folder in (block / "device", block.resolve().parent / "device"):
        try:
            life = [int(word, 16) for word in (folder / "life_time").read_text().split()]
        except (OSError, ValueError):
            continue
        worst = max(life, default=0)
        said = f"the disk has used up {worst * 10} % of its life"
        if worst >= 9:
            return Found("wear", ERROR, said, "Replace it; back up now.")
        if worst >= 7:
            return Found("wear", WARNING, said, "Plan to replace it.")
        return Found("wear", OK, said)
    return Found("wear", OK, "this disk does not tell how worn it is")


def clock(devices: Path = Path("/dev")) -> Iterator[Found]:
    """Whether the time is that of a time server, and outlives a power cut."""
    if machine_is_synchronised():
        yield Found("clock", OK, "the clock follows a time server")
    else:
        do = "Install and point systemd-timesyncd or chrony to a server it can reach: `timedatectl timesync-status`."
        yield Found("clock", WARNING, "the clock of this machine does not follow a time server", do)
    if not any((devices / name).exists() for name in ("rtc0", "rtc")):
        do = "A clock with a battery keeps times right from the first second after a power cut."
        yield Found("clock", WARNING, "this machine has no clock of its own", do)


def memory(proc: Path = Path("/proc")) -> Found:
    """What is left for everybody."""
    try:
        lines = (proc / "meminfo").read_text().splitlines()
        left = {line.split(":")[0]: int(line.split()[1]) // 1000 for line in lines if line.endswith("kB")}
        free_mb = left["MemAvailable"]
    except (OSError, ValueError, KeyError, IndexError):
        return Found("memory", OK, "this machine does not tell how much memory is left")
    level = WARNING if free_mb < MEMORY_MB else OK
    do = f"Stop what else runs here: below {MEMORY_MB} MB the system may end the daemon." if level != OK else ""
    return Found("memory", level, f"{free_mb} MB of memory are left", do)


def process(pid: int, proc: Path = Path("/proc")) -> Iterator[Found]:
    """The daemon's own memory and open files."""
    try:
        text = (proc / str(pid) / "status").read_text()
        taken_mb = next(int(line.split()[1]) // 1000 for line in text.splitlines() if line.startswith("VmRSS"))
    except (OSError, StopIteration, ValueError):
        return
    level = WARNING if taken_mb > 600 else OK
    do = (
        "More than it needs for a thousand stations: send a bundle (`sitectl doctor --bundle F`)."
        if level != OK
        else ""
    )
    yield Found("memory", level, f"the daemon (pid {pid}) takes {taken_mb} MB", do)
    try:
        used = sum(1 for _ in (proc / str(pid) / "fd").iterdir())
        limits = (proc / str(pid) / "limits").read_text()
        most = next(int(line.split()[3]) for line in limits.splitlines() if line.startswith("Max open files"))
    except (OSError, StopIteration, ValueError):
        return
    level = WARNING if used * 5 > most * 4 else OK
    do = "Raise LimitNOFILE of the service: each station takes one." if level != OK else ""
    yield Found("sockets", level, f"the daemon has {used} of {most} files open", do)


def listeners(loaded: Loaded, daemon_runs: bool) -> Iterator[Found]:
    """Whether somebody answers at the addresses that stations are told."""
    ocpp = loaded.settings.ocpp
    tls = [] if ocpp.tls is None else [("ocpp.tls.listen", ocpp.tls.listen)]
    for name, address in [("ocpp.listen", ocpp.listen), *tls]:
        if address.port == 0:
            continue
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
        answers = _answers(host, address.port)
        if answers is daemon_runs:
            said = "answers" if answers else "is free"
            yield Found("sockets", OK, f"{name}: {address.host}:{address.port} {said}")
        elif daemon_runs:
            do = "Look into its log: `journalctl -u sitectl -n 50`."
            yield Found("sockets", ERROR, f"{name}: nobody answers at {address.host}:{address.port}", do)
        else:
            do = f"See which: `ss -ltnp 'sport = :{address.port}'`; end it, or name another port."
            yield Found("sockets", ERROR, f"{name}: another program answers at {address.host}:{address.port}", do)


def _answers(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=2.0):
            return True
    except OSError:
        return False


def certificates(loaded: Loaded, now: datetime) -> Iterator[Found]:
    """The days that are left of every certificate that the configuration names."""
    from cryptography import x509

    for place, name in named_files(loaded.effective, CERTIFICATE_KEYS):
        path = loaded.file.parent / name
        try:
            found = x509.load_pem_x509_certificates(path.read_bytes())
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            yield Found("certificates", WARNING, f"{place}: {name} cannot be read here: {why}", "Run it as root.")
            continue
        for one in found:
            yield _dated(place, one.not_valid_before_utc, one.not_valid_after_utc, now)


def _dated(place: str, begin: datetime, end: datetime, now: datetime) -> Found:
    days = (end - now).total_seconds() / 86_400.0
    if days < 0:
        return Found("certificates", ERROR, f"{place}: it ended on {end:%Y-%m-%d}", RENEW)
    if now < begin:
        return Found("certificates", ERROR, f"{place}: it begins on {begin:%Y-%m-%d}", "Look at the clock of this box.")
    level = ERROR if days < ALARM_DAYS[1] else WARNING if days < ALARM_DAYS[0] else OK

    return Found("certificates", level, f"{place}: good for {days:.0f} days", RENEW if level != OK else "")
