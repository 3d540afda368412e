"""Directories of photos for the benchmarks: real, enlarged and small ones; and a workspace with them."""

from __future__ import annotations

import csv
import subprocess
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.measure import etsyml

REPOSITORY = Path(__file__).parents[1]
CLOTHING = REPOSITORY.parent / "shared/data/clothing"


def real_photos() -> Path:
    """The clothing data set if it is next to the checkout, else the drawn photos of the sample data."""
    clothing = CLOTHING / "images"
    return clothing if clothing.is_dir() else REPOSITORY / "sample_data/images"


def enlarged(folder: Path, out: Path, longer_side: int) -> Path:
    """The same photos in the resolution of a camera, as JPEG files."""
    out.mkdir()
    for path in folder.iterdir():
        with Image.open(path) as photo:
            scale = longer_side / max(photo.size)
            size = (round(photo.width * scale), round(photo.height * scale))
            photo.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(out / f"{path.stem}.jpg", quality=90)
    return out


def small_photos(n: int, out: Path) -> Path:
    """Different photos of 64 x 64 noise."""
    out.mkdir()
    for number in range(n):
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(out / f"{number}.jpg")
    return out


def workspace_of(folder: Path, workspace: Path) -> Path:
    """A workspace whose listings table has one listing per photo, in the order of the files' names."""
    workspace.mkdir()
    listings = workspace / "listings.csv"
    with listings.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["listing_id", "title", "image"])
        rows.writerows([path.stem, path.stem, path.name] for path in sorted(folder.iterdir()))
    command = etsyml("ingest", "listings", str(listings), "--image-root", str(folder), "-w", str(workspace))
    subprocess.run(command, check=True, capture_output=True)
    return workspace
