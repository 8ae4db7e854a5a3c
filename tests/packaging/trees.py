"""Whole Debian systems in a folder, in which packages are installed and daemons run: as root, by chroot.

A bare one is made by debootstrap, once; one with the package in it, once for each package. Every test has a copy.
"""

from __future__ import annotations

import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.packaging.packages import alone, built, needs, run

SUITE = "bookworm"
SITE = """\
site: {name: depot-north, data_dir: /var/lib/sitectl}
ocpp: {listen: "127.0.0.1:%d", security_profile: 0}
circuits: {grid: {rated_a: 63, base_load_worst_a: 35}}
stations:
  CP01: {circuit: grid, max_a: 32, phases: L1L2L3}
authorization: {mode: free}
"""
_ENTER = 'mount -t proc proc "$1/proc" && tree=$1 && shift && exec chroot "$tree" "$@"'


class Tree:
    """One system in a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def command(self, *words: object) -> list[str]:
        """One that runs in there, with its own /proc; all that it begins ends with it."""
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", _ENTER, "sh", str(self.path)]
        return [*enter, *(str(word) for word in words)]

    def run(self, *words: object, check: bool = True, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command in there to its end."""
        environ = {"DEBIAN_FRONTEND": "noninteractive", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        return run(*self.command(*words), check=check, **environ, **more)

    def take(self, package: Path) -> str:
        """Put a file where it can be installed from; its name in there."""
        shutil.copy(package, self.path / "var" / "tmp" / package.name)
        return f"/var/tmp/{package.name}"

    def install(self, package: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.run("dpkg", "--force-unsafe-io", "--install", self.take(package), check=check)

    def configure(self, text: str = SITE % 8887) -> None:
        """Give it a site."""
        config = self.path / "etc" / "sitectl" / "site.yaml"
        config.write_text(text)
        self.run("chown", "root:sitectl", "/etc/sitectl/site.yaml")
        config.chmod(0o640)

    def file(self, place: str) -> Path:
        return self.path / place.lstrip("/")

    @contextmanager
    def daemon(self, *options: str, port: int = 8887) -> Iterator[Running]:
        """`sitectl run` as its user, as the unit runs it."""
        as_user = ("setpriv", "--reuid=sitectl", "--regid=sitectl", "--init-groups")
        log = self.path / "var" / "tmp" / f"daemon-{time.monotonic_ns()}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                self.command(*as_user, "sitectl", "run", *options), stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        running = Running(self, process, log)
        try:
            yield running
        finally:
            running.stop()


class Running:
    """A daemon in a tree."""

    def __init__(self, tree: Tree, process: subprocess.Popen[bytes], log: Path) -> None:
        self.tree = tree
        self._process = process
        self._log = log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ready(self, within_s: float = 60.0) -> float:
        """Wait until it serves; how long that took."""
        began = time.monotonic()
        until(lambda: "sitectl ready" in self.log or self.ended is not None, within_s, lambda: self.log)
        assert "sitectl ready" in self.log, self.log
        return time.monotonic() - began

    @property
    def ended(self) -> int | None:
        return self._process.poll()

    def wait(self, within_s: float = 30.0) -> int:
        return self._process.wait(within_s)

    def stop(self) -> None:
        """Ask the daemon itself (what we started is only its surroundings); then make sure."""
        if self.ended is None:
            daemon = self._inside()
            run("kill", f"-{signal.SIGTERM}", daemon, check=False)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def _inside(self) -> int:
        pid = self._process.pid
        while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            pid = int(children[0])
        return pid


def until(condition: Callable[[], bool], within_s: float, what: Callable[[], str] = lambda: "") -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what()}"
        time.sleep(0.05)


def bare() -> Path:
    """A minimal system as debootstrap makes it, from where this machine's apt takes its packages."""
    needs("debootstrap", "unshare", "chroot")
    with alone("bare") as cache:
        tree = cache / "bare"
        if not (tree / "etc" / "debian_version").exists():
            targets = run("apt-get", "indextargets", "--format", "$(SITE)", f"Codename: {SUITE}", check=False).stdout
            unfinished = cache / "bare.unfinished"
            shutil.rmtree(unfinished, ignore_errors=True)
            made = run("debootstrap", "--variant=minbase", SUITE, unfinished, *targets.split()[:1], check=False)
            if made.returncode:
                pytest.skip(f"debootstrap: {(made.stdout + made.stderr).strip().splitlines()[-1]}")
            unfinished.rename(tree)
        return tree


@contextmanager
def fresh(source: Path, folder: Path) -> Iterator[Tree]:
    """A system like `source`, to be changed: what is written lies in `folder` alone, or all of it where the kernel has
    no overlays."""
    tree, written, work = (folder / name for name in ("system", "written", "work"))
    for place in (tree, written, work):
        place.mkdir(parents=True)
    layers = f"lowerdir={source},upperdir={written},workdir={work}"
    mounted = run("mount", "-t", "overlay", "-o", layers, "overlay", tree, check=False).returncode == 0
    if not mounted:
        run("cp", "-a", "--reflink=auto", f"{source}/.", tree)
    try:
        yield Tree(tree)
    finally:
        if mounted:
            run("umount", "--lazy", tree)
        run("rm", "-rf", "--one-file-system", tree, written, work)


def _worked_s() -> float:
    """What ended processes of ours have computed so far: other than by the clock, the same on a busy machine."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def with_package() -> tuple[Path, Mapping[str, float]]:
    """A system on which the package was installed by apt, and how many seconds of a processor that took."""
    source, package = bare(), built()
    with alone("installed") as cache:
        tree, took = package.parent / "installed", package.parent / "took"
        if not took.exists():
            shutil.rmtree(tree, ignore_errors=True)
            run("cp", "-a", "--reflink=auto", source, tree)
            inside = Tree(tree)
            if inside.run("apt-get", "update", check=False).returncode:
                pytest.skip("apt-get update does not work in there")
            before = _worked_s()
            inside.run("apt-get", "install", "--yes", "--no-install-recommends", inside.take(package))
            took.write_text(str(_worked_s() - before))
        assert cache
        return tree, {"install": float(took.read_text())}
