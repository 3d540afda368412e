"""The catalog in which similar listings are searched: words and photos of all listings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from etsyml_cli.core.types import I64
from etsyml_cli.io.joins import Ids
from etsyml_cli.metrics.ranking import byte_order
from etsyml_cli.photos.store import check_photos_join, read_image_features
from etsyml_cli.similar.nearest import Vectors
from etsyml_cli.similar.photos import Photos, SketchedPhotos, photos_of
from etsyml_cli.similar.words import Words, words_of
from etsyml_cli.text.listings import Listings, read_listings
from etsyml_cli.text.terms import build_terms, term_rows, terms_of

VARIANTS = {"text": ("text",), "image": ("image",), "multimodal": ("text", "image")}
LEAST_K = 10  # shorter lists are picked from as many candidates as a list of this length


@dataclass(frozen=True)
class SimilarityCatalog:
    """I listings: ids and titles, shops by number (-1: none), places among the sorted ids, tf-idf words, photos.

    `terms` names the columns of the words. `factor` is, per variant, the number of candidates of a scan divided by k.
    """

    ids: pa.Array
    titles: pa.Array
    shop: I64
    id_order: I64
    terms: pa.Array
    words: Words
    photos: Photos | SketchedPhotos | None
    factor: Mapping[str, int] = field(default_factory=dict)

    def parts(self, variant: str) -> list[Vectors]:
        """The vectors that the variant compares."""
        vectors: dict[str, Vectors | None] = {"text": self.words, "image": self.photos}
        return [part for name in VARIANTS[variant] if (part := vectors[name]) is not None]

    def reach(self, variant: str, k: int) -> int:
        """The number of candidates that a scan must collect for a list of k listings."""
        return self.factor.get(variant, 1) * max(k, LEAST_K)


def read_catalog(listings: Path, images: Path | None) -> SimilarityCatalog:
    """Read the catalog of a listings table and, if given, photo features.

    Raises InputError if one is damaged, DataError if the table is empty or none of its listings has a photo.
    """
    catalog = read_listings(listings, "auto")
    words = [terms_of(t, g, 1) for t, g in zip(catalog.title_words, catalog.tag_words, strict=True)]
    terms = build_terms(words, min_count=1, hash_bits=None)
    return SimilarityCatalog(
        ids=pa.array(catalog.ids, pa.large_string()),
        titles=pa.array(catalog.titles, pa.large_string()),
        shop=_shop_numbers(catalog),
        id_order=byte_order(catalog.ids),
        terms=pa.array(terms.names, pa.large_string()),
        words=words_of(term_rows(words, terms, "tf-idf")),
        photos=None if images is None else _photos(catalog, listings, images),
    )


def _photos(catalog: Listings, listings: Path, images: Path) -> Photos:
    features = read_image_features(images)
    check_photos_join(Ids("listings", listings, catalog.ids), images, features)
    return photos_of(np.asarray(features.matrix), features.rows_for(catalog.ids))


def _shop_numbers(catalog: Listings) -> I64:
    number_of = {shop: number for number, shop in enumerate(dict.fromkeys(filter(None, catalog.shops)))}
    return np.array([number_of.get(shop, -1) for shop in catalog.shops], np.int64)
