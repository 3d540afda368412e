"""Build the search index of a catalog: the query-independent part of the score, precomputed and stored."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.core.errors import DataError
from etsyml_cli.core.log import progress
from etsyml_cli.io.arrays import new_array
from etsyml_cli.io.artifact import artifact
from etsyml_cli.io.joins import Ids
from etsyml_cli.io.summary import Summary, existing_result
from etsyml_cli.io.tables import open_table, read_in_pieces, read_table
from etsyml_cli.metrics.ranking import byte_order
from etsyml_cli.photos.reduced import reduced, reduced_width
from etsyml_cli.photos.store import ImageFeatures, check_photos_join
from etsyml_cli.search.crosses import Tokens, all_tokens
from etsyml_cli.search.features import crossed_tokens, text_block
from etsyml_cli.search.index import CATALOG, KIND, STATIC, Z, index_plan, of_listing, save_words
from etsyml_cli.search.model.blocks import Block, ListingPhotos
from etsyml_cli.search.model.score import score
from etsyml_cli.search.postings import PostingsBuilder
from etsyml_cli.search.store import LtrModel, load_model, photos_for
from etsyml_cli.text.listings import LISTING_COLUMNS, Listings, listings_of
from etsyml_cli.text.words import count_words

LISTINGS_AT_ONCE = 1 << 15


def index_ltr(*, model: Path, listings: Path, images: Path | None, out: Path, force: bool = False) -> Summary:
    """Write the index of a model and a listings table that `rank --query` uses to `out`.

    Memory holds texts and photos of LISTINGS_AT_ONCE listings and the word counts of all listings.
    Raises DataError if the listings table is empty or no listing has a photo, InputError if an input is missing or
    damaged.
    """
    plan = index_plan(model, listings, images)
    if done := existing_result(out, plan, force=force):
        return done
    photos = photos_for(model, images)
    ids = read_table(listings, "listings", ["listing_id"])["listing_id"]
    check_photos_join(Ids("listings", listings, ids), images, photos)
    with artifact(out, plan, force=force) as draft:
        draft.rows = _write(draft.path, load_model(model), photos, listings)
    return Summary(kind=KIND, path=str(out), rows=draft.rows)


def _write(directory: Path, ranker: LtrModel, photos: ImageFeatures | None, listings: Path) -> dict[str, int]:
    n_listings = open_table(listings, "listings").metadata.num_rows
    if n_listings == 0:
        raise DataError(f"{listings}: the listings table is empty")
    state = ranker.state
    static = new_array(directory, STATIC, (len(ranker.variants), n_listings), np.float64)
    z = new_array(directory, Z, (n_listings, reduced_width(photos, state.svd)), np.float32) if photos else None
    postings = PostingsBuilder()
    tokens: list[Tokens] = []
    ids: list[str] = []
    pieces = read_in_pieces(listings, "listings", LISTING_COLUMNS, LISTINGS_AT_ONCE)
    first = next(pieces)
    catalog = pa.ipc.new_file(str(directory / f"{CATALOG}.arrow"), first.schema)
    with catalog, progress("listings", n_listings) as advance:
        for table in chain([first], pieces):
            catalog.write_table(table)
            piece = listings_of(table, state.words.tokenize)
            here = slice(len(ids), len(ids) + len(piece.ids))
            static[:, here] = _static(ranker, piece, photos)
            if z is not None and photos is not None:
                z[here] = reduced(photos, photos.rows_for(piece.ids), state.svd)
            postings.add(count_words(piece.title_words, piece.tag_words))
            tokens.append(crossed_tokens(piece, state.config))
            ids += piece.ids
            advance(len(piece.ids))
    words = postings.build()
    save_words(directory, words, all_tokens(tokens), byte_order(ids))
    return {"listings": n_listings, "words": len(words.words), "postings": len(words.rows)}


def _static(ranker: LtrModel, listings: Listings, photos: ImageFeatures | None) -> NDArray[np.float64]:
    """The query-independent part of each variant's score of I listings, shape (variants, I)."""
    every = np.arange(len(listings.ids))
    blocks: dict[str, Block] = {"text": text_block(ranker.state, listings, every)}
    if photos is not None:
        blocks["image"] = ListingPhotos(photos.matrix, photos.rows_for(listings.ids), every)
    return np.array([score(of_listing(weights), blocks) for weights in ranker.variants.values()])
