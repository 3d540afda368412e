"""The search index of a catalog, memory-mapped: a query reads only the listings that contain its words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from etsyml_cli.core.errors import InputError
from etsyml_cli.core.types import F64, I64
from etsyml_cli.io.arrays import map_array, save_arrays
from etsyml_cli.io.artifact import MANIFEST, Plan, expect_kind, is_fresh, source_of
from etsyml_cli.io.atomic import of_one_version
from etsyml_cli.io.columns import map_table
from etsyml_cli.io.model import load_ids, save_ids
from etsyml_cli.io.tables import table_source
from etsyml_cli.io.wide import widened
from etsyml_cli.metrics.ranking import best_first
from etsyml_cli.search.crosses import Tokens
from etsyml_cli.search.features import QueryListingRows, photo_crosses, query_blocks
from etsyml_cli.search.model.blocks import Block
from etsyml_cli.search.model.score import Weights, score
from etsyml_cli.search.postings import Postings
from etsyml_cli.search.store import LtrModel
from etsyml_cli.text.listings import LISTING_COLUMNS, Listings, listings_of
from etsyml_cli.text.tokenize import WORDS_VERSION, Tokenizer

KIND = "index:ltr"
CATALOG = "listings"
STATIC, Z = "static", "z"
OF_LISTING = ("text", "image")  # blocks that ignore the query
MADE_BY = "etsyml index ltr"
REBUILD_HINT = f"Build it again: {MADE_BY} --force"


@dataclass(frozen=True)
class LtrIndex:
    """I listings, their words and the query-independent part of their scores; all arrays are memory-mapped.

    static: (variants, I), the score of the query-independent blocks. z: (I, K), the reduced photos, or None without
    photos. id_order: (I,), see `byte_order`.
    """

    catalog: pa.Table
    postings: Postings
    tokens: Tokens
    static: F64
    z: NDArray[np.float32] | None
    id_order: I64

    def listings(self, rows: I64, tokenize: Tokenizer) -> Listings:
        """The listings in `rows`, in their order."""
        return listings_of(self.catalog.take(rows), tokenize)


def search(index: LtrIndex, ranker: LtrModel, variant: str, query: str, k: int) -> tuple[I64, F64]:
    """The k best listings with a word of the query, best first, and their scores, shape (n,) each."""
    rows, words = index.postings.matching(ranker.state.words.tokenize(query))
    n = len(rows)
    pairs = QueryListingRows([query], np.zeros(n, np.int64), np.arange(n))
    blocks: dict[str, Block] = {}
    if ranker.state.knows_queries:
        blocks |= query_blocks(ranker.state, words, index.tokens.take(rows), pairs)
        if index.z is not None:
            blocks["photo_crosses"] = photo_crosses(ranker.state, index.z[rows], pairs)
    of_query = {name: w for name, w in ranker.variants[variant].items() if name not in OF_LISTING}
    scores = index.static[list(ranker.variants).index(variant), rows] + score(of_query, blocks)
    best = best_first(scores, index.id_order[rows])[:k]
    return rows[best], scores[best]


def of_listing(weights: Weights) -> Weights:
    """The weights of the query-independent blocks."""
    return {name: w for name, w in weights.items() if name in OF_LISTING}


def index_plan(model: Path, listings: Path, images: Path | None) -> Plan:
    """The plan of an index: its kind and inputs."""
    inputs = {"model": [source_of(model)], "listings": [table_source(listings, "listings")]}
    inputs |= {} if images is None else {"images": [source_of(images)]}
    return Plan(kind=KIND, inputs=inputs, format_version=WORDS_VERSION)


def save_words(directory: Path, postings: Postings, tokens: Tokens, id_order: I64) -> None:
    save_ids(directory, "words", postings.words)
    arrays = {f"postings_{name}": getattr(postings, name) for name in ("ptr", "rows", "title", "tags", "length")}
    save_arrays(directory, arrays | {"token_ptr": tokens.ptr, "token_hashes": tokens.hashes, "id_order": id_order})


def is_usable(directory: Path, model: Path, listings: Path, images: Path | None) -> bool:
    """Whether `directory` is an index that is up to date with these inputs. Raises InputError if it is not an index."""
    if not (directory / MANIFEST).is_file():
        return False
    expect_kind(directory, KIND, made_by=MADE_BY)
    return is_fresh(directory, index_plan(model, listings, images), made_by=MADE_BY)


@of_one_version
def load_index(directory: Path, ranker: LtrModel) -> LtrIndex:
    """The index in `directory`. Raises InputError if a file is missing, damaged or inconsistent."""
    n_listings = expect_kind(directory, KIND, made_by=MADE_BY).rows["listings"]
    words = load_ids(directory, "words")
    array = partial(map_array, directory, hint=REBUILD_HINT)
    ptr = array("postings_ptr", (len(words) + 1,), np.int64)
    rows, title, tags = (array(f"postings_{name}", (int(ptr[-1]),), np.uint32) for name in ("rows", "title", "tags"))
    token_ptr = array("token_ptr", (n_listings + 1,), np.int64)
    if not _ascends(ptr) or not _ascends(token_ptr) or rows.max(initial=0) >= n_listings:
        raise InputError(f"{directory}: damaged, its files are inconsistent", hint=REBUILD_HINT)
    return LtrIndex(
        catalog=_catalog(directory, n_listings),
        postings=Postings(words, ptr, rows, title, tags, array("postings_length", (n_listings,), np.uint32)),
        tokens=Tokens(token_ptr, array("token_hashes", (int(token_ptr[-1]),), np.uint32)),
        static=array(STATIC, (len(ranker.variants), n_listings), np.float64),
        z=array(Z, (n_listings, None), np.float32) if (directory / f"{Z}.npy").exists() else None,
        id_order=array("id_order", (n_listings,), np.int64),
    )


def _ascends(ptr: I64) -> bool:
    return bool(ptr[0] == 0 and (np.diff(ptr) >= 0).all())


def _catalog(directory: Path, n_listings: int) -> pa.Table:
    table = map_table(directory, CATALOG, REBUILD_HINT)
    if table.num_rows != n_listings or table.column_names != LISTING_COLUMNS:
        raise InputError(f"{directory}: damaged, its files are inconsistent", hint=REBUILD_HINT)
    return widened(table)
