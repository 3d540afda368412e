"""Lists of similar listings with the index and exact ones: recall@10, CPU seconds, memory.

`python -m benchmarks similar` needs the market data next to the checkout; it extracts 6,000 photos and writes 200,000
listings made of their words and photos; it takes minutes and 2 GB of disk.
"""

from __future__ import annotations

import csv
import itertools
import json
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.measure import cost_of, etsyml, require
from benchmarks.search import MARKET
from etsyml_cli.io.artifact import Plan, artifact
from etsyml_cli.io.model import save_ids
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.photos.store import FEATURES, IDS, KIND, ImageFeatures, read_image_features, write_matrix

MADE = 200_000
ROWS_AT_ONCE = 4096
NOISE = 0.5  # of each feature's standard deviation
FEW, MANY = 10, 2010
VARIANTS = ("text", "image", "multimodal")


def main() -> None:
    require(MARKET)
    with tempfile.TemporaryDirectory() as scratch:
        market, large = (Workspace(Path(scratch) / name) for name in ("market", "large"))
        for line in (
            ("ingest", "listings", str(MARKET / "listings.csv"), "--image-root", str(MARKET)),
            ("extract-images",),
        ):
            _run(market, *line)
        (images,) = market.all_images()
        make_large(large, read_image_features(images))
        for workspace in (market, large):
            compare(workspace)


def make_large(workspace: Workspace, photos: ImageFeatures) -> None:
    """MADE listings: titles of words drawn from all market titles, photos of the market with noise."""
    rng = np.random.default_rng(0)
    with (MARKET / "listings.csv").open(newline="", encoding="utf-8") as file:
        words = np.array([word for row in csv.DictReader(file) for word in row["title"].split()])
    ids = [f"X{row}" for row in range(MADE)]
    workspace.root.mkdir()
    logged = workspace.root / "listings.csv"
    with logged.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["listing_id", "title"])
        writer.writerows([name, " ".join(words[rng.integers(len(words), size=rng.integers(5, 12))])] for name in ids)
    _run(workspace, "ingest", "listings", str(logged))
    spread = NOISE * photos.matrix.std(axis=0)
    width = photos.matrix.shape[1]

    def blocks() -> Iterator[np.ndarray]:
        for start in range(0, MADE, ROWS_AT_ONCE):
            n = min(ROWS_AT_ONCE, MADE - start)
            chosen = photos.matrix[rng.integers(len(photos.ids), size=n)]
            yield chosen + spread * rng.standard_normal((n, width), np.float32)

    with artifact(workspace.images(photos.facts["backbone"]), Plan(kind=KIND)) as draft:
        write_matrix(draft.path / FEATURES, blocks(), (MADE, width), "<f4")
        save_ids(draft.path, IDS, ids)
        draft.facts = photos.facts


def compare(workspace: Workspace) -> None:
    built = cost_of(etsyml("-w", str(workspace.root), "index", "similar"))
    size = sum(file.stat().st_size for file in workspace.index("similar").iterdir()) / 1e6
    name, memory = workspace.root.name, f"{built.peak_mb:,.0f} MB peak"
    print(f"{name}: index in {built.cpu_s:.1f} CPU-s, {memory}, {size:.0f} MB on disk")
    ids = json.loads((workspace.all_images()[0] / f"{IDS}.json").read_text())
    asked = np.random.default_rng(1).permutation(ids)[:MANY].tolist()
    print(
        f"  {'variant':<12}{'recall@10':>10}{'index':>10}{'exact':>10} CPU-ms per list{'index':>8}{'exact':>8} MB peak"
    )
    for variant in VARIANTS:
        lists, ms, peaks = [], [], []
        for options in ([], ["--exact"]):
            out = workspace.root / f"{variant}{''.join(options)}.jsonl"

            def line(n: int, options: list[str] = options, out: Path = out, variant: str = variant) -> list[str]:
                named = itertools.chain.from_iterable(("--listing", name) for name in asked[:n])
                where = ["--variant", variant, "--out", str(out), "--force"]
                return etsyml("-w", str(workspace.root), "similar", *named, *where, *options)

            few, many = cost_of(line(FEW)), cost_of(line(MANY))
            lists.append([{item["id"] for item in json.loads(one)["items"]} for one in out.open()])
            ms.append(1000 * (many.cpu_s - few.cpu_s) / (MANY - FEW))
            peaks.append(many.peak_mb)
        recall = np.mean([len(one & other) / len(other) for one, other in zip(*lists, strict=True)])
        print(
            f"  {variant:<12}{recall:>10.3f}{ms[0]:>10.2f}{ms[1]:>10.2f}{peaks[0]:>22,.0f}{peaks[1]:>8,.0f}", flush=True
        )


def _run(workspace: Workspace, *command: str) -> None:
    subprocess.run(etsyml("-w", str(workspace.root), *command), check=True, capture_output=True)


if __name__ == "__main__":
    main()
