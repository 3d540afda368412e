"""Listings most like a listing, by their words (the talk's control) and by words and photo (its variant)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from etsyml_cli.core.errors import InputError, UsageError, did_you_mean
from etsyml_cli.core.log import progress
from etsyml_cli.features.similar import Photos, Vectors, Words, nearest
from etsyml_cli.features.terms import build_terms, term_rows, terms_of
from etsyml_cli.io.features import ImageFeatures, read_image_features
from etsyml_cli.io.tables import read_table
from etsyml_cli.metrics.ranking import byte_order
from etsyml_cli.models.ltr.blocks import unit_rows
from etsyml_cli.stages.ltr_inputs import Ints, Listings, read_listings

VARIANTS = {"text": ("text",), "image": ("image",), "multimodal": ("text", "image")}
ROWS_AT_ONCE = 4096


def similar(
    *,
    listings: Path,
    images: Path | None,
    asked: list[str] | None,
    k: int,
    variant: str | None = None,
    other_shops: bool = False,
) -> Iterator[dict[str, Any]]:
    """The k listings most like each of `asked` (all where None), never itself, as `similar --json` shows them.

    Words are tf-idf of title and tags, photos the features of `images`; both count alike, and one that a listing lacks
    counts 0. `variant` is multimodal where there are photos, else text. `other_shops` leaves the listing's shop out.
    Raises InputError for an id that the table lacks or missing photos, UsageError for an unknown variant.
    """
    chosen = variant or ("text" if images is None else "multimodal")
    if chosen not in VARIANTS:
        raise UsageError(f"--variant {chosen}: no such list", hint=did_you_mean(chosen, VARIANTS))
    catalogue = read_listings(listings)
    row_of = {listing_id: row for row, listing_id in enumerate(catalogue.ids)}
    for listing_id in asked or []:
        if listing_id not in row_of:
            raise InputError(f"{listings}: no listing {listing_id!r}", hint="Is the id right, with its case?")
    rows = np.array([row_of[listing_id] for listing_id in asked] if asked is not None else range(len(catalogue.ids)))
    shop = _shops(listings) if other_shops else None
    parts: list[Vectors] = [Words(_text(catalogue))] if "text" in VARIANTS[chosen] else []
    if "image" in VARIANTS[chosen]:
        if images is None:
            raise InputError("no photo features here", hint="Make them with: etsyml extract-images")
        parts.append(Photos(_photos(catalogue, read_image_features(images))))

    def forbidden(listing: int) -> Ints:
        of_shop: Ints = np.empty(0, np.int64)
        if shop is not None and shop[listing] >= 0:
            of_shop = np.flatnonzero(shop == shop[listing])
        return np.append(of_shop, listing)

    found = nearest(rows.astype(np.int64), parts, byte_order(catalogue.ids), k, forbidden)
    with progress("similar listings", len(rows)) as advance:
        for listing, best, scores in found:
            items = [
                {"rank": rank, "id": catalogue.ids[row], "score": float(score), "title": catalogue.titles[row]}
                for rank, (row, score) in enumerate(zip(best.tolist(), scores, strict=True), 1)
            ]
            yield {"schema_version": 1, "listing_id": catalogue.ids[listing], "variant": chosen, "items": items}
            advance(1)


def _text(catalogue: Listings) -> sparse.csr_matrix:
    words = [terms_of(t, g, 1) for t, g in zip(catalogue.title_words, catalogue.tag_words, strict=True)]
    return term_rows(words, build_terms(words, min_count=1, hash_bits=None), "tf-idf")


def _photos(catalogue: Listings, photos: ImageFeatures) -> NDArray[np.float32]:
    """Unit rows (I, D) of the listings' photos, of zeros where there is none."""
    photo = photos.rows_for(catalogue.ids)
    unit = np.zeros((len(photo), photos.matrix.shape[1]), np.float32)
    has = np.flatnonzero(photo >= 0)
    for start in range(0, len(has), ROWS_AT_ONCE):
        piece = has[start : start + ROWS_AT_ONCE]
        unit[piece] = unit_rows(photos.matrix[photo[piece]])
    return unit


def _shops(listings: Path) -> Ints:
    """A number for the shop of each listing, -1 where it has none."""
    shops = read_table(listings, "listings", ["shop_id"])["shop_id"].combine_chunks().dictionary_encode()
    codes: Ints = shops.indices.fill_null(-1).to_numpy().astype(np.int64)
    return codes
