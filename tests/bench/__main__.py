"""All benches in turn: `python -m tests.bench [NAME ...] [--json] [--full] [--list]`; status 1 when a mark is missed.

Each is a module beside this one that can be run by itself (`python -m tests.bench.NAME`, with its method in its
docstring) and says its figures in one line with `--json`. Each runs in a process of its own, so that none inherits the
memory of another, and is ended when it takes longer than it may.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

from tests.bench.figures import Figure, from_json

BENCHES = {
    "allocator": 120,
    "cycle": 120,
    "station_server": 150,
    "whole_site": 240,
    "memory": 180,
    "start": 240,
    "api": 300,
    "logins": 90,
    "healing": 180,
    "written": 240,
    "ledger": 150,
    "replay": 90,
    "backlog": 240,
    "stress": 420,
    "office": 150,
    "meter_loss": 90,
    "demand_response": 60,
    "real_days": 240,
    "places": 60,
    "strangers": 90,
    "random_trees": 90,
    "rotations": 90,
    "two_minds": 60,
    "mqtt": 60,
    "month": 120,
}
"""Name -> seconds that it may take."""
FULL_FACTOR = 20
"""How much longer with `--full`, where a bench has more to show than its sample."""


def run(name: str, full: bool) -> list[Figure]:
    """The figures of one bench; one that fails or does not end has one figure, which is missed."""
    began = time.monotonic()
    command = [sys.executable, "-m", f"tests.bench.{name}", "--json", *(["--full"] if full else [])]
    may_take_s = BENCHES[name] * (FULL_FACTOR if full else 1)
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as bench:
        try:
            out, err = bench.communicate(timeout=may_take_s)
        except subprocess.TimeoutExpired:
            os.killpg(bench.pid, signal.SIGKILL)  # with the daemon and whatever else it has started
            bench.communicate()
            return [Figure(f"{name} did not end", time.monotonic() - began, "s", may_take_s)]
    try:
        return from_json(json.loads(out.splitlines()[-1])["figures"])
    except (IndexError, ValueError, KeyError):
        print(err, file=sys.stderr)
        return [Figure(f"{name} failed with exit status {bench.returncode}", 1, "", 0)]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="All benches, or those named.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of " + ", ".join(BENCHES))
    parser.add_argument("--json", action="store_true", help="one object with everything at the end")
    parser.add_argument("--full", action="store_true", help="what is sampled by seed, in full")
    parser.add_argument("--list", action="store_true", help="name them and end")
    options = parser.parse_args(arguments)
    if options.list:
        print("\n".join(BENCHES))
        return 0
    if unknown := set(options.names) - set(BENCHES):
        parser.error(f"no bench {', '.join(sorted(unknown))}; there are {', '.join(BENCHES)}")
    found: dict[str, list[Figure]] = {}
    for name in options.names or BENCHES:
        if not options.json:
            print(f"--- {name}", flush=True)
        found[name] = run(name, options.full)
        for figure in () if options.json else found[name]:
            print(figure.line(), flush=True)
    missed = sum(not figure.met for figures in found.values() for figure in figures)
    if options.json:
        rows = {name: [{**asdict(figure), "met": figure.met} for figure in figures] for name, figures in found.items()}
        print(json.dumps({"schema": 1, "missed": missed, "benches": rows}))
    else:
        judged = sum(figure.mark is not None for figures in found.values() for figure in figures)
        print(f"--- {judged - missed} of {judged} marks met")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
