"""Label agreement of the 5 nearest photos, by their features, in the clothing data set.

`python -m benchmarks neighbors`; `python -m benchmarks.neighbors SHEET.png` draws some photos with their nearest.
"""

from __future__ import annotations

import csv
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from benchmarks.measure import etsyml, require
from benchmarks.photo_folders import CLOTHING, workspace_of
from etsyml_cli.photos.store import read_image_features

NEAREST = 5
NO_LABEL = {"Not sure", "Skip", "Other"}
ROWS_OF_SHEET = 12
SIDE = 150  # pixels of a photo on the sheet


def main(sheet: Path | None = None) -> None:
    require(CLOTHING)
    with (CLOTHING / "images.csv").open(newline="", encoding="utf-8") as file:
        known = {row["image"]: row for row in csv.DictReader(file) if row["label"] not in NO_LABEL}
    names, closeness = closeness_of(known)
    label, sender = (np.array([known[name][column] for name in names]) for column in ("label", "sender_id"))
    same_label = label[:, None] == label
    others = ~np.eye(len(names), dtype=bool)
    other_senders = sender[:, None] != sender
    print(f"{len(names)} photos with {len(set(label))} labels: share of the {NEAREST} nearest with the same label")
    for candidates, allowed in {"all other photos": others, "photos by other senders": other_senders}.items():
        share = np.take_along_axis(same_label, nearest(closeness, allowed), axis=1).mean()
        chance = ((same_label & allowed).sum(axis=1) / allowed.sum(axis=1)).mean()
        print(f"  of {candidates:<24}{share:.3f}, by chance {chance:.3f}")
    if sheet is not None:
        draw(sheet, names, label, nearest(closeness, other_senders))


def closeness_of(known: dict[str, dict[str, str]]) -> tuple[list[str], np.ndarray]:
    """The names of the N labeled photos, and the cosine (N, N) of their features."""
    with tempfile.TemporaryDirectory() as scratch:
        workspace = workspace_of(CLOTHING / "images", Path(scratch) / "work")
        features = workspace / "features"
        options = ["--set", "normalize=true", "--out", str(features)]
        subprocess.run(etsyml("extract-images", "-w", str(workspace), *options), check=True, capture_output=True)
        found = read_image_features(features)
        rows = [row for row, name in enumerate(found.ids) if name in known]
        unit = found.matrix[rows]
    return [found.ids[row] for row in rows], unit @ unit.T


def nearest(closeness: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """The NEAREST columns of each row, the closest first, among the allowed ones; all (N, N)."""
    return np.argsort(-np.where(allowed, closeness, -np.inf), axis=1)[:, :NEAREST]


def draw(sheet: Path, names: list[str], label: np.ndarray, nearest_of: np.ndarray) -> None:
    """Draw evenly spaced photos, each with its nearest to its right; different labels are red."""
    queries = np.linspace(0, len(names) - 1, ROWS_OF_SHEET).astype(int)
    picture = Image.new("RGB", ((NEAREST + 1) * SIDE, len(queries) * SIDE), "white")
    pen = ImageDraw.Draw(picture)
    for y, query in enumerate(queries):
        for x, number in enumerate([query, *nearest_of[query]]):
            with Image.open(CLOTHING / "images" / f"{names[number]}.jpg") as photo:
                picture.paste(ImageOps.contain(photo, (SIDE - 4, SIDE - 4)), (x * SIDE, y * SIDE))
            color = "black" if label[number] == label[query] else "red"
            pen.text((x * SIDE + 4, y * SIDE + 4), label[number], color, stroke_width=2, stroke_fill="white")
    picture.save(sheet)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else None)
