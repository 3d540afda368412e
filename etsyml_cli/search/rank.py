"""Rank the listings that match a query, the candidates of a file, or logged result pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.core.log import logger
from etsyml_cli.core.types import F64, I64
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.io.ranked import RankedItem, RankedList, Reason
from etsyml_cli.io.text import read_text
from etsyml_cli.metrics.ranking import best_first, byte_order
from etsyml_cli.photos.store import ImageFeatures, check_photos_join
from etsyml_cli.search.features import QueryListingRows, blocks_of, log_blocks
from etsyml_cli.search.index import is_usable, load_index, search
from etsyml_cli.search.log import read_searches
from etsyml_cli.search.model.score import OVERLAP, Blocks, Weights, score
from etsyml_cli.search.store import LtrModel, load_model, photos_for
from etsyml_cli.text.listings import Listings, read_listings, shown_listings
from etsyml_cli.text.words import OVERLAP_FEATURES

PERCENTILES = (90, 80, 70, 60, 50)
BEFORE, AFTER = "text", "multimodal"


class PercentileRow(Struct, kw_only=True):
    """The listings at one percentile of the text ranking and of the multimodal ranking."""

    percentile: int
    text: RankedItem
    multimodal: RankedItem


class BeforeAfter(Struct, kw_only=True, tag_field="schema_version", tag=1):
    """The text and the multimodal ranking of the listings that match a query, at fixed percentiles."""

    query: str
    matching: int
    rows: list[PercentileRow]


@dataclass(frozen=True)
class RankInputs:
    """A trained ranker, the listings table and, for a ranker trained with photos, their features."""

    model: Path
    listings: Path
    images: Path | None


def rank(
    inputs: RankInputs,
    query: str,
    *,
    k: int,
    candidates: Path | None = None,
    explain: bool = False,
    index: Path | None = None,
) -> RankedList:
    """The k best listings for `query`, scored by the multimodal ranker if it was trained, else by the text ranker.

    Candidates are the listings with a word of the query in title or tags, or the ids in the file `candidates`, one per
    line. Ties are broken as in the metrics. Without `candidates`, `index` is used if it is up to date with the inputs.
    With `explain` the items have reasons, which add up to the score. Raises InputError for missing or damaged inputs
    and for candidates that are not in the listings table.
    """
    ranker = load_model(inputs.model)
    variant = main_variant(ranker)
    use_index = candidates is None and index is not None and _is_usable(index, inputs)
    photos = None if use_index and not explain else photos_for(inputs.model, inputs.images)
    if use_index and index is not None:
        catalog = load_index(index, ranker)
        rows, scores = search(catalog, ranker, variant, query, k)
        best = catalog.listings(rows, ranker.state.words.tokenize)
    else:
        matching = _candidates(query, _read_catalog(inputs, ranker, photos), candidates)
        best, scores = _best(ranker, variant, photos, query, k, matching)
    if not best.ids:
        logger.warning("no listing contains a word of %r" if candidates is None else "no candidate for %r", query)
    items = _items(best, scores, np.arange(len(best.ids)))
    if explain:
        why = _explanations(ranker.variants[variant], _blocks_for(query, ranker, best, photos))
        for item, reasons in zip(items, why, strict=True):
            item.why = reasons
    return RankedList(query=query, items=items)


def rank_searches(inputs: RankInputs, searches: Path, *, k: int) -> Iterator[RankedList]:
    """The k best listings of each logged result page of the table `searches`.

    Raises InputError as `rank` does, DataError if the table is empty or has no listing of the listings table.
    """
    ranker, photos, catalog = _load(inputs)
    log = read_searches(searches)
    check_join(Ids("listings of searches", searches, log.listing_ids), Ids("listings", inputs.listings, catalog.ids))
    scores = score(ranker.variants[main_variant(ranker)], log_blocks(ranker.state, catalog, photos, log))
    shown = shown_listings(catalog, log.listing_ids)
    order = best_first(scores, byte_order(log.listing_ids)[log.listing], log.page_of_row())
    for q, search_id in enumerate(log.search_ids):
        best = order[log.offsets[q] : log.offsets[q + 1]][:k]
        items = _items(shown, scores, best, log.listing[best])
        yield RankedList(search_id=search_id, query=log.queries[q], items=items)


def before_and_after(inputs: RankInputs, queries: Iterable[str]) -> Iterator[BeforeAfter]:
    """The text and the multimodal ranking of the listings that match each query, at PERCENTILES (as in the talk).

    At the 90th percentile, 90% of the other listings rank below. Raises InputError if a ranker is missing.
    """
    ranker, photos, catalog = _load(inputs)
    for variant in (BEFORE, AFTER):
        if variant not in ranker.variants:
            raise InputError(
                f"{inputs.model}: no {variant} ranker", hint="Run etsyml extract-images, then etsyml train ltr."
            )
    for query in queries:
        matching = catalog.take(_matching(query, catalog))
        rows = _at_percentiles(ranker, matching, _blocks_for(query, ranker, matching, photos))
        yield BeforeAfter(query=query, matching=len(matching.ids), rows=rows)


def _at_percentiles(ranker: LtrModel, matching: Listings, blocks: Blocks) -> list[PercentileRow]:
    if not matching.ids:
        return []
    id_order = byte_order(matching.ids)
    places = [round((100 - percentile) / 100 * (len(matching.ids) - 1)) for percentile in PERCENTILES]

    def items_at_places(variant: str) -> list[RankedItem]:
        scores = score(ranker.variants[variant], blocks)
        order = best_first(scores, id_order).tolist()
        return [_item(matching, order[place], scores[order[place]], place + 1) for place in places]

    rows = zip(PERCENTILES, items_at_places(BEFORE), items_at_places(AFTER), strict=True)
    return [PercentileRow(percentile=percentile, text=text, multimodal=both) for percentile, text, both in rows]


def main_variant(ranker: LtrModel) -> str:
    """The variant with the most features: multimodal, text, or the first one."""
    return next(name for name in (AFTER, BEFORE, *ranker.variants) if name in ranker.variants)


def _load(inputs: RankInputs) -> tuple[LtrModel, ImageFeatures | None, Listings]:
    ranker, photos = load_model(inputs.model), photos_for(inputs.model, inputs.images)
    return ranker, photos, _read_catalog(inputs, ranker, photos)


def _read_catalog(inputs: RankInputs, ranker: LtrModel, photos: ImageFeatures | None) -> Listings:
    """The listings table. Raises DataError if it is empty or none of its listings is in `photos`."""
    catalog = read_listings(inputs.listings, ranker.state.config.text.plurals)
    check_photos_join(Ids("listings", inputs.listings, catalog.ids), inputs.images, photos)
    return catalog


def _is_usable(index: Path, inputs: RankInputs) -> bool:
    return is_usable(index, inputs.model, inputs.listings, inputs.images)


def _candidates(query: str, catalog: Listings, candidates: Path | None) -> Listings:
    """The listings named in the file `candidates`, or those that match the query."""
    return catalog.take(_matching(query, catalog) if candidates is None else _rows_of(candidates, catalog))


def _best(
    ranker: LtrModel, variant: str, photos: ImageFeatures | None, query: str, k: int, candidates: Listings
) -> tuple[Listings, F64]:
    """The k best candidates, best first, and their scores."""
    scores = score(ranker.variants[variant], _blocks_for(query, ranker, candidates, photos))
    best = best_first(scores, byte_order(candidates.ids))[:k]
    return candidates.take(best.tolist()), scores[best]


def _blocks_for(query: str, ranker: LtrModel, listings: Listings, photos: ImageFeatures | None) -> Blocks:
    n = len(listings.ids)
    return blocks_of(ranker.state, listings, photos, QueryListingRows([query], np.zeros(n, np.int64), np.arange(n)))


def _items(listings: Listings, scores: NDArray[np.floating], best: I64, listing: I64 | None = None) -> list[RankedItem]:
    """The ranked items of the rows `best`; `listing` gives their listings if rows are not listings."""
    rows = zip(best.tolist(), (best if listing is None else listing).tolist(), strict=True)
    return [_item(listings, i, scores[row], rank) for rank, (row, i) in enumerate(rows, start=1)]


def _item(listings: Listings, listing: int, score: float, rank: int) -> RankedItem:
    return RankedItem(
        rank=rank, id=listings.ids[listing], score=float(np.float32(score)), title=listings.titles[listing]
    )


def _explanations(weights: Weights, blocks: Blocks) -> list[list[Reason]]:
    """The contributions to each row's score of overlap features and of whole blocks, the largest absolute one first."""
    parts = {name: blocks[name].scores(w) for name, w in weights.items() if name != OVERLAP}
    if OVERLAP in weights:
        overlap = blocks[OVERLAP].matrix().toarray() * weights[OVERLAP]
        parts = dict(zip(OVERLAP_FEATURES, overlap.T, strict=False)) | parts
    return [_reasons(parts, row) for row in np.array(list(parts.values())).T.tolist()]


def _reasons(names: Iterable[str], contributions: list[float]) -> list[Reason]:
    reasons = [Reason(what=name, adds=adds) for name, adds in zip(names, contributions, strict=True)]
    return sorted(reasons, key=lambda reason: -abs(reason.adds))


def _rows_of(candidates: Path, catalog: Listings) -> list[int]:
    """The distinct rows of the candidates. Raises InputError for an id that is not in the catalog."""
    row_of = {listing_id: row for row, listing_id in enumerate(catalog.ids)}
    listing_ids = list(dict.fromkeys(line.strip() for line in read_text(candidates).splitlines() if line.strip()))
    unknown = [listing_id for listing_id in listing_ids if listing_id not in row_of]
    if unknown:
        raise InputError(f"{candidates}: {len(unknown):,} ids are not in the listings table ({unknown[0]!r} ...)")
    return [row_of[listing_id] for listing_id in listing_ids]


def _matching(query: str, catalog: Listings) -> list[int]:
    """The rows of the listings that contain a word of the query."""
    words = set(catalog.tokenize(query))
    texts = zip(catalog.title_words, catalog.tag_words, strict=True)
    return [row for row, (title, tags) in enumerate(texts) if not words.isdisjoint([*title, *tags])]
