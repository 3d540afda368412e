"""The blocks of features of the search ranker, from listings, queries and photos.

The state of the features is fitted once, on the catalog and the training set, and saved with the model.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from etsyml_cli.core.types import I64
from etsyml_cli.photos.reduced import photo_svd, reduced
from etsyml_cli.photos.store import ImageFeatures
from etsyml_cli.photos.svd import Svd
from etsyml_cli.search.config import LtrConfig
from etsyml_cli.search.crosses import (
    QueryWords,
    Tokens,
    WordPairs,
    cross,
    listing_tokens,
    pair_words,
    query_tokens,
    query_word_rows,
)
from etsyml_cli.search.log import SearchLog
from etsyml_cli.search.model.blocks import Block, ListingPhotos, ListingTerms, PhotoCrosses, Rows
from etsyml_cli.text.language import plurals_of, tokenizer_for
from etsyml_cli.text.listings import Listings, shown_listings
from etsyml_cli.text.terms import Terms, build_terms, term_rows, terms_of
from etsyml_cli.text.tokenize import Tokenizer
from etsyml_cli.text.words import ListingWords, Vocabulary, build_vocabulary, count_words, overlap


@dataclass(frozen=True)
class FeatureState:
    """The fitted state: terms of the catalog; words, word pairs and the SVD of photos of the training set."""

    config: LtrConfig
    vocabulary: Vocabulary
    terms: Terms
    query_words: list[str]
    own_queries: frozenset[str]  # queries with their own weights, in the form of QueryWords.whole
    pairs: NDArray[np.uint32]  # the slots of word crosses in the training set, ascending
    svd: Svd | None  # of the photos; None without photos or if they have at most photo_dim features

    @property
    def knows_queries(self) -> bool:
        return self.config.shape != "global"

    @property
    def words(self) -> QueryWords:
        return QueryWords(tokenizer_for(self.config.text.plurals), self.own_queries)


@dataclass(frozen=True)
class QueryListingRows:
    """N pairs of a query and a listing: indices, shape (N,), into `queries` and into a list of listings."""

    queries: list[str]
    query: I64
    listing: I64


def learn(catalog: Listings, log: SearchLog, photos: ImageFeatures | None, config: LtrConfig) -> FeatureState:
    """Fit the state of the features on the catalog and the rows of a training log, without labels."""
    config = _with_plurals(config, catalog.tokenize)
    vocabulary = build_vocabulary(count_words(catalog.title_words, catalog.tag_words), config.text.min_count)
    terms = build_terms(_terms(catalog, config), min_count=config.text.min_count, hash_bits=config.text.hash_bits)
    log_rows = rows_of_log(log)
    own = _own_queries(log, config, catalog.tokenize) if config.shape == "per-query" else frozenset()
    words = QueryWords(catalog.tokenize, own)
    shown = shown_listings(catalog, log.listing_ids)
    tokens = crossed_tokens(shown, config)
    pairs = _word_pairs(log_rows, tokens, config, words).seen() if config.shape != "global" else np.empty(0, np.uint32)
    known = sorted({word for query in log_rows.queries for word in words.of(query)})
    return FeatureState(config, vocabulary, terms, known, own, pairs, photo_svd(photos, config.photo_dim))


def rows_of_log(log: SearchLog) -> QueryListingRows:
    """The rows of a log, with distinct queries."""
    number_of = {query: number for number, query in enumerate(dict.fromkeys(log.queries))}
    of_page = np.array([number_of[query] for query in log.queries], dtype=np.int64)
    return QueryListingRows(list(number_of), of_page[log.page_of_row()], log.listing)


def blocks_of(
    state: FeatureState, listings: Listings, photos: ImageFeatures | None, rows: QueryListingRows
) -> dict[str, Block]:
    """Every block of features of N rows; `rows.listing` are indices into `listings`."""
    blocks: dict[str, Block] = {"text": text_block(state, listings, rows.listing)}
    if state.knows_queries:
        words = count_words(listings.title_words, listings.tag_words)
        blocks |= query_blocks(state, words, crossed_tokens(listings, state.config), rows)
    if photos is not None:
        blocks |= next(photo_blocks(state, photos, [photos.rows_for(listings.ids)], rows))
    return blocks


def text_block(state: FeatureState, listings: Listings, listing: I64) -> ListingTerms:
    """The text block d_T of rows of `listing`, shape (N,)."""
    config = state.config
    return ListingTerms(term_rows(_terms(listings, config), state.terms, config.text.weighting), listing)


def query_blocks(state: FeatureState, words: ListingWords, tokens: Tokens, rows: QueryListingRows) -> dict[str, Block]:
    """The blocks that compare the words of query and listing; `words` and `tokens` are those of I listings."""
    pairs = _word_pairs(rows, tokens, state.config, state.words)
    queries = [*map(state.words.tokenize, rows.queries)]
    return {
        "overlap": Rows(overlap(words, state.vocabulary, queries, rows.query, rows.listing)),
        "word_crosses": cross(pairs, state.pairs),
    }


def photo_blocks(
    state: FeatureState, photos: ImageFeatures, shuffles: Sequence[I64], rows: QueryListingRows
) -> Iterator[dict[str, Block]]:
    """The photo blocks for each assignment of photos to the I listings: rows of photos, or -1 for none, shape (I,).

    Each photo is reduced only once.
    """
    distinct = np.unique(np.concatenate([[-1], *shuffles]))
    z = reduced(photos, distinct, state.svd) if state.knows_queries else None
    for photo in shuffles:
        blocks: dict[str, Block] = {"image": ListingPhotos(photos.matrix, photo, rows.listing)}
        if z is not None:
            blocks["photo_crosses"] = photo_crosses(state, z[np.searchsorted(distinct, photo)], rows)
        yield blocks


def photo_crosses(state: FeatureState, z: NDArray[np.floating], rows: QueryListingRows) -> PhotoCrosses:
    """The crosses of query words with the reduced photos `z` of I listings, shape (I, K)."""
    words = query_word_rows(rows.queries, state.query_words, state.words)
    return PhotoCrosses(words, z, rows.query, rows.listing)


def log_blocks(
    state: FeatureState, catalog: Listings, photos: ImageFeatures | None, log: SearchLog
) -> dict[str, Block]:
    """The blocks of a log's N rows."""
    return blocks_of(state, shown_listings(catalog, log.listing_ids), photos, rows_of_log(log))


def _terms(listings: Listings, config: LtrConfig) -> list[list[str]]:
    texts = zip(listings.title_words, listings.tag_words, strict=True)
    words = [terms_of(title, tags, config.text.ngrams) for title, tags in texts]
    named = [[f"{name}={value}" for name, value in pairs] for pairs in _indicators(listings, config)]
    return [[*terms, *names] for terms, names in zip(words, named, strict=True)]


def _indicators(listings: Listings, config: LtrConfig) -> list[list[tuple[str, str]]]:
    """The (name, id) features of each listing: its shop and its own id, as far as configured."""
    values = {"listing_id": listings.ids, "shop_id": listings.shops}
    chosen = [(name, values[name]) for name in config.indicators]
    return [[(name, ids[row]) for name, ids in chosen if ids[row]] for row in range(len(listings.ids))]


def _with_plurals(config: LtrConfig, tokenize: Tokenizer) -> LtrConfig:
    return replace(config, text=replace(config.text, plurals=plurals_of(tokenize)))


def _own_queries(log: SearchLog, config: LtrConfig, tokenize: Tokenizer) -> frozenset[str]:
    """The queries with at least min_query_pages pages."""
    query_of = dict(zip(log.search_ids, log.queries, strict=True))  # a page divided by seller counts once
    pages = Counter(map(QueryWords(tokenize).whole, query_of.values()))
    return frozenset(query for query, count in pages.items() if count >= config.min_query_pages)


def _word_pairs(rows: QueryListingRows, tokens: Tokens, config: LtrConfig, words: QueryWords) -> WordPairs:
    """Every query word with every token of the listing."""
    return pair_words(query_tokens(rows.queries, words), tokens, rows.query, rows.listing, config.cross_bits)


def crossed_tokens(listings: Listings, config: LtrConfig) -> Tokens:
    """The listing tokens to cross with query words: terms of the title, words of the tags and indicators."""
    tokens = [
        [("title", term) for term in terms_of(title, [], config.text.ngrams)]
        + [("tags", word) for word in tags]
        + named
        for title, tags, named in zip(
            listings.title_words, listings.tag_words, _indicators(listings, config), strict=True
        )
    ]
    return listing_tokens(tokens)
