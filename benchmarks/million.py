"""`rank --query` in a new process over a million listings, with the index, compared with a catalog of a hundred.

`python -m benchmarks million` needs the market data next to the checkout; it ingests and indexes for minutes.
"""

from __future__ import annotations

import csv
import random
import subprocess
import tempfile
from pathlib import Path

from benchmarks.measure import cost_of, etsyml, median_cost, require
from benchmarks.search import MARKET

LISTINGS = 1_000_000
QUERIES = ("watch", "black shirt", "women casual shoe", "men", "zzz")


def main() -> None:
    require(MARKET)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        learn(root)
        catalog(root / "many.csv", LISTINGS)
        catalog(root / "few.csv", 100)
        for name in ("many", "few"):
            cost_of(etsyml("-w", str(root / name), "ingest", "listings", str(root / f"{name}.csv")))
            index = cost_of(command(root, name, "index", "ltr"))
            print(f"index ltr, {name}: {index.cpu_s:.1f} CPU-s, peak {index.peak_mb:,.0f} MB")
        print("rank --query: CPU-s with a million listings, with 100, difference; peak MB; matches")
        for query in QUERIES:
            many, few = (median_cost(command(root, name, "rank", "--query", query)) for name in ("many", "few"))
            print(
                f"  {query:20}{many.cpu_s:7.2f}{few.cpu_s:7.2f}{many.cpu_s - few.cpu_s:7.2f}{many.peak_mb:8,.0f}"
                f"{matching(root, query):>12,}"
            )


def learn(root: Path) -> None:
    """Train the market's own ranker, with photos."""
    for arguments in (
        ["ingest", "listings", str(MARKET / "listings.csv"), "--image-root", str(MARKET)],
        ["ingest", "searches", str(MARKET / "searches.csv.gz")],
        ["extract-images"],
        ["train", "ltr", "--set", "controls=0", "--set", "l2=[1e-3]"],
    ):
        subprocess.run(etsyml("-w", str(root / "market"), *arguments), check=True, capture_output=True)


def catalog(path: Path, n_listings: int) -> None:
    """Listings with words of the market: the title of one, the tags of another and a unique number."""
    with (MARKET / "listings.csv").open(newline="", encoding="utf-8") as file:
        known = list(csv.DictReader(file))
    rng = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["listing_id", "title", "tags"])
        for number in range(n_listings):
            named, tagged = rng.choice(known), rng.choice(known)
            listing_id = known[number]["listing_id"] if number < len(known) else f"N{number}"
            rows.writerow([listing_id, f"{named['title']} no{number}", tagged["tags"]])


def command(root: Path, name: str, *arguments: str) -> list[str]:
    market = root / "market"
    places = ["--model", str(market / "models/ltr")]
    places += ["--images", str(next((market / "features/images").iterdir()))]
    return etsyml("-w", str(root / name), *arguments, *places)


def matching(root: Path, query: str) -> int:
    from etsyml_cli.search.index import load_index
    from etsyml_cli.search.store import load_model

    ranker = load_model(root / "market/models/ltr")
    index = load_index(root / "many/indexes/ltr", ranker)
    return len(index.postings.matching(ranker.state.words.tokenize(query))[0])
