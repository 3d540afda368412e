"""Columns with more text than Arrow's 32-bit offsets can address (2 GiB), in the commands that read them.

Each row repeats one of a few long texts, so the files are small; a command reads gigabytes and needs as much memory.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from benchmarks.measure import cost_of, etsyml
from etsyml_cli.io.artifact import Plan
from etsyml_cli.io.schema import arrow_schema, table_schema
from etsyml_cli.io.tables import parquet_writer, seal, table_draft

ROWS = 220_000
WORDS = ("wool", "silk", "linen", "paper", "glass", "oak", "clay", "gold", "jute", "felt")
TEXTS = ["." * 10_000 + word for word in WORDS]  # 2.2 GB in ROWS rows
PATH = "./" * 5000 + "photo.png"
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        write(place, "listings", short_listings(), name="short")
        write(place, "searches", searches())
        write(place, "impressions", impressions())
        write(place, "listings", {**long_listings(), "shop_id": [TEXTS[row % 10] for row in range(ROWS)]}, name="shops")
        Image.new("RGB", (8, 8)).save(place / "photo.png")
        write(place, "listings", {**long_listings(), "images": [[PATH]] * ROWS}, name="photos")
        tables = {
            name: str(place / f"{name}.parquet") for name in ("short", "searches", "impressions", "shops", "photos")
        }
        report(
            "train ltr, queries", place, "train", "ltr", "--listings", tables["short"], "--searches", tables["searches"]
        )
        report(
            "train ctr, shops",
            place,
            "train",
            "ctr",
            "--listings",
            tables["shops"],
            "--impressions",
            tables["impressions"],
        )
        tiny = ("--backbone", "tiny", "--set", "engine=torch")
        report("extract-images, paths", place, "extract-images", "--listings", tables["photos"], *tiny)


def report(name: str, place: Path, *command: str) -> None:
    cost = cost_of(etsyml("--workspace", str(place / "work"), *command))
    print(f"{name:<24}{cost.cpu_s:>8.1f} CPU s{cost.peak_mb:>9.0f} MB")


def short_listings() -> dict[str, list[object]]:
    return {"listing_id": list(WORDS), "title": [f"{word} scarf" for word in WORDS]}


def long_listings() -> dict[str, list[object]]:
    return {"listing_id": [f"L{row}" for row in range(ROWS)], "title": ["scarf"] * ROWS}


def searches() -> dict[str, list[object]]:
    """Pages with every listing; one listing that contains a word of the query is clicked."""
    pages = [row // 10 for row in range(ROWS)]
    places = [row % 10 for row in range(ROWS)]
    return {
        "search_id": [f"S{page}" for page in pages],
        "query": [TEXTS[page % 10] for page in pages],
        "listing_id": [WORDS[(page // 10 + n) % 10] for page, n in zip(pages, places, strict=True)],
        "position": [n + 1 for n in places],
        "event": [
            "click" if (page // 10 + n) % 10 == page % 10 else "impression"
            for page, n in zip(pages, places, strict=True)
        ],
        "created_at": [BEGINNING + timedelta(minutes=page) for page in pages],
    }


def impressions() -> dict[str, list[object]]:
    clicked = np.random.default_rng(0).random(5000) < 0.1
    return {
        "impression_id": [f"I{row}" for row in range(5000)],
        "listing_id": [f"L{row % 200}" for row in range(5000)],
        "clicked": clicked.astype(int).tolist(),
        "created_at": [BEGINNING + timedelta(minutes=10 * row) for row in range(5000)],
    }


def write(place: Path, table: str, columns: dict[str, list[object]], name: str | None = None) -> None:
    schema = arrow_schema(table_schema(table), list(columns))
    with table_draft(place / f"{name or table}.parquet", Plan(kind=f"table:{table}")) as draft:
        draft.facts["image_root"] = "."
        writer = parquet_writer(draft.table, schema)
        n_rows = len(next(iter(columns.values())))
        for start in range(0, n_rows, 5000):
            part = {name: values[start : start + 5000] for name, values in columns.items()}
            writer.write_table(pa.Table.from_pydict(part, schema=schema))
        seal(writer, draft)


if __name__ == "__main__":
    main()
