"""Features of listings for the content model: photos and words, each reduced by an SVD."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from etsyml_cli.ads.config import CtrConfig
from etsyml_cli.ads.features.listing_numbers import ListingNumbers
from etsyml_cli.ads.features.rows import words_of
from etsyml_cli.ads.side_inputs import SideInputs
from etsyml_cli.core.rng import generator
from etsyml_cli.photos.reduced import photo_svd, reduced, reduced_width
from etsyml_cli.photos.svd import Svd
from etsyml_cli.text.hashing import Numbers
from etsyml_cli.text.text_svd import TextSvd, fit_text_svd
from etsyml_cli.text.tokenize import Tokenizer, Words

QUERY = "query"


@dataclass(frozen=True)
class Reductions:
    """The SVDs of photos and words; None if there are none to reduce."""

    photos: Svd | None
    words: TextSvd | None


@dataclass(frozen=True)
class ListingFeatures:
    """The reduced photos and words of listings; None if there are none. Queries are compared by `tokenize`."""

    reductions: Reductions
    photos: ListingNumbers | None
    words: ListingNumbers | None
    tokenize: Tokenizer

    def numbers(self, rows: pa.RecordBatch) -> list[Numbers]:
        """Numbers of the listings of N rows, and the similarity of their words to the queries of the rows."""
        numbers = [features.of(rows) for features in (self.photos, self.words) if features]
        if self.words and self.reductions.words and QUERY in rows.schema.names:
            numbers.append(self._similarity(rows.column(QUERY), self.words.of(rows), self.reductions.words))
        return numbers

    def _similarity(self, queries: pa.Array, words: Numbers, svd: TextSvd) -> Numbers:
        """The cosine of each row's query and its listing's words, both reduced."""
        distinct = queries.dictionary_encode()
        query = distinct.indices.fill_null(-1).to_numpy().astype(np.int64)
        reduced_query = svd.project(words_of(distinct.dictionary, self.tokenize)).astype(np.float64)
        both = np.flatnonzero((query >= 0) & (words.codes >= 0))
        codes = np.full(len(queries), -1)
        codes[both] = np.arange(len(both))
        cosine = (reduced_query[query[both]] * words.x[words.codes[both]]).sum(axis=1, keepdims=True)
        return Numbers([f"{QUERY}.words"], cosine, codes)


def learn_reductions(side: SideInputs, config: CtrConfig) -> Reductions:
    """Fit the SVDs on all listings and photos. Labels are not used."""
    photos = photo_svd(side.photos, config.photo_dim) if config.photo_dim else None
    words = fit_text_svd(_words(side.listings, config), config.svd_dim) if side.listings is not None else None
    return Reductions(photos, words)


def listing_features(side: SideInputs, reductions: Reductions, config: CtrConfig) -> ListingFeatures:
    """The reduced photos and words of all listings."""
    photos = words = None
    if side.photos and config.photo_dim:
        z = reduced(side.photos, np.arange(len(side.photos.ids)), reductions.photos)
        names = [f"photo.{i}" for i in range(reduced_width(side.photos, reductions.photos))]
        photos = ListingNumbers(names, pa.array(side.photos.ids, pa.string()), z.astype(np.float32))
    if side.listings is not None and reductions.words:
        x = reductions.words.project(_words(side.listings, config))
        ids = side.listings["listing_id"].combine_chunks()
        words = ListingNumbers([f"words.{i}" for i in range(x.shape[1])], ids, x)
    return ListingFeatures(reductions, photos, words, config.tokenize)


def shuffle_photos(features: ListingFeatures, seed: int) -> ListingFeatures:
    """The features with photos shuffled among listings: their information is lost, their number stays the same."""
    if features.photos is None:
        return features
    order = generator(seed, "photos dealt anew").permutation(len(features.photos.x))
    return replace(features, photos=replace(features.photos, x=features.photos.x[order]))


def _words(listings: pa.Table, config: CtrConfig) -> list[Words]:
    """The words of all columns of `text_svd` together, per listing."""
    columns = [column for column in config.features.text_svd if column in listings.column_names]
    texts = [words_of(listings[column].combine_chunks(), config.tokenize) for column in columns]
    return [[word for words in of_listing for word in words] for of_listing in zip(*texts, strict=True)]
