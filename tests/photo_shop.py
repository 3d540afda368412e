"""A small shop with photos, and `extract-images` on it by the tiny network in torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from etsyml_cli.io.artifact import RUN, Plan
from etsyml_cli.io.schema import arrow_schema, table_schema
from etsyml_cli.io.summary import Summary
from etsyml_cli.io.tables import parquet_writer, seal, table_draft
from etsyml_cli.photos import extract as stage
from etsyml_cli.photos.config import ImagesConfig
from etsyml_cli.photos.extract import extract_images


def tiny(**settings: Any) -> ImagesConfig:
    return ImagesConfig(**{"backbone": "tiny", "engine": "torch", "batch_size": 4} | settings)


TINY = tiny()

Images = dict[str, str | list[str] | None]


def write_listings(target: Path, images: Images, image_root: str | None = "photos") -> Path:
    """A listings table; a list of photos goes into the column `images`."""
    schema = arrow_schema(table_schema("listings"), ["listing_id", "title", "image", "images"])
    rows = [
        {"listing_id": name, "title": name, "images" if isinstance(image, list) else "image": image}
        for name, image in images.items()
    ]
    with table_draft(target, Plan(kind="table:listings")) as draft:
        if image_root is not None:
            draft.facts["image_root"] = image_root
        writer = parquet_writer(draft.table, schema)
        writer.write_table(pa.Table.from_pylist(rows, schema=schema))
        seal(writer, draft)
    return target


def write_photo(path: Path, seed: int) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((40, 40)).save(path)


def extract(shop: Path, out: str = "features", config: ImagesConfig = TINY, **options: Any) -> Summary:
    return extract_images(listings=shop / "listings.parquet", out=shop / out, config=config, **{"seed": 0, **options})


def rejects_of(out: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (out / "rejects.jsonl").read_text().splitlines()]


def files_of(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir() if path.name != RUN}


def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The photos that go through the network from now on."""
    seen: list[str] = []
    read = stage.read_photos
    monkeypatch.setattr(
        stage, "read_photos", lambda root, images, *rest: (seen.extend(images), read(root, images, *rest))[1]
    )
    return seen
