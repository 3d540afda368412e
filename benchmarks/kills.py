"""Kill `extract-images` with SIGKILL at random moments until it is done: its bytes must equal those of an unbroken run.

`python -m benchmarks.kills [LISTINGS.csv [KILLS]]`, by default over the sample marketplace. A run that finishes between
two kills is compared and started again.
"""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.measure import etsyml

LONGEST_LIFE_S = 9.0  # some runs end while Python starts, some after hundreds of photos


def main(listings: str | None = None, kills: str = "200") -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if listings is None:
            drawn = ("--listings", "2000", "--users", "1", "--set", "favorites_per_user=1")
            subprocess.run(etsyml("sample-data", "-q", "--out", str(folder / "shop"), *drawn), check=True)
            listings = str(folder / "shop/listings.csv")
        tables = folder / "listings.parquet"
        subprocess.run(etsyml("ingest", "-q", "listings", listings, "--out", str(tables)), check=True)
        survive(tables, folder, int(kills))


def survive(listings: Path, folder: Path, kills: int) -> None:
    command = etsyml("extract-images", "--listings", str(listings), "--out")
    began = time.monotonic()
    subprocess.run([*command, str(folder / "unbroken")], check=True, stderr=subprocess.DEVNULL)
    unbroken = bytes_of(folder / "unbroken")
    print(f"unbroken run: {time.monotonic() - began:.0f} s, {len(unbroken)} files")
    ends = killed = 0
    for was_killed in lives([*command, str(folder / "broken")]):
        killed += was_killed
        if not was_killed:
            ends += 1
            if bytes_of(folder / "broken") != unbroken:
                sys.exit(f"after {killed} kills the bytes differ")
            if killed >= kills:
                break
            shutil.rmtree(folder / "broken")
    print(f"{killed} kills over {ends} runs: all bytes equal those of the unbroken run")
    strays = sorted(path.name for path in folder.glob(".*") if path.suffix != ".lock")
    if strays:
        sys.exit(f"left behind: {', '.join(strays)}")


def lives(command: list[str]) -> Iterator[bool]:
    """Run the command again and again, each time for a random time; yield whether it had to be killed."""
    draw = random.Random(0)
    while True:
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        try:
            _, output = process.communicate(timeout=draw.uniform(0, LONGEST_LIFE_S))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            yield True
            continue
        if process.returncode:
            sys.exit(f"exit {process.returncode}: {output.decode()}")
        yield False


def bytes_of(made: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in made.iterdir() if path.name != "run.json"}


if __name__ == "__main__":
    main(*sys.argv[1:])
