"""The commands that copy the whole gateway into a file, and put such a copy back."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from sitectl.cli.asking import DEFAULT_CONFIG, FAILED, NOT_ALLOWED, USAGE, AsJson, Config, Socket, ask, fail

BACKUP_EXAMPLES = """\b
  sitectl backup /media/usb/depot.backup                ledger and configuration, without keys and passwords
  sitectl backup --secrets depot.backup                 all that another machine needs to take its place
"""
RESTORE_EXAMPLES = """\b
  systemctl stop sitectl; sitectl restore depot.backup; systemctl start sitectl
  sitectl restore --take-over depot.backup              this machine replaces the one that the backup is of
"""
File = Annotated[Path, typer.Argument(help="The backup.", dir_okay=False)]


def backup(
    file: File,
    secrets: Annotated[bool, typer.Option("--secrets", help="With keys and passwords, too.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
    socket: Socket = None,
) -> None:
    """Copy ledger and configuration into a file while the site runs. It is checked, and there when it is whole."""
    from sitectl.store import archive

    with _file_errors():
        unfinished = file.with_name(f".{file.name}.unfinished")
        try:
            unfinished.unlink(missing_ok=True)
            unfinished.touch(0o600)
            with unfinished.open("wb") as sink:
                ask(config, socket, lambda client: client.download(sink, "backup", secrets=secrets))
                sink.flush()
                os.fsync(sink.fileno())
            listed = archive.check(unfinished)
            unfinished.replace(file)
        except archive.BadArchive as error:
            raise fail(f"the backup broke off and is not kept: {error}", FAILED) from error
        finally:
            unfinished.unlink(missing_ok=True)
    size = file.stat().st_size
    if as_json:
        print(json.dumps({"schema": 1, "file": str(file), "bytes": size, "manifest": listed}, indent=1))
        return
    what = "with keys and passwords: keep it locked away" if listed["secrets"] else "without keys and passwords"
    print(f"{file}: {size / 1e6:.1f} MB of {listed['site']} at {listed['made']}, checked, {what}")
    for left in listed["left_out"]:
        print(f"not in it, because it lies outside of the configuration's folder: {left}")


def restore(
    file: File,
    take_over: Annotated[
        bool, typer.Option("--take-over", help="This machine replaces the gateway that the backup is of.")
    ] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Put a backup in the place of the present ledger, which is set aside. The daemon has to be stopped."""
    from sitectl.base.clock import SystemClock
    from sitectl.base.errors import EnvironmentFault
    from sitectl.cli.restored_files import lay_out_configuration, lay_out_rest
    from sitectl.model.storage import StoreState
    from sitectl.store import archive
    from sitectl.store.errors import StoreUnavailable
    from sitectl.store.restoring import restore as restore_ledger

    now = SystemClock().wall()
    with _file_errors():
        try:
            said = lay_out_configuration(file, config)
            data_dir = _data_dir(config)
            done = restore_ledger(file, data_dir / archive.LEDGER, now, take_over=take_over)
            try:
                said += lay_out_rest(done.folder, config, data_dir, f"before-restore-{now:%Y%m%dT%H%M%SZ}")
            finally:
                shutil.rmtree(done.folder, ignore_errors=True)
        except archive.BadArchive as error:
            raise fail(str(error), FAILED) from error
        except StoreUnavailable as error:
            if error.state is StoreState.BUSY:
                raise fail(
                    "the daemon runs on this ledger: stop it (`systemctl stop sitectl`), then restore again", FAILED
                ) from error
            raise fail(f"{error}; the ledger here is as it was", FAILED) from error
        except EnvironmentFault as error:
            raise fail(f"{error}. The ledger here is as it was.", FAILED) from error
    _tell(done.manifest, done.aside, said, as_json)


def _tell(manifest: dict[str, Any], aside: Path | None, said: list[str], as_json: bool) -> None:
    if as_json:
        about = {"schema": 1, "manifest": manifest, "set_aside": None if aside is None else str(aside), "notes": said}
        print(json.dumps(about, indent=1))
        return
    print(f"restored: {manifest['site']} as it was at {manifest['made']} (gateway {manifest['gateway_id']})")
    if aside is not None:
        print(f"the ledger of before is kept: {aside}")
    for line in said:
        print(line)
    print("what the central took since then is sent again once the daemon runs: start it (`systemctl start sitectl`)")


def _data_dir(config: Path) -> Path:
    from sitectl.config.load import Broken, load
    from sitectl.config.report import print_issues

    found = load(config)
    if isinstance(found, Broken):
        print_issues(found, sys.stderr)
        raise fail(f"{config} has to be put right first: it says where the ledger lies", USAGE)
    return found.settings.site.data_dir


@contextmanager
def _file_errors() -> Iterator[None]:
    """What the machine refuses, in words."""
    try:
        yield
    except PermissionError as error:
        why = f"{error.filename}: {error.strerror}; run it as root or as the daemon's user"
        raise fail(why, NOT_ALLOWED) from error
    except OSError as error:
        raise fail(f"{error.filename or 'disk'}: {error.strerror or error}", FAILED) from error
