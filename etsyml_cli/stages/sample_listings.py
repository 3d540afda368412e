"""Write the listings of a sample marketplace, their photos and what they truly are."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa

from etsyml_cli.core.log import progress
from etsyml_cli.core.rng import generator
from etsyml_cli.io.truth import SCHEMAS, truth_writer
from etsyml_cli.sample.photos import Look, draw_photo
from etsyml_cli.sample.rows import cells, ids, times
from etsyml_cli.sample.texts import write_texts
from etsyml_cli.sample.words import COLOURS, MATERIALS, THINGS
from etsyml_cli.sample.world import NOTHING, World

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


def write_listings(world: World, folder: Path) -> int:
    """`listings.csv` with tags separated by `|`, and the truth about listings and styles; returns the rows."""
    listings = world.listings
    columns = zip(
        ids("L", np.arange(len(listings.thing))).to_pylist(),
        ids("S", listings.shop).to_pylist(),
        ids("U", world.shop_owner[listings.shop]).to_pylist(),
        write_texts(world),
        cells(listings.price).to_pylist(),
        cells(listings.quantity).to_pylist(),
        times(listings.born).to_pylist(),
        strict=True,
    )
    with (folder / "listings.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for listing, shop, owner, text, price, quantity, born in columns:
            said = (text.title, "|".join(text.tags), text.description)
            writer.writerow((listing, shop, owner, *said, price, "USD", quantity, born, _image(listing)))
    _write_truth(world, folder)
    return len(listings.thing)


def write_photos(world: World, folder: Path) -> None:
    """One JPEG a listing under `images/`, each with a generator of its own."""
    (folder / "images").mkdir()
    listings = world.listings
    surfaces, colours = list(MATERIALS.values()), list(COLOURS.values())
    with progress("photos", len(listings.thing)) as advance:
        for i, listing in enumerate(ids("L", np.arange(len(listings.thing))).to_pylist()):
            look = Look(
                thing=THINGS[listings.thing[i]].name,
                colour=colours[listings.colour[i]],
                surface=surfaces[listings.material[i]],
                style=int(listings.style[i]),
                quality=float(listings.quality[i]),
            )
            photo = draw_photo(look, generator(world.seed, "photo", i))
            photo.save(folder / _image(listing), quality=JPEG_QUALITY)
            advance(1)


def _image(listing: str) -> str:
    return f"images/{listing}.jpg"


def _write_truth(world: World, folder: Path) -> None:
    listings = world.listings
    listing_id = ids("L", np.arange(len(listings.thing)))
    columns = {
        "listing_id": listing_id,
        "thing": pa.array([thing.name for thing in THINGS]).take(pa.array(listings.thing)),
        "colour": pa.array(list(COLOURS)).take(pa.array(listings.colour)),
        "material": pa.array(list(MATERIALS)).take(pa.array(listings.material)),
        "style": listings.style,
        "quality": listings.quality,
        "title_hides": listings.hides,
        "tags_lie": (listings.tagged != NOTHING) & (listings.tagged != listings.thing),
    }
    with truth_writer(folder, "listings") as writer:
        writer.write_table(pa.table(columns).cast(SCHEMAS["listings"]))
    with truth_writer(folder, "styles") as writer:
        columns = {"listing_id": listing_id, "probabilities": list(world.beta.T.astype(np.float32))}
        writer.write_table(pa.table(columns, SCHEMAS["styles"]))
