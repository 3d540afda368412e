"""Titles, words, tags and shops of a style model's listings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from etsyml_cli.core.log import logger
from etsyml_cli.io.joins import Ids, check_join
from etsyml_cli.io.tables import read_table
from etsyml_cli.personalization.store import SHOPS, LdaModel
from etsyml_cli.text.language import tokenizer_for
from etsyml_cli.text.listings import LISTING_COLUMNS
from etsyml_cli.text.stop_words import STOP_WORDS
from etsyml_cli.text.tokenize import Tokenizer

SEVERAL = 3  # listings: fewer with the same phrase say nothing about a style
_BETWEEN = re.compile(r"[/|,;:()\[\]{}\"“”„«»]+")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)
_PLAIN = Tokenizer(english=False)


class Term(NamedTuple):
    """A word, a tag or a shop: its stems identify it, `written` is how a text has it."""

    stems: tuple[str, ...]
    written: str


class Groups(NamedTuple):
    """G words, tags or shops as they are written most often, and which of I listings have each: (I, G), of 0 and 1."""

    names: list[str]
    stems: list[frozenset[str]]
    members: sparse.csr_matrix


class Catalog(NamedTuple):
    """Titles of I listings ("" if there is none), and groups of them.

    words: of titles and tags. phrases: tags of several words, and pairs of words next to each other in a title.
    """

    titles: list[str]
    words: Groups
    phrases: Groups
    shops: Groups


def read_catalog(directory: Path, model: LdaModel, listings: Path | None) -> Catalog:
    """Read the listings of the model in `directory` from the table, and warn about what is not known.

    Raises DataError if the table has none of the model's listings.
    """
    if model.things == SHOPS:
        logger.warning("%s: a model of shops, so its styles are shown without words", directory)
    elif listings is None:
        logger.warning("no listings table: styles are shown without words and shops")
    else:
        known = read_table(listings, "listings", ["listing_id"])["listing_id"]
        check_join(Ids("listings of the model", directory, model.listing_ids), Ids("listings", listings, known))
    return catalog_of(model, listings)


def catalog_of(model: LdaModel, listings: Path | None) -> Catalog:
    """The model's listings in the table. Without one there are only the model's titles, if any; of shops, nothing."""
    ids = model.listing_ids
    trained = [title or "" for title in model.titles] or [""] * len(ids)
    if model.things == SHOPS or listings is None:
        empty = groups_of([[]] * len(ids))
        return Catalog(trained, empty, empty, empty)
    table = read_table(listings, "listings", LISTING_COLUMNS)
    tokenize = tokenizer_for("auto", table["title"].to_pylist())
    row = pc.index_in(pa.array(ids, pa.string()), value_set=table["listing_id"].combine_chunks())
    titles, tags, shops = (table[name].take(row).to_pylist() for name in ("title", "tags", "shop_id"))
    titles = [title or before for title, before in zip(titles, trained, strict=True)]
    tags = [list(filter(None, of_one or [])) for of_one in tags]
    word = _reader(tokenize)
    in_titles = [_words_of(title, word) for title in titles]
    in_tags = [[found for tag in own for found in _words_of(tag, word)] for own in tags]
    phrases = [[*_pairs(words), *_whole(own, tokenize)] for words, own in zip(in_titles, tags, strict=True)]
    return Catalog(
        titles,
        groups_of([[*filter(None, own), *filter(None, more)] for own, more in zip(in_titles, in_tags, strict=True)]),
        groups_of(phrases, SEVERAL),
        groups_of([[Term((shop,), shop)] if shop else [] for shop in shops], tokenize=tokenize),
    )


def groups_of(of_listings: Sequence[Sequence[Term]], least: int = 1, tokenize: Tokenizer | None = None) -> Groups:
    """The groups of I listings that occur `least` times; `tokenize` gives the stems of groups named by an id."""
    times: Counter[Term] = Counter()
    for terms in of_listings:
        times.update(terms)
    total: Counter[tuple[str, ...]] = Counter()
    written: dict[tuple[str, ...], str] = {}
    for (stems, form), count in sorted(times.items(), key=lambda term: (-term[1], term[0])):
        total[stems] += count
        written.setdefault(stems, form)
    keys = sorted(stems for stems, count in total.items() if count >= least)
    column = {stems: index for index, stems in enumerate(keys)}
    rows = [sorted({column[term.stems] for term in terms if term.stems in column}) for terms in of_listings]
    ptr = np.cumsum([0, *map(len, rows)])
    columns = np.fromiter((index for row in rows for index in row), np.int64, ptr[-1])
    names = [written[stems] for stems in keys]
    return Groups(
        names,
        [frozenset(tokenize(name) if tokenize else stems) for name, stems in zip(names, keys, strict=True)],
        sparse.csr_matrix((np.ones(len(columns)), columns, ptr), (len(rows), len(keys))),
    )


def _reader(tokenize: Tokenizer) -> Callable[[str], Term | None]:
    """A function that reads a word as it is written; None for stop words, numbers and single letters."""

    @cache
    def word(run: str) -> Term | None:
        written = _EDGES.sub("", run)
        plain = _POSSESSIVE.sub("", written)
        if all(part in STOP_WORDS or len(part) == 1 or part.isdecimal() for part in _PLAIN(plain)):
            return None
        return Term(tuple(tokenize(plain)), written)

    return word


def _words_of(text: str, word: Callable[[str], Term | None]) -> list[Term | None]:
    """The words of a text in their order, with None between those that do not belong together."""
    return [found for part in _BETWEEN.split(text) for found in (None, *map(word, part.split()))]


def _pairs(words: list[Term | None]) -> Iterator[Term]:
    """Each two words next to each other."""
    for first, second in pairwise(words):
        if first and second and first.stems != second.stems:
            yield Term(first.stems + second.stems, f"{first.written} {second.written}")


def _whole(tags: list[str], tokenize: Tokenizer) -> list[Term]:
    """The tags of several words."""
    return [Term(tuple(stems), tag.strip()) for tag in tags if len(stems := tokenize(tag)) > 1]
