"""Listings most like a listing, by their words (the talk's control) and by words and photo (its variant)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.core.errors import InputError, UsageError, did_you_mean, like_this_id
from etsyml_cli.core.log import progress
from etsyml_cli.core.types import I64, Bools
from etsyml_cli.io.ranked import RankedItem, RankedList, Reason
from etsyml_cli.similar.catalog import VARIANTS, SimilarityCatalog, read_catalog
from etsyml_cli.similar.index import index_that_fits
from etsyml_cli.similar.nearest import nearest

N_WORD_REASONS = 5


def similar(
    *,
    listings: Path,
    images: Path | None,
    asked: list[str] | None,
    k: int,
    index: Path | None = None,
    variant: str | None = None,
    other_shops: bool = False,
    explain: bool = False,
) -> Iterator[RankedList]:
    """The k listings most like each of `asked` (all where None), never itself, as `similar --json` shows them.

    Words are tf-idf of title and tags, photos the features of `images`; both count alike, and one that a listing lacks
    counts 0. `variant` is multimodal where there are photos, else text. `other_shops` leaves the listing's shop out,
    `explain` says what made each score. An `index` that fits the inputs finds nearly the same lists sooner.
    Raises InputError for an id that the table lacks or missing photos, UsageError for an unknown variant.
    """
    chosen = variant or ("text" if images is None else "multimodal")
    if chosen not in VARIANTS:
        raise UsageError(f"--variant {chosen}: no such list", hint=did_you_mean(chosen, VARIANTS))
    if "image" in VARIANTS[chosen] and images is None:
        raise InputError("no photo features here", hint="Make them with: etsyml extract-images")
    indexed = None if index is None else index_that_fits(index, listings, images)
    catalog = indexed or read_catalog(listings, images if "image" in VARIANTS[chosen] else None)
    rows = np.arange(len(catalog.ids)) if asked is None else _rows_of(asked, catalog.ids, listings)

    def allowed(listing: int, others: I64) -> Bools:
        if not other_shops or catalog.shop[listing] < 0:
            return np.asarray(others != listing)
        return np.asarray(catalog.shop[others] != catalog.shop[listing])

    found = nearest(rows, catalog.parts(chosen), catalog.id_order, k, allowed, catalog.reach(chosen, k))
    with progress("similar listings", len(rows)) as advance:
        for listing, best, scores in found:
            items = [
                RankedItem(
                    rank=rank,
                    id=catalog.ids[row].as_py(),
                    score=float(score),
                    title=catalog.titles[row].as_py(),
                    why=_why(catalog, chosen, listing, row) if explain else None,
                )
                for rank, (row, score) in enumerate(zip(best.tolist(), scores, strict=True), 1)
            ]
            yield RankedList(listing_id=catalog.ids[listing].as_py(), variant=chosen, items=items)
            advance(1)


def _rows_of(asked: list[str], ids: pa.Array, listings: Path) -> I64:
    rows = pc.index_in(pa.array(asked, ids.type), value_set=ids)
    for listing_id, row in zip(asked, rows.to_pylist(), strict=True):
        if row is None:
            hint = like_this_id(listing_id, ids.to_pylist())
            raise InputError(f"{listings}: no listing {listing_id!r}", hint=hint)
    return np.asarray(rows.to_numpy(zero_copy_only=False), np.int64)


def _why(catalog: SimilarityCatalog, variant: str, listing: int, other: int) -> list[Reason]:
    """The contributions to the similarity of two listings: the words that add most, all other words, the photo."""
    share = 1 / len(VARIANTS[variant])
    reasons: list[Reason] = []
    if "text" in VARIANTS[variant]:
        shared = catalog.words.shared(listing, other)
        reasons += [
            Reason(what="word", word=catalog.terms[term].as_py(), adds=share * adds)
            for term, adds in shared[:N_WORD_REASONS]
        ]
        if others := shared[N_WORD_REASONS:]:
            reasons.append(Reason(what="other words", adds=share * sum(adds for _, adds in others)))
    if catalog.photos is not None and "image" in VARIANTS[variant]:
        cosine = float(catalog.photos.exactly(listing, np.array([other]))[0])
        reasons.append(Reason(what="photo", adds=share * cosine))
    return reasons
