"""A log of ads with a known click model: 32 features per row over seven days, ids and words by Zipf's law.

It is drawn in slices, so that memory does not grow with the rows. Attributes of listings are in the listings table,
those of impressions in the impressions table; Vowpal Wabbit's text has both on each line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ads.features.rows import buckets_of
from etsyml_cli.core.rng import generator
from etsyml_cli.io.artifact import Plan
from etsyml_cli.io.schema import arrow_schema, table_schema
from etsyml_cli.io.tables import RowGroups, parquet_writer, seal, table_draft

DAYS = 7
START = int(datetime(2024, 3, 1, tzinfo=UTC).timestamp())
SLICE = 1 << 17
LISTINGS, SHOPS, CATEGORIES = 100_000, 20_000, 600
TITLE_WORDS, WORDS_OF_A_PLACE = 12, 3_000  # each position in a title has its own words, so that no word occurs twice
QUERY_WORDS = 320  # a query has one of this many first words and one of this many second words


class Column(NamedTuple):
    """A column of the impressions: its values, the Zipf exponent, and its effect on the log-odds."""

    values: int
    slope: float
    sway: float
    namespace: str  # in Vowpal Wabbit's text


OF_ROW = {
    "user_id": Column(200_000, 0.8, 0.2, "u"),
    "query": Column(QUERY_WORDS**2, 0.95, 0.4, "q"),
    "position": Column(48, 0.6, 0.2, "o"),
    "device": Column(5, 1.0, 0.3, "d"),
    "country": Column(80, 1.2, 0.2, "g"),
    "page": Column(6, 1.0, 0.2, "e"),
    "referrer": Column(2000, 1.1, 0.25, "r"),
    "segment": Column(64, 0.5, 0.15, "h"),
    "language": Column(20, 1.5, 0.1, "k"),
    "hour": Column(24, 0.2, 0.1, "m"),
}
FEATURES = {
    "categorical": ["listing_id", "shop_id", "category", *OF_ROW],
    "text": ["title", "query"],
    "crosses": [["query", "category"], ["segment", "category"], ["device", "position"]],
    "word_crosses": [],
    "numeric": ["price"],
}  # 13 values, 12 + 2 words, 3 crosses, a price and the bias: 32
INTERACTIONS = ["-q", "qc", "-q", "hc", "-q", "do"]  # the crosses, as Vowpal Wabbit's options


class Catalog(NamedTuple):
    """The listings as a table, and the effect of each on the log-odds of a click, shape (LISTINGS,)."""

    table: pa.Table
    pull: np.ndarray


class Rows(NamedTuple):
    """N rows of the log, columns as indices of their values, shape (N,) each."""

    second: np.ndarray
    listing: np.ndarray
    values: dict[str, np.ndarray]
    clicked: np.ndarray


def draw(n_rows: int, days: range, intercept: float = -3.0) -> Iterator[Rows]:
    """The rows of these days, in time order, of a log of n_rows over all DAYS; the same in every process."""
    first, end = (-(-n_rows * day // DAYS) for day in (days.start, days.stop))
    for start in range(first, end, SLICE):
        number = np.arange(start, min(start + SLICE, end))
        rng = generator(0, "rows", start)
        values = {name: zipf(rng, column.values, column.slope, len(number)) for name, column in OF_ROW.items()}
        listing = zipf(rng, LISTINGS, 0.85, len(number))
        log_odds = intercept + catalog().pull[listing] + sum(sways()[name][values[name]] for name in OF_ROW)
        clicked = rng.random(len(number)) < 1 / (1 + np.exp(-log_odds))
        yield Rows(START + number * DAYS * 86_400 // n_rows, listing, values, clicked)


def write_tables(directory: Path, rows: Iterable[Rows]) -> None:
    """Write the tables `listings` and `impressions`."""
    _write(directory, "listings", [catalog().table])
    _write(directory, "impressions", map(impressions, rows))


def write_text(path: Path, rows: Iterable[Rows]) -> None:
    """Write the input of Vowpal Wabbit."""
    with path.open("wb") as file:
        for part in rows:
            file.writelines(text.as_buffer() for text in lines(part))


@cache
def catalog() -> Catalog:
    """Listings with effects of title words, shop, category, price and the listing itself on the log-odds."""
    rng = generator(0, "catalogue")
    shop, category = zipf(rng, SHOPS, 0.8, LISTINGS), zipf(rng, CATEGORIES, 0.9, LISTINGS)
    log_price = rng.normal(3, 1, LISTINGS)
    words = zipf(rng, WORDS_OF_A_PLACE, 0.95, LISTINGS * TITLE_WORDS).reshape(-1, TITLE_WORDS)
    words = words * TITLE_WORDS + np.arange(TITLE_WORDS)
    pull = rng.normal(0, 0.18, words.max() + 1)[words].sum(axis=1) + rng.normal(0, 0.6, LISTINGS)
    pull += rng.normal(0, 0.35, SHOPS)[shop] + rng.normal(0, 0.3, CATEGORIES)[category] - 0.15 * (log_price - 3)
    columns = {
        "listing_id": named("L", LISTINGS),
        "title": pa.array([" ".join(f"word{word:x}" for word in title) for title in words.tolist()]),
        "shop_id": named("S", SHOPS).take(pa.array(shop)),
        "category": named("C", CATEGORIES).take(pa.array(category)),
        "price": pa.array(np.exp(log_price).round(2)),
    }
    return Catalog(pa.table(columns), pull)


@cache
def sways() -> dict[str, np.ndarray]:
    """The effect of each value of a column of the impressions on the log-odds."""
    return {name: generator(0, name).normal(0, column.sway, column.values) for name, column in OF_ROW.items()}


@cache
def names() -> dict[str, pa.Array]:
    """The values of each column of the impressions, by index."""
    ids = {name: named(name[:2], column.values) for name, column in OF_ROW.items()}
    first, second = np.divmod(np.arange(OF_ROW["query"].values), QUERY_WORDS)
    queries = [f"ask{i:x} for{j:x}" for i, j in zip(first.tolist(), second.tolist(), strict=True)]
    return ids | {"query": pa.array(queries), "position": pa.array(np.arange(1, OF_ROW["position"].values + 1))}


def impressions(rows: Rows) -> pa.Table:
    """Rows of the impressions table."""
    columns = {
        "created_at": pa.array(rows.second, pa.timestamp("s", tz="UTC")),
        "listing_id": catalog().table["listing_id"].take(pa.array(rows.listing)),
        "clicked": pa.array(rows.clicked.astype(np.int8)),
    }
    return pa.table(columns | {name: names()[name].take(pa.array(values)) for name, values in rows.values.items()})


def lines(rows: Rows) -> pa.Array:
    """Rows as input of Vowpal Wabbit: each column is a namespace, the query twice, whole and as words."""
    of_column = {name: names()[name].cast(pa.string()).take(pa.array(values)) for name, values in rows.values.items()}
    words = of_column["query"]
    of_column["query"] = pc.replace_substring(words, " ", "_")
    parts: list[pa.Array | str] = [pa.array(np.where(rows.clicked, "1", "-1"))]
    parts += [listing_texts().take(pa.array(rows.listing)), " |w ", words]
    for name, column in OF_ROW.items():
        parts += [f" |{column.namespace} ", of_column[name]]
    return pc.binary_join_element_wise(*parts, "\n", "")


@cache
def listing_texts() -> pa.Array:
    """The attributes of each listing as input of Vowpal Wabbit, the price as its bucket."""
    table = catalog().table.combine_chunks()
    parts: list[pa.Array | str] = []
    for name, namespace in (("listing_id", "l"), ("shop_id", "s"), ("category", "c"), ("title", "t")):
        parts += [f" |{namespace} ", table[name].chunk(0)]
    buckets = pa.array(buckets_of(table["price"].chunk(0), "price")).cast(pa.string())
    return pc.binary_join_element_wise(*parts, " |p b", buckets, "")


def named(prefix: str, n: int) -> pa.Array:
    """n ids of about ten characters, similar to those of shops."""
    return pa.array([f"{prefix}{100_000_000 + i * 7919 % 1_000_003}" for i in range(n)])


def zipf(rng: np.random.Generator, values: int, slope: float, n: int) -> np.ndarray:
    """n of 0 … values − 1, value i with a probability proportional to (i + 1)**−slope."""
    return np.searchsorted(_cumulated(values, slope), rng.random(n)).astype(np.int64)


@cache
def _cumulated(values: int, slope: float) -> np.ndarray:
    total = np.cumsum(np.arange(1, values + 1) ** -slope)
    return total / total[-1]


def _write(directory: Path, name: str, parts: Iterable[pa.Table]) -> None:
    with table_draft(directory / f"{name}.parquet", Plan(kind=f"table:{name}", config={})) as draft:
        parts = iter(parts)
        first = next(parts)
        schema = arrow_schema(table_schema(name), first.column_names)
        writer = parquet_writer(draft.table, schema)
        groups = RowGroups(writer)
        for part in chain([first], parts):
            groups.write(part.cast(schema))
        groups.flush()
        seal(writer, draft)
