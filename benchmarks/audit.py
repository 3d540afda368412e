"""Run every command under strace on a small marketplace and list its sockets, programs, and files written elsewhere.

Elsewhere is any path outside the marketplace's directory. HOME is an empty directory in it, so that files that a
command writes there are listed as `~/...`. Sockets of the family AF_UNIX, which stay on the machine, are ignored.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import etsyml

DRAWN = ("--listings", "60", "--users", "60", "--set", "impressions=3000")

FILES = {
    "bids.jsonl": '{"auction_id": "A1", "listing_id": "L1", "bid": 0.5, "ctr": 0.02}\n',
    "run.trec": "Q1 Q0 L1 1 0.5 text\n",
    "qrels.txt": "Q1 0 L1 1\n",
}

CALLS = "socket,execve,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat"
STRACE = ("strace", "-f", "-qq", "--seccomp-bpf", "-s", "4096", "-e", f"trace={CALLS}")
SYSTEM_CALL = re.compile(r"^\d+ +(?P<name>\w+)\((?P<arguments>.*?)(?:\) += (?P<result>.*)| <unfinished \.\.\.>)$")
WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT")
QUOTED = re.compile(r'"([^"]*)"')


def main() -> None:
    if shutil.which("strace") is None:
        sys.exit("strace is not installed")
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        (place / "home").mkdir()
        for command in every_command(place):
            print(f"$ etsyml {' '.join(command).replace(f'{place}/', '')}")
            for line in dict.fromkeys(trace(command, place)):
                print(f"  {line}")


def every_command(place: Path) -> list[list[str]]:
    """Command lines that run every command at least once (`demo` runs some), in this order, in `place`."""
    for name, text in FILES.items():
        (place / name).write_text(text)
    shop, work, run = place / "shop", place / "work", str(place / "run.trec")
    tables = {"listings": "csv", "searches": "tsv.gz", "favorites": "jsonl", "impressions": "csv.gz"}
    in_work = [
        *(["ingest", table, f"{shop}/{table}.{ending}"] for table, ending in tables.items()),
        ["extract-images"],
        *(["train", model] for model in ("ltr", "lda", "ctr")),
        ["rank", "--query", "scarf"],
        ["compare", run, run, "--qrels", str(place / "qrels.txt")],
        *(["index", what] for what in ("ltr", "similar")),
        ["similar", "--listing", "L1"],
        ["recommend", "--user", "U1"],
        ["styles"],
        ["score", f"{work}/tables/impressions.parquet"],
        ["weights"],
        ["auction", str(place / "bids.jsonl")],
        ["inspect", str(work)],
        ["doctor"],
        ["demo", "--data", str(shop)],  # evaluates and reports; its other stages are up to date
    ]
    return [
        ["sample-data", "--out", str(shop), *DRAWN],
        *(["--workspace", str(work), *command] for command in in_work),
        ["config", "show", "ltr"],
    ]


def trace(command: list[str], place: Path) -> Iterator[str]:
    """The actions of a command outside `place`, as lines of text."""
    log = place / "strace.log"
    line = [*STRACE, "-o", str(log), *etsyml(*command)]
    environment = {**os.environ, "HOME": str(place / "home")}
    done = subprocess.run(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
    yield f"exit {done.returncode}"
    for text in log.read_text(errors="replace").splitlines()[1:]:  # the first starts the command itself
        call = SYSTEM_CALL.match(text)
        if call and not (call["result"] or "").startswith("-1"):
            yield from _seen(call["name"], call["arguments"], place)


def _seen(name: str, arguments: str, place: Path) -> Iterator[str]:
    paths = QUOTED.findall(arguments)
    if name == "socket":
        if not arguments.startswith("AF_UNIX"):
            yield f"socket {arguments}"
    elif name == "execve":
        program, command = paths[0], paths[1:]
        yield f"starts {program} {' '.join(command[1:4])}"
    elif not name.startswith("open") or WRITES.search(arguments):
        yield from (f"writes {_short(path, place)}" for path in paths if _is_elsewhere(path, place))


def _is_elsewhere(path: str, place: Path) -> bool:
    inside = Path(path).is_relative_to(place) and not Path(path).is_relative_to(place / "home")
    return path.startswith("/") and not inside and not path.startswith("/dev/")


def _short(path: str, place: Path) -> str:
    """The path with ~ for the home directory; a directory instead of the many files of a cache."""
    short = path.replace(str(place / "home"), "~")
    cache = re.match(r".*/__pycache__/", short)
    return cache[0] if cache else short


if __name__ == "__main__":
    main()
