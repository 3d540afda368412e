"""From listings, queries and photos to the blocks of features that the ranker scores; what that needs to know is fitted
once, on the training part, and saved with the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from etsyml_cli.core.types import I64
from etsyml_cli.photos.reduced import photo_svd, reduced
from etsyml_cli.photos.store import ImageFeatures
from etsyml_cli.photos.svd import Svd
from etsyml_cli.search.config import LtrConfig
from etsyml_cli.search.crosses import (
    Tokens,
    WordPairs,
    cross,
    listing_tokens,
    pair_words,
    query_tokens,
    query_word_rows,
    whole_query,
    words_of_query,
)
from etsyml_cli.search.log import SearchLog
from etsyml_cli.search.model.blocks import Block, ListingPhotos, ListingTerms, PhotoCrosses, Rows
from etsyml_cli.text.listings import Listings, shown_listings
from etsyml_cli.text.terms import Terms, build_terms, term_rows, terms_of
from etsyml_cli.text.words import ListingWords, Vocabulary, build_vocabulary, count_words, overlap


@dataclass(frozen=True)
class FeatureState:
    """What features are made with: terms of the catalog; words, word pairs and photos of the training part."""

    config: LtrConfig
    vocabulary: Vocabulary
    terms: Terms
    query_words: list[str]
    own_queries: frozenset[str]  # that have weights of their own, as whole_query writes them
    pairs: NDArray[np.uint32]  # the slots of word crosses that occurred, ascending
    svd: Svd | None  # of the photos; None where there are none, or no more numbers than are asked for

    @property
    def knows_queries(self) -> bool:
        return self.config.shape != "global"


@dataclass(frozen=True)
class QueryListingRows:
    """N rows that show a listing for a query: both are numbers, shape (N,), of `queries` and of a list of listings."""

    queries: list[str]
    query: I64
    listing: I64


def learn(catalog: Listings, log: SearchLog, photos: ImageFeatures | None, config: LtrConfig) -> FeatureState:
    """What the catalog and the rows of a training log tell; no label is looked at."""
    vocabulary = build_vocabulary(count_words(catalog.title_words, catalog.tag_words), config.text.min_count)
    terms = build_terms(_terms(catalog, config), min_count=config.text.min_count, hash_bits=config.text.hash_bits)
    asked = rows_of_log(log)
    own = _own_queries(log, config) if config.shape == "per-query" else frozenset()
    words = sorted({word for query in asked.queries for word in words_of_query(query, own)})
    shown = shown_listings(catalog, log.listing_ids)
    tokens = crossed_tokens(shown, config)
    pairs = _word_pairs(asked, tokens, config, own).seen() if config.shape != "global" else np.empty(0, np.uint32)
    return FeatureState(config, vocabulary, terms, words, own, pairs, photo_svd(photos, config.photo_dim))


def rows_of_log(log: SearchLog) -> QueryListingRows:
    """The rows of a log, its queries each once."""
    number_of = {query: number for number, query in enumerate(dict.fromkeys(log.queries))}
    of_page = np.array([number_of[query] for query in log.queries], dtype=np.int64)
    return QueryListingRows(list(number_of), of_page[log.page_of_row()], log.listing)


def blocks_of(
    state: FeatureState, listings: Listings, photos: ImageFeatures | None, asked: QueryListingRows
) -> dict[str, Block]:
    """Every block of features of N rows; `asked.listing` counts into `listings`."""
    blocks: dict[str, Block] = {"text": text_block(state, listings, asked.listing)}
    if state.knows_queries:
        words = count_words(listings.title_words, listings.tag_words)
        blocks |= query_blocks(state, words, crossed_tokens(listings, state.config), asked)
    if photos is not None:
        blocks |= next(photo_blocks(state, photos, [photos.rows_for(listings.ids)], asked))
    return blocks


def text_block(state: FeatureState, listings: Listings, listing: I64) -> ListingTerms:
    """d_T of the rows that show `listing`, shape (N,)."""
    config = state.config
    return ListingTerms(term_rows(_terms(listings, config), state.terms, config.text.weighting), listing)


def query_blocks(state: FeatureState, words: ListingWords, tokens: Tokens, asked: QueryListingRows) -> dict[str, Block]:
    """The blocks that compare the query's words with the listing's; `words` and `tokens` are those of I listings."""
    pairs = _word_pairs(asked, tokens, state.config, state.own_queries)
    return {
        "overlap": Rows(overlap(words, state.vocabulary, asked.queries, asked.query, asked.listing)),
        "word_crosses": cross(pairs, state.pairs),
    }


def photo_blocks(
    state: FeatureState, photos: ImageFeatures, shuffles: Sequence[I64], asked: QueryListingRows
) -> Iterator[dict[str, Block]]:
    """The blocks that look at photos, for each way to deal them to the I listings: rows of photos or -1, shape (I,).

    However often a photo is dealt, it is reduced once.
    """
    distinct = np.unique(np.concatenate([[-1], *shuffles]))
    z = reduced(photos, distinct, state.svd) if state.knows_queries else None
    for photo in shuffles:
        blocks: dict[str, Block] = {"image": ListingPhotos(photos.matrix, photo, asked.listing)}
        if z is not None:
            blocks["photo_crosses"] = photo_crosses(state, z[np.searchsorted(distinct, photo)], asked)
        yield blocks


def photo_crosses(state: FeatureState, z: NDArray[np.floating], asked: QueryListingRows) -> PhotoCrosses:
    """Query words with the reduced photos of I listings, shape (I, K)."""
    words = query_word_rows(asked.queries, state.query_words, state.own_queries)
    return PhotoCrosses(words, z, asked.query, asked.listing)


def log_blocks(
    state: FeatureState, catalog: Listings, photos: ImageFeatures | None, log: SearchLog
) -> dict[str, Block]:
    """The blocks of a log's N rows."""
    return blocks_of(state, shown_listings(catalog, log.listing_ids), photos, rows_of_log(log))


def _terms(listings: Listings, config: LtrConfig) -> list[list[str]]:
    texts = zip(listings.title_words, listings.tag_words, strict=True)
    words = [terms_of(title, tags, config.text.ngrams) for title, tags in texts]
    named = [[f"{name}={value}" for name, value in found] for found in _indicators(listings, config)]
    return [[*terms, *names] for terms, names in zip(words, named, strict=True)]


def _indicators(listings: Listings, config: LtrConfig) -> list[list[tuple[str, str]]]:
    """Which of shop and listing itself are features of each listing: (name, id)."""
    values = {"listing_id": listings.ids, "shop_id": listings.shops}
    chosen = [(name, values[name]) for name in config.indicators]
    return [[(name, ids[row]) for name, ids in chosen if ids[row]] for row in range(len(listings.ids))]


def _own_queries(log: SearchLog, config: LtrConfig) -> frozenset[str]:
    """The queries with enough pages."""
    query_of = dict(zip(log.search_ids, log.queries, strict=True))  # a page that a split by seller divided counts once
    pages = Counter(map(whole_query, query_of.values()))
    return frozenset(query for query, count in pages.items() if count >= config.min_query_pages)


def _word_pairs(asked: QueryListingRows, tokens: Tokens, config: LtrConfig, own: frozenset[str]) -> WordPairs:
    """Every query word with every token of the listing."""
    return pair_words(query_tokens(asked.queries, own), tokens, asked.query, asked.listing, config.cross_bits)


def crossed_tokens(listings: Listings, config: LtrConfig) -> Tokens:
    """What query words are crossed with: the title's terms, the tags' words and the indicators."""
    tokens = [
        [("title", term) for term in terms_of(title, [], config.text.ngrams)]
        + [("tags", word) for word in tags]
        + named
        for title, tags, named in zip(
            listings.title_words, listings.tag_words, _indicators(listings, config), strict=True
        )
    ]
    return listing_tokens(tokens)
