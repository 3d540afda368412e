"""Cells that mean empty, such as NA, are words in some columns of a CSV file: a brand, a country, a query."""

from __future__ import annotations

from etsyml_cli.ingest.config import IngestConfig
from etsyml_cli.ingest.mapping import Mapping
from etsyml_cli.io.schema import Column, TableSchema

_NAMES = ("NA", "N/A")
_CODES = ("\\N", "<NA>")  # never words
_TEXTS = ("id", "text", "tags", "feature")


def words_by_column(schema: TableSchema, mapping: Mapping, config: IngestConfig) -> dict[str, tuple[str, ...]]:
    """The texts that are not read as empty, by input column. None if the user sets the texts that mean empty."""
    if config.empty != IngestConfig().empty:
        return {}
    words: dict[str, tuple[str, ...]] = {}
    for target, source in mapping.columns.items():
        words[source] = (*words.get(source, ()), *_words(schema.column_or_feature(target), config.empty))
    return words


def _words(column: Column, empty: tuple[str, ...]) -> tuple[str, ...]:
    if column.kind == "text" and column.required:
        return tuple(text for text in empty if text not in _CODES)
    return _NAMES if column.kind in _TEXTS else ()
