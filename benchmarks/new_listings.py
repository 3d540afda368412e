"""Recall of favorites by users' lists of new listings: a tenth of the market's listings is made new.

`python -m benchmarks new_listings` needs the market data next to the checkout; it extracts 6,000 photos, for minutes.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import tempfile
from pathlib import Path

import mmh3
import numpy as np

from benchmarks.measure import etsyml, require
from benchmarks.search import MARKET

K = 20


def main() -> None:
    require(MARKET)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        favorites_of = divide(root)
        for arguments in (
            ["ingest", "listings", str(MARKET / "listings.csv"), "--image-root", str(MARKET)],
            ["ingest", "favorites", str(root / "known.csv")],
            ["extract-images"],
            ["train", "lda", "--holdout", "none"],
        ):
            run(root, *arguments)
        print(f"new listings, recall@{K} over {len(favorites_of):,} users with favorites among them:")
        for name, folder in (("words and photos", "work"), ("words", "words")):
            lists = lists_of(root, folder)
            print(f"  {name:18}{recall(lists, favorites_of):.4f}")
        print(f"  {'at random':18}{K / len(new_ids(root)):.4f}")


def divide(root: Path) -> dict[str, set[str]]:
    """Write the favorites of the known listings, and return those of the new ones, by user."""
    favorites_of: dict[str, set[str]] = {}
    with gzip.open(MARKET / "favorites.csv.gz", "rt") as file, (root / "known.csv").open("w") as known:
        header = file.readline()
        known.write(header)
        user, listing = (header.strip().split(",").index(name) for name in ("user_id", "listing_id"))
        for line in file:
            cells = line.strip().split(",")
            if is_new(cells[listing]):
                favorites_of.setdefault(cells[user], set()).add(cells[listing])
            else:
                known.write(line)
    return favorites_of


def is_new(listing_id: str) -> bool:
    return mmh3.hash(listing_id, signed=False) % 10 == 0


def new_ids(root: Path) -> set[str]:
    """Every listing that a list may contain."""
    return {item["id"] for items in lists_of(root, "work", k=100_000).values() for item in items}


def lists_of(root: Path, folder: str, k: int = K) -> dict[str, list[dict]]:
    """The lists of all users, with the photo features of the workspace, if it has any."""
    out = root / f"{folder}-{k}.jsonl"
    places = ["--model", str(root / "work/models/lda"), "--listings", str(root / "work/tables/listings.parquet")]
    command = ["recommend", "--users", "all", "--new-listings", "-k", str(k), "--out", str(out), "--force", *places]
    subprocess.run(etsyml("-w", str(root / folder), *command), check=True, capture_output=True)
    lists = map(json.loads, out.read_text().splitlines())
    return {one["user_id"]: one["items"] for one in lists}


def recall(lists: dict[str, list[dict]], favorites_of: dict[str, set[str]]) -> float:
    shares = [
        len(own & {item["id"] for item in lists[user]}) / len(own)
        for user, own in favorites_of.items()
        if user in lists
    ]
    return float(np.mean(shares))


def run(root: Path, *arguments: str) -> None:
    subprocess.run(etsyml("-w", str(root / "work"), *arguments), check=True, capture_output=True)
