"""Write the listings of a synthetic marketplace, their photos and their ground truth."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from etsyml_cli.core.log import progress
from etsyml_cli.core.rng import generator
from etsyml_cli.io.truth import SCHEMAS, truth_writer
from etsyml_cli.sample.photos import Look, draw_photo
from etsyml_cli.sample.rows import cells, ids, times, vectors
from etsyml_cli.sample.texts import write_texts
from etsyml_cli.sample.words import COLORS, MATERIALS, THINGS
from etsyml_cli.sample.world import NO_VALUE, World

COLUMNS = (
    "listing_id",
    "shop_id",
    "owner_id",
    "title",
    "tags",
    "description",
    "price",
    "currency",
    "quantity",
    "created_at",
    "image",
)
JPEG_QUALITY = 80
PHOTOS_AT_ONCE = 256  # tasks queued for the threads


def write_listings(world: World, folder: Path) -> int:
    """Write `listings.csv` with tags separated by `|`, and the truth of listings and styles; return the row count."""
    with (folder / "listings.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(_rows(world))
    _write_truth(world, folder)
    return len(world.listings.thing)


def _rows(world: World) -> Iterator[tuple[str, ...]]:
    """The cells of each listing, in the order of COLUMNS."""
    listings = world.listings
    columns = (
        ids("L", np.arange(len(listings.thing))),
        ids("S", listings.shop),
        ids("U", world.shop_owner[listings.shop]),
        cells(listings.price),
        cells(listings.quantity),
        times(listings.created),
    )
    for text, *others in zip(write_texts(world), *columns, strict=True):
        listing, shop, owner, price, quantity, created = (cell.as_py() for cell in others)
        texts = (text.title, "|".join(text.tags), text.description)
        yield (listing, shop, owner, *texts, price, "USD", quantity, created, _image(listing))


def write_photos(world: World, folder: Path, *, threads: int | None = None) -> None:
    """Write one JPEG per listing to `images/`, each with its own random generator; uses all cores by default."""
    (folder / "images").mkdir()
    count = len(world.listings.thing)
    with progress("photos", count) as advance, ThreadPoolExecutor(threads) as pool:
        for first in range(0, count, PHOTOS_AT_ONCE):
            for _ in pool.map(partial(_write_photo, world, folder), range(first, min(first + PHOTOS_AT_ONCE, count))):
                advance(1)


def _write_photo(world: World, folder: Path, listing: int) -> None:
    listings = world.listings
    look = Look(
        thing=THINGS[listings.thing[listing]].name,
        color=list(COLORS.values())[listings.color[listing]],
        surface=list(MATERIALS.values())[listings.material[listing]],
        style=int(listings.style[listing]),
        quality=float(listings.quality[listing]),
    )
    (listing_id,) = ids("L", np.array([listing])).to_pylist()
    draw_photo(look, generator(world.seed, "photo", listing)).save(folder / _image(listing_id), quality=JPEG_QUALITY)


def _image(listing: str) -> str:
    return f"images/{listing}.jpg"


def _write_truth(world: World, folder: Path) -> None:
    listings = world.listings
    listing_id = ids("L", np.arange(len(listings.thing)))
    columns = {
        "listing_id": listing_id,
        "thing": pa.array([thing.name for thing in THINGS]).take(pa.array(listings.thing)),
        "colour": pa.array(list(COLORS)).take(pa.array(listings.color)),
        "material": pa.array(list(MATERIALS)).take(pa.array(listings.material)),
        "style": listings.style,
        "quality": listings.quality,
        "title_hides": listings.hides,
        "tags_lie": (listings.tagged != NO_VALUE) & (listings.tagged != listings.thing),
    }
    with truth_writer(folder, "listings") as writer:
        writer.write_table(pa.table(columns).cast(SCHEMAS["listings"]))
    with truth_writer(folder, "styles") as writer:
        columns = {"listing_id": listing_id, "probabilities": vectors(world.beta.T)}
        writer.write_table(pa.table(columns, SCHEMAS["styles"]))
