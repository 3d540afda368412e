"""Similar listings, by words (the control of the talk) and by words and photos (its variant)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class SimilarOptions:
    """Options of a list: its length k, the variant (None: multimodal, or text without photos), and two flags.

    `other_shops` excludes listings of the same shop, `explain` adds the reasons for each score.
    """

    k: int
    variant: str | None = None
    other_shops: bool = False
    explain: bool = False


def similar(
    *,
    listings: Path,
    images: Path | None,
    listing_ids: list[str] | None,
    options: SimilarOptions,
    index: Path | None = None,
) -> Iterator[RankedList]:
    """The k listings most similar to each of `listing_ids`, or to every listing if that is None.

    The similarity is the mean of the cosine of tf-idf words of title and tags and the cosine of the photo features in
    `images`; a missing photo or text has the cosine 0. An `index` that is up to date with the inputs gives nearly the
    same lists faster. Raises InputError for an unknown listing or missing photos, UsageError for an unknown variant.
    """
    variant = options.variant or ("text" if images is None else "multimodal")
    if variant not in VARIANTS:
        raise UsageError(f"unknown --variant {variant}", hint=did_you_mean(variant, VARIANTS))
    if "image" in VARIANTS[variant] and images is None:
        raise InputError("no photo features found", hint="Compute them with: etsyml extract-images")
    indexed = None if index is None else index_that_fits(index, listings, images)
    catalog = indexed or read_catalog(listings, images if "image" in VARIANTS[variant] else None)
    rows = np.arange(len(catalog.ids)) if listing_ids is None else _rows_of(listing_ids, catalog.ids, listings)

    def allowed(listing: int, others: I64) -> Bools:
        if not options.other_shops or catalog.shop[listing] < 0:
            return np.asarray(others != listing)
        return np.asarray(catalog.shop[others] != catalog.shop[listing])

    reach = catalog.reach(variant, options.k)
    neighbors = nearest(rows, catalog.parts(variant), catalog.id_order, options.k, allowed, reach)
    with progress("similar listings", len(rows)) as advance:
        for listing, best, scores in neighbors:
            items = [
                RankedItem(
                    rank=rank,
                    id=catalog.ids[row].as_py(),
                    score=float(score),
                    title=catalog.titles[row].as_py(),
                    why=_why(catalog, variant, listing, row) if options.explain else None,
                )
                for rank, (row, score) in enumerate(zip(best.tolist(), scores, strict=True), 1)
            ]
            yield RankedList(listing_id=catalog.ids[listing].as_py(), variant=variant, items=items)
            advance(1)


def _rows_of(listing_ids: list[str], ids: pa.Array, listings: Path) -> I64:
    rows = pc.index_in(pa.array(listing_ids, ids.type), value_set=ids)
    for listing_id, row in zip(listing_ids, rows.to_pylist(), strict=True):
        if row is None:
            hint = like_this_id(listing_id, ids.to_pylist())
            raise InputError(f"{listings}: no listing {listing_id!r}", hint=hint)
    return np.asarray(rows.to_numpy(zero_copy_only=False), np.int64)


def _why(catalog: SimilarityCatalog, variant: str, listing: int, other: int) -> list[Reason]:
    """The contributions to the similarity of two listings: the top words, all other words, the photo."""
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
