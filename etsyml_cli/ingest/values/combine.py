"""Several input columns for one table column: lists and texts are joined, of other values the first is taken."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from etsyml_cli.ingest.formats.cells import Block
from etsyml_cli.ingest.formats.paths import cells_of, values_of
from etsyml_cli.ingest.mapping import Mapping
from etsyml_cli.ingest.values.rules import Rules
from etsyml_cli.ingest.values.values import parse
from etsyml_cli.io.rejects import BadValueError
from etsyml_cli.io.schema import Kind, TableSchema


def combine_parts(block: Block, mapping: Mapping, schema: TableSchema, rules: Rules) -> Block:
    """The block with one value per row in the columns whose source has several parts; before, it is their list."""
    combined = {
        source: cells_of([_combine(values, schema.column_or_feature(target).kind, rules) for values in lists])
        for target, source in mapping.columns.items()
        if source in mapping.several
        for lists in [values_of(block.columns[source])]
    }
    return replace(block, columns=block.columns | combined) if combined else block


def _combine(values: list[Any] | None, kind: Kind, rules: Rules) -> Any:
    """The value for a column of this kind; a value that cannot be part of it is returned, to be rejected."""
    if not values:
        return None
    if kind in ("tags", "paths"):
        return _flat(values, kind, rules)
    if kind == "text":
        bad = next((value for value in values if not isinstance(value, str)), None)
        return " ".join(values) if bad is None else bad
    return values[0]


def _flat(values: list[Any], kind: Kind, rules: Rules) -> Any:
    elements: list[str] = []
    for value in values:
        try:
            elements += parse(value, kind, rules) or []
        except BadValueError:
            return value
    return elements or None
