"""Side effects of commands: no network, no other program, no file under the home directory."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.audit import every_command
from etsyml_cli.cli.main import COMMANDS

# Runs lines of arguments in one process and prints what Python tells audit hooks. `demo` starts commands of etsyml:
# they run in this process too.
PROGRAM = """
import contextlib, io, json, subprocess, sys
from etsyml_cli.cli.main import run

def start(line, **options):
    if line[1:3] != ["-m", "etsyml_cli"]:
        return start_other(line, **options)
    code, text = ended(line[3:])
    return subprocess.CompletedProcess(line, code, text)

def ended(line):
    started.append(" ".join(line))
    kept = io.StringIO()
    with contextlib.redirect_stdout(kept):
        code = run(line)
    print("ended:", code, *line, file=sys.__stdout__, flush=True)
    return code, kept.getvalue()

def hook(event, arguments):
    if event in EVENTS and started:
        print("event:", started[-1], event, arguments[:2], file=sys.__stdout__, flush=True)

EVENTS = {
    *("socket.__new__", "socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"),
    *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"),
}
started = []
sys.addaudithook(hook)
start_other, subprocess.run = subprocess.run, start
for line in json.load(sys.stdin):
    ended(line)
"""


def may_trace() -> bool:
    strace = shutil.which("strace")
    return strace is not None and not subprocess.run([strace, "true"], capture_output=True, check=False).returncode


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("audit")
    (place / "home").mkdir()
    return place


@pytest.fixture(scope="module")
def log(place: Path) -> list[str]:
    """What was seen while every command ran, and how each ended."""
    calls = place / "strace.log"
    strace = ["strace", "-f", "-qq", "--seccomp-bpf", "-e", "trace=socket,execve", "-o", str(calls)]
    done = subprocess.run(
        [*(strace if may_trace() else []), sys.executable, "-c", PROGRAM],
        input=json.dumps(every_command(place)),
        env={**os.environ, "HOME": str(place / "home"), "XDG_CACHE_HOME": "", "XDG_CONFIG_HOME": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    seen = done.stdout.splitlines()
    assert not [line for line in seen if re.match("ended: [^06]", line)], done.stderr  # 6: too little data for `demo`
    return seen + (calls.read_text().splitlines()[1:] if calls.exists() else [])  # the first starts Python


def seen_in(log: list[str]) -> list[str]:
    return [line for line in log if not line.startswith("ended:")]


def test_every_command_is_run(log: list[str]) -> None:
    lines = [line.split() for line in log if line.startswith("ended:")]
    run = {words[4] if words[2] == "--workspace" else words[2] for words in lines}
    assert run == set(COMMANDS)


def test_no_command_opens_a_socket_that_leaves_the_machine(log: list[str]) -> None:
    assert [event for event in seen_in(log) if "socket" in event and "AF_UNIX" not in event] == []


def test_no_command_starts_another_program(log: list[str]) -> None:
    started = [event for event in seen_in(log) if re.search("Popen|os\\.|execve", event)]
    assert [event for event in started if "fc-list" not in event] == []  # matplotlib lists the fonts once


def test_only_matplotlib_writes_under_the_home_directory(log: list[str], place: Path) -> None:
    written = [path.relative_to(place / "home") for path in (place / "home").rglob("*") if path.is_file()]
    assert [path for path in written if path.parts[:2] != (".cache", "matplotlib")] == []
