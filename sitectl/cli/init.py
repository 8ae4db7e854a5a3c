"""`sitectl init`: an interview that writes the first configuration of a site.

Each answer is kept beside the file as it is given, so that a terminal that closes loses nothing: the next `init` goes
on where this one stopped. Nothing that could not be used is written, and nothing that exists is written over.
"""

from __future__ import annotations

import json
import os
import socket as sockets
import subprocess
import sys
from pathlib import Path

from sitectl.cli import first_site
from sitectl.cli.asking import FAILED, USAGE, fail
from sitectl.cli.questions import Answers, Question, list_of, questions, text_of
from sitectl.config.load import Broken, load
from sitectl.config.report import print_issues, summary
from sitectl.config.written import cure, give_to_group, replace

HELP = "Enter takes what stands in [brackets]. ? explains, < goes back, Ctrl-D stops; what was said is kept."
SHOWN = 8


class Draft:
    """What was said so far, kept in a file. `done`: questions that have their answer; of a list there may be a part."""

    def __init__(self, path: Path, folder: Path) -> None:
        self.path = path
        self.said: dict[str, str | list[str]] = {}
        self.done: set[str] = set()
        self._load()
        self.said["folder"] = str(folder)

    def _load(self) -> None:
        try:
            found = json.loads(self.path.read_text("utf-8"))
            said, done = dict(found["said"]), set(found["done"])
        except (OSError, ValueError, KeyError, TypeError):
            return  # none, or spoilt by hand: begin anew
        for key, value in said.items():
            if isinstance(value, str) or (isinstance(value, list) and all(isinstance(line, str) for line in value)):
                self.said[key] = value
        self.done = done & self.said.keys()

    def keep(self) -> None:
        """Write it down; raises OSError."""
        text = json.dumps({"said": self.said, "done": sorted(self.done)}, ensure_ascii=False)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        replace(self.path, text.encode(), 0o600)

    def finish(self, key: str, answer: str | list[str]) -> None:
        """A question has its answer."""
        self.said[key] = answer
        self.done.add(key)
        self.keep()

    def begin_again(self) -> None:
        """Everything is asked once more, with what was said as the default."""
        self.done.clear()
        self.keep()


def begin_site(target: Path) -> None:
    """Ask about a new site and write its configuration to `target`; typer.Exit, having said what to do."""
    if target.exists():
        raise fail(f"{target} exists already; `sitectl config set` changes it, or name another file", USAGE)
    draft = Draft(target.with_name(f".{target.name}.init"), target.parent)
    print(f"A new site in {target}. {HELP}")
    if draft.done:
        print(f"Going on where you stopped ({draft.path} holds what was said; remove it to begin anew).")
    try:
        draft.keep()
        _interview(questions(sockets.gethostname(), _zone(), _addresses()), draft)
        _write(target, draft)
    except (EOFError, KeyboardInterrupt):
        print()
        raise fail("stopped; what was said is kept, and `sitectl init` goes on from here", FAILED) from None
    except OSError as error:
        raise fail(f"{error.filename or target}: {error.strerror}; {cure(error)}", FAILED) from error


def _interview(asked: tuple[Question, ...], draft: Draft) -> None:
    """Ask what has no answer yet. `<` takes the last answer back."""
    at = 0
    while at < len(asked):
        question = asked[at]
        if question.key in draft.done or not question.asked(draft.said):
            at += 1
            continue
        answer = _many(question, draft) if question.many else _one(question, draft.said)
        if answer is not None:
            draft.finish(question.key, answer)
            continue
        before = [n for n in range(at) if asked[n].key in draft.done]
        at = before[-1] if before else 0
        draft.done.discard(asked[at].key)


def _one(question: Question, said: Answers) -> str | None:
    """One answer that is taken; None: back to the question before."""
    default = text_of(said, question.key) or question.default(said)
    while True:
        answer = _read(f"{question.text} [{default}] " if default else f"{question.text} ") or default
        if answer == "<":
            return None
        if answer == "?":
            print(f"  {question.help}")
        elif not answer:
            print("  an answer is needed; ? explains")
        elif (wrong := question.judge(answer, said)) is not None:
            print(f"  {wrong}")
        else:
            return answer


def _many(question: Question, draft: Draft) -> list[str] | None:
    """Answers until an empty one. They are judged together with those before, so they stand in `said` at once."""
    taken = list_of(draft.said, question.key)
    draft.said[question.key] = taken
    for line in taken:
        print(f"  said before: {line}")
    while True:
        answer = _read(f"{question.text} (empty: {'no more' if taken else 'none'}) ")
        if answer == "?":
            print(f"  {question.help}")
        elif answer == "<":
            if not taken:
                return None
            print(f"  taken back: {taken.pop()}")
        elif not answer:
            return taken
        elif (wrong := question.judge(answer, draft.said)) is not None:
            print(f"  {wrong}")
        else:
            taken.append(answer)
        draft.keep()


def _read(prompt: str) -> str:
    """A line; the prompt also where nobody sees a terminal, so that a script can follow."""
    print(prompt, end="", flush=True)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    if not sys.stdin.isatty():
        print()
    return line.strip()


def _write(target: Path, draft: Draft) -> None:
    """Secrets first, for the file names them; then the file, if the whole can be used."""
    text = first_site.site_yaml(draft.said).encode()
    made = _secrets(target.parent, draft.said)
    outcome = load(target, {target: text})
    print_issues(outcome, sys.stderr)
    if isinstance(outcome, Broken):
        draft.begin_again()
        raise fail("nothing is written; `sitectl init` asks again, with what was said in [brackets]", USAGE)
    replace(target, text)
    draft.path.unlink(missing_ok=True)
    print(f"\nWritten: {target}")
    print(summary(outcome), end="")
    _next_steps(target, draft.said, made)


def _secrets(folder: Path, said: Answers) -> list[str]:
    """Make what the file will name: passwords, and an empty list of tokens. What exists stays; names of new ones."""
    wanted = first_site.secrets_of(said)
    if text_of(said, "central") == "none" and text_of(said, "who") == "list":
        wanted[first_site.TOKENS] = first_site.TOKENS_HEADER.encode()
    made = [name for name in wanted if not (folder / name).exists()]
    if wanted:
        folder.mkdir(parents=True, exist_ok=True)
    if any(name.startswith(first_site.SECRETS) for name in made):
        (folder / first_site.SECRETS).mkdir(mode=0o750, exist_ok=True)
        give_to_group(folder / first_site.SECRETS)
    for name in made:
        replace(folder / name, wanted[name], 0o640)
    return made


def _next_steps(target: Path, said: Answers, made: list[str]) -> None:
    ids, listen = first_site.stations_of(said), text_of(said, "listen")
    named = ", ".join(ids[:SHOWN]) + (f" and {len(ids) - SHOWN} more" if len(ids) > SHOWN else "")
    print("\nNext:")
    if ids:
        print(f"  in each station, the URL of the central system: ws://{listen}/<its id> ({named})")
    if any(name.startswith(first_site.SECRETS) for name in made):
        print(f"  and its password, from {target.parent / first_site.SECRETS}/<its id>")
    if first_site.TOKENS in made:
        print(f"  who may charge: one line each in {target.parent / first_site.TOKENS}")
    print(f"  sitectl run --config {target}      (or `systemctl enable --now sitectl`)")
    print("  sitectl commission                 the steps from here to a site that is proven")


def _zone() -> str:
    """The time zone of this machine."""
    for path in (Path("/etc/timezone"),):
        if path.exists() and (name := path.read_text("utf-8").strip()):
            return name
    found = os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2]
    return found if found and found not in ("Etc/UTC", "UCT") else "UTC"


def _addresses() -> list[str]:
    """The addresses of this machine, as far as it tells."""
    try:
        told = subprocess.run(["hostname", "-I"], capture_output=True, text=True, timeout=2, check=False).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [address for address in told.split() if ":" not in address]
