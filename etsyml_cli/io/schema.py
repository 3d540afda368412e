"""Schemas of the four tables: columns, kinds of values, keys.

Ingest checks input rows against them, and readers check files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pyarrow as pa

from etsyml_cli.core.errors import UsageError, did_you_mean
from etsyml_cli.io.aliases import (
    BRANDS,
    CATEGORIES,
    CURRENCIES,
    DESCRIPTIONS,
    PRICES,
    PRODUCT_IDS,
    QUANTITIES,
    REVIEWER_IDS,
    TAGS,
    TITLES,
)

SCHEMA_VERSION = 1

Kind = Literal[
    "id", "text", "tags", "time", "price", "number", "count", "position", "event", "flag", "path", "paths", "feature"
]

ARROW_TYPES: dict[Kind, pa.DataType] = {
    "id": pa.string(),
    "text": pa.string(),
    "tags": pa.list_(pa.string()),
    "time": pa.timestamp("us", tz="UTC"),
    "price": pa.float64(),  # not negative
    "number": pa.float64(),  # finite
    "count": pa.int64(),  # not negative
    "position": pa.int32(),  # 1 is the top
    "event": pa.string(),
    "flag": pa.int8(),  # 0 or 1
    "path": pa.string(),  # relative to the image root and inside it
    "paths": pa.list_(pa.string()),  # distinct paths
    "feature": pa.string(),  # any other column of impressions, as text
}

EVENTS = ("impression", "click", "cart", "purchase")  # from the weakest to the strongest


@dataclass(frozen=True)
class Column:
    """A column of a table: kind of value, and whether a value is required."""

    name: str
    kind: Kind
    required: bool = False
    aliases: tuple[str, ...] = ()  # common names in other systems, for the proposals of `ingest --check`


@dataclass(frozen=True)
class TableSchema:
    """A table: its columns, its key, and what to do with rows of equal keys (see ingest/duplicates.py)."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    on_duplicate: Literal["reject", "merge"]
    keeps_other_columns: bool = False
    one_of: tuple[tuple[str, ...], ...] = ()  # alternative groups of columns: a file must have exactly one

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    def column_or_feature(self, name: str) -> Column:
        return self.column(name) or Column(name, "feature")

    def is_optional(self, name: str) -> bool:
        """Whether rows may lack a value in this column: not required, and not of a group."""
        return not self.column_or_feature(name).required and not any(name in group for group in self.one_of)

    def names(self) -> list[str]:
        return [column.name for column in self.columns]


def _id(name: str, *aliases: str, required: bool = False) -> Column:
    return Column(name, "id", required, aliases)


def _listing_id() -> Column:
    return _id("listing_id", "item_id", "item", *PRODUCT_IDS, required=True)


def _user_id(*, required: bool = False) -> Column:
    return _id("user_id", "user", "uid", "customer_id", "buyer_id", "visitor_id", *REVIEWER_IDS, required=required)


def _session_id() -> Column:
    return _id("session_id", "session", "visit_id", "visit")


def _created_at(*, required: bool = False) -> Column:
    return Column("created_at", "time", required, ("timestamp", "time", "datetime", "created_ts", "date", "ts"))


_POSITION_ALIASES = ("rank", "pos", "slot")

TABLES: dict[str, TableSchema] = {
    "listings": TableSchema(
        "listings",
        (
            _listing_id(),
            Column("title", "text", True, TITLES),
            _id("shop_id", "shop", "seller_id", "store_id", *BRANDS),
            _id("owner_id", "seller_user_id"),
            Column("tags", "tags", aliases=TAGS),
            Column("description", "text", aliases=DESCRIPTIONS),
            Column("category", "text", aliases=CATEGORIES),
            Column("price", "price", aliases=PRICES),
            Column("currency", "text", aliases=CURRENCIES),
            Column("quantity", "count", aliases=QUANTITIES),
            _created_at(),
            Column("image", "path", aliases=("image_path", "photo", "img", "picture")),
            Column("images", "paths", aliases=("image_paths", "photos", "imgs", "pictures", "gallery")),
        ),
        key=("listing_id",),
        on_duplicate="reject",
    ),
    "searches": TableSchema(
        "searches",
        (
            _id("search_id", "query_id", "page_id", required=True),
            Column("query", "text", True, ("query_text", "search_term", "keywords", "q")),
            _listing_id(),
            Column("position", "position", True, _POSITION_ALIASES),
            Column("event", "event", True, ("action", "event_type", "interaction")),
            _user_id(),
            _created_at(),
            _session_id(),
        ),
        key=("search_id", "listing_id"),
        on_duplicate="merge",
    ),
    "favorites": TableSchema(
        "favorites",
        (
            _user_id(required=True),
            _listing_id(),
            _created_at(),
            Column("weight", "number", aliases=("rating", "score", "strength")),
            _session_id(),
        ),
        key=("user_id", "listing_id"),
        on_duplicate="merge",
    ),
    "impressions": TableSchema(
        "impressions",
        (
            _created_at(required=True),
            _listing_id(),
            Column("clicked", "flag", aliases=("click", "label", "is_click")),
            Column("clicks", "count", aliases=("n_clicks", "click_count")),
            Column("impressions", "count", aliases=("n_impressions", "views", "shown")),
            _id("impression_id", "request_id"),
            _user_id(),
            _id("shop_id", "shop", "seller_id"),
            Column("query", "text", aliases=("query_text", "search_term", "q")),
            Column("position", "position", aliases=_POSITION_ALIASES),
            Column("price", "price", aliases=("cost",)),
            Column("bid", "price", aliases=("max_bid",)),
            Column("converted", "flag", aliases=("conversion", "purchased")),
            _session_id(),
        ),
        key=("impression_id",),
        on_duplicate="reject",
        keeps_other_columns=True,
        one_of=(("clicked",), ("clicks", "impressions")),
    ),
}


def table_schema(name: str) -> TableSchema:
    """The schema of the table `name`. Raises UsageError if the table is unknown."""
    if name not in TABLES:
        raise UsageError(f"unknown table {name!r}", hint=did_you_mean(name, TABLES))
    return TABLES[name]


def arrow_schema(table: TableSchema, columns: list[str]) -> pa.Schema:
    """The Arrow schema of `columns`, in this order; a column that is not in the table's schema is text."""
    return pa.schema([(name, ARROW_TYPES[table.column_or_feature(name).kind]) for name in columns])
