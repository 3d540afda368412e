"""Conditions on the columns of a table, written in SQL, such as `price < 50 AND category = 'Scarves'`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from etsyml_cli.core.errors import UsageError, did_you_mean

ALLOWED = (
    "COLUMN_REF", "CONSTANT", "COMPARISON", "CONJUNCTION", "OPERATOR", "FUNCTION", "BETWEEN", "CASE", "CAST", "TYPE",
)  # fmt: skip
LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "enable_external_access": False,
    "python_enable_replacements": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": "1GB",
}
EXAMPLE = "Give one condition, for example: price < 50 AND category = 'Scarves'"


@dataclass(frozen=True)
class Condition:
    """A condition and the columns that it reads. `option` names it in messages."""

    option: str
    text: str
    columns: tuple[str, ...]

    def error(self, reason: str, hint: str = EXAMPLE) -> UsageError:
        return UsageError(f"{self.option} {self.text!r}: {reason}", hint=hint)


def parse_condition(option: str, text: str, columns: Sequence[str]) -> Condition:
    """The condition in `text` on some of `columns`.

    Raises UsageError for another column, for anything but one expression, and for queries inside it.
    """
    condition = Condition(option, text, ())
    named = []
    for node in _nodes(_parsed(condition)):
        if node["class"] not in ALLOWED:
            raise condition.error(f"{node['class'].lower()} is not allowed in a condition on columns")
        if node["class"] == "COLUMN_REF":
            named.append(".".join(node["column_names"]))
    known = {column.lower(): column for column in columns}
    for name in named:
        if name.lower() not in known:
            hint = f"{did_you_mean(name.lower(), columns)} Text is written in single quotes: '{name}'"
            raise condition.error(f"no column {name!r}", hint)
    if not named:
        raise condition.error("names no column")
    return Condition(option, text, tuple(dict.fromkeys(known[name.lower()] for name in named)))


def rows_that_meet(condition: Condition, table: pa.Table, column: str) -> pa.Table:
    """The values of `column` in the rows of `table` that meet the condition, in any order.

    The database that evaluates it reads no file and no variable. Raises UsageError if the condition does not fit the
    types of the columns or is not true or false.
    """
    with _locked() as sql:
        rows = sql.register("listings", table).sql("FROM listings")
        try:
            [kind] = rows.project(duckdb.SQLExpression(condition.text)).types
            if str(kind) != "BOOLEAN":
                raise condition.error(f"is {str(kind).lower()}, not true or false")
            return rows.filter(duckdb.SQLExpression(condition.text)).project(column).to_arrow_table()
        except duckdb.Error as error:
            raise condition.error(_reason(error)) from None


def _parsed(condition: Condition) -> Any:
    """The parse tree. Raises UsageError if the text is not a single expression."""
    try:
        duckdb.SQLExpression(condition.text)
    except duckdb.Error as error:
        reason = _reason(error)
        raise condition.error(reason if reason.startswith("syntax") else "expected a single condition") from None
    with _locked() as sql:
        query = f"SELECT 1 FROM listings WHERE ({condition.text}\n)"  # noqa: S608  is only parsed
        [(parsed,)] = sql.execute("SELECT json_serialize_sql(?::VARCHAR)", [query]).fetchall()
    return msgspec.json.decode(parsed)["statements"][0]["node"]["where_clause"]


def _locked() -> duckdb.DuckDBPyConnection:
    sql = duckdb.connect(config=LOCKED)
    sql.execute("SET enable_progress_bar = false")  # it would be written to stdout
    return sql.execute("SET TimeZone = 'UTC'").execute("SET lock_configuration = true")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """The expressions in a parsed condition, outer ones first."""
    if isinstance(tree, dict) and "class" in tree:
        yield tree
    for child in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(child)


def _reason(error: duckdb.Error) -> str:
    """The first line of the message, without the kind of error."""
    first = str(error).splitlines()[0]
    return first.partition("Error: ")[2] or first
