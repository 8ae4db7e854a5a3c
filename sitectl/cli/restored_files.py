"""Where the files of a backup go beside the ledger: nothing that is here already is written over.

The configuration of a backup is laid out where there is none; else a file that differs is laid beside the one that is
here, under the same name with `.from-backup`, for people to compare. Keys and passwords that differ are set aside.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from sitectl.store import archive
from sitectl.store.disk import sync_directory

CONFIGURATION, SECRETS, CREDENTIALS = "configuration", "secrets", "credentials"


def lay_out_configuration(backup: Path, config: Path) -> list[str]:
    """Where no configuration is at `config`, that of the backup: it says where the ledger lies. What was done."""
    if config.exists():
        return []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        archive.unpack(backup, folder, (CONFIGURATION, SECRETS))
        return _lay_out(folder, config)


def lay_out_rest(folder: Path, config: Path, data_dir: Path, aside: str) -> list[str]:
    """What else the backup holds. What was done, in lines for people."""
    said = _lay_out(folder, config)
    if (vault := folder / CREDENTIALS).is_dir():
        present = data_dir / CREDENTIALS
        if present.exists():
            present.rename(data_dir / f"{CREDENTIALS}.{aside}")
            said.append(f"the credentials of before are kept: {data_dir / f'{CREDENTIALS}.{aside}'}")
        for file in _files(vault):
            _put(file, present / file.relative_to(vault), data_dir)
        said.append("the credentials of the backup are in place")
    return said


def _lay_out(folder: Path, config: Path) -> list[str]:
    said = []
    mains = list((folder / CONFIGURATION).glob("*.yaml"))
    for kind in (CONFIGURATION, SECRETS):
        root = folder / kind
        for file in _files(root):
            name = file.relative_to(root)
            own = kind == CONFIGURATION and len(mains) == 1 and file == mains[0]
            target = config if own else config.parent / name
            if not target.exists():
                _put(file, target, config.parent)
                said.append(f"laid out: {target}")
            elif target.read_bytes() != file.read_bytes():
                beside = target.with_name(f"{target.name}.from-backup")
                _put(file, beside, config.parent)
                said.append(f"{target} is left as it is; that of the backup: {beside}")
    return said


def _files(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*") if path.is_file())


def _put(file: Path, target: Path, like: Path) -> None:
    """Whole or not at all; readable by those who own the folder it belongs to."""
    _make_folder(target.parent, like)
    unfinished = target.with_name(f".{target.name}.unfinished")
    shutil.copyfile(file, unfinished)
    unfinished.chmod(_mode(file, target, like.stat()))
    _give(unfinished, like)
    with unfinished.open("rb") as written:
        os.fsync(written.fileno())
    unfinished.replace(target)
    sync_directory(target.parent)


def _mode(file: Path, target: Path, like: os.stat_result) -> int:
    if CREDENTIALS in target.parts:
        return 0o600
    by_group = like.st_uid == 0 and like.st_gid != 0  # what root owns the daemon reads as one of the group
    return 0o640 if by_group or SECRETS not in file.parts else 0o600


def _make_folder(folder: Path, like: Path) -> None:
    """For whom `like` is: the daemon writes into the folders of its credentials, whoever restores them."""
    if folder.exists():
        return
    _make_folder(folder.parent, like)
    closed = {CREDENTIALS, SECRETS} & set(folder.relative_to(like).parts) if folder.is_relative_to(like) else set()
    folder.mkdir(0o700)
    folder.chmod(0o700 if closed else 0o755)
    if like.exists():
        _give(folder, like)


def _give(path: Path, like: Path) -> None:
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
