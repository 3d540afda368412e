"""Conditions on columns: what they select, and what is refused."""

from __future__ import annotations

import pyarrow as pa
import pytest

from etsyml_cli.core.errors import UsageError
from etsyml_cli.io.condition import parse_condition, rows_that_meet

TABLE = pa.table(
    {
        "listing_id": ["a", "b", "c"],
        "title": ["Wool scarf", "it's", "Lamp"],
        "price": [1.0, None, 60.0],
        "tags": [["wool"], [], None],
        "created_at": pa.array([0, 86_400_000_000, 2 * 86_400_000_000], pa.timestamp("us", tz="UTC")),
    }
)


def met(text: str) -> list[str]:
    condition = parse_condition("--where", text, TABLE.column_names)
    return sorted(rows_that_meet(condition, TABLE, "listing_id")["listing_id"].to_pylist())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("price < 50", "a"),
        ("PRICE < 50", "a"),
        ("price IS NULL OR price > 50", "bc"),
        ("NOT price = 1", "c"),
        ("price BETWEEN 1 AND 60", "ac"),
        ("price IN (1, 2)", "a"),
        ("title ILIKE 'wool%'", "a"),
        ("title = 'it''s'", "b"),
        ("'wool' IN tags", "a"),
        ("created_at >= '1970-01-02'", "bc"),
        ("created_at + INTERVAL 1 DAY > TIMESTAMP '1970-01-03'", "c"),
        ("CASE WHEN price < 2 THEN true ELSE false END", "a"),
        ("price::INT = 60 -- a comment", "c"),
        ("price > 1e9", ""),
    ],
)
def test_rows_that_meet_a_condition(text: str, expected: str) -> None:
    assert met(text) == list(expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "expected a single condition"),
        ("price < 50; DROP TABLE listings", "expected a single condition"),
        ("price < 50, price > 1", "expected a single condition"),
        ("price < 50 LIMIT 1", "expected a single condition"),
        ("true) UNION SELECT (1", "syntax error"),
        ("price <", "syntax error"),
        ("price < (SELECT avg(price) FROM listings)", "subquery is not allowed"),
        ("EXISTS (FROM read_text('/etc/passwd'))", "subquery is not allowed"),
        ("read_text(title) IS NULL", "table function"),
        ("row_number() OVER (ORDER BY price) < 2", "window is not allowed"),
        ("max(price) > 3", "aggregates"),
        ("price < ?", "parameter is not allowed"),
        ("COLUMNS(*) > 1", "star is not allowed"),
        ("current_setting('threads') > 0", "names no column"),
        ("price", "is double, not true or false"),
        ("price < 'cheap'", "Could not convert string 'cheap'"),
        ("cheap(price)", "cheap does not exist"),
        ("rowid < 2", "no column 'rowid'"),
    ],
)
def test_anything_else_is_refused(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as caught:
        met(text)
    assert caught.value.message.startswith(f"--where {text!r}: ")
    assert reason in caught.value.message
    assert caught.value.hint


def test_a_misspelled_column_and_a_text_in_double_quotes_get_a_hint() -> None:
    with pytest.raises(UsageError, match="no column 'prise'") as caught:
        met("prise < 50")
    assert (caught.value.hint or "").startswith("Did you mean 'price'?")
    with pytest.raises(UsageError, match="no column 'Lamp'") as caught:
        met('title = "Lamp"')
    assert (caught.value.hint or "").endswith("Text is written in single quotes: 'Lamp'")


def test_only_the_columns_of_the_condition_are_named() -> None:
    assert parse_condition("--where", "Price < 5 AND title <> 'x' AND price > 1", TABLE.column_names).columns == (
        "price",
        "title",
    )
