"""Listings as shown in the report: photo, title and price."""

from __future__ import annotations

import msgspec

from etsyml_cli.io.tables import read_table
from etsyml_cli.io.workspace import Workspace
from etsyml_cli.report.missing import Missing
from etsyml_cli.report.thumbnails import Photo

NO_PHOTOS = Missing("the listings have no photos", "etsyml ingest listings FILE --map image=COLUMN")
PHOTO_COLUMNS = ["image", "images"]
COLUMNS = ["listing_id", "title", "price", "currency", *PHOTO_COLUMNS]


class Card(msgspec.Struct, kw_only=True):
    """A listing; values that are not in the listings table are None."""

    id: str
    title: str | None
    price: float | None
    currency: str | None
    photo: Photo


class Cards:
    """Look up single listings in the listings table of a workspace; without a table, cards have only ids."""

    def __init__(self, place: Workspace) -> None:
        listings = place.table_if_exists("listings")
        self._table = None if listings is None else read_table(listings, "listings", COLUMNS)
        ids = [] if self._table is None else self._table["listing_id"].to_pylist()
        self._row_of = {listing_id: row for row, listing_id in enumerate(ids)}

    @property
    def have_photos(self) -> bool:
        """Whether any listing has a photo."""
        return self._table is not None and any(
            self._table[name].null_count < len(self._row_of) for name in PHOTO_COLUMNS
        )

    def __contains__(self, listing_id: str) -> bool:
        return listing_id in self._row_of

    def __call__(self, listing_id: str, title: str | None = None) -> Card:
        """The card of a listing; `title` is used if the table has no title for it."""
        if self._table is None or listing_id not in self:
            return Card(id=listing_id, title=title, price=None, currency=None, photo=Photo(listing_id, None))
        [row] = self._table.slice(self._row_of[listing_id], 1).to_pylist()
        image = next(filter(None, [row["image"], *(row["images"] or [])]), None)
        return Card(
            id=listing_id,
            title=row["title"] or title,
            price=row["price"],
            currency=row["currency"],
            photo=Photo(listing_id, image),
        )
