"""Cells as text, for options that name values of an input column: `--only` and `--weight-map`."""

from __future__ import annotations

import pyarrow as pa

from etsyml_cli.ingest.formats.cells import Cells
from etsyml_cli.ingest.values.columns import convert
from etsyml_cli.ingest.values.rules import Rules
from etsyml_cli.io.schema import Column

_TEXT = Column("text", "feature")


def texts_of(cells: Cells) -> pa.DictionaryArray:
    """The text of each cell, shape (N,), null if it is empty: `1` for 1, 1.0 and "1"; `true` for a boolean."""
    return convert(cells, _TEXT, Rules())[0].dictionary_encode()


def folded(texts: pa.DictionaryArray) -> pa.Array:
    """The texts without case and surrounding space, so that `View ` and `view` are equal."""
    return pa.array([fold(text) for text in texts.dictionary.to_pylist()], pa.string()).take(texts.indices)


def fold(text: str) -> str:
    return text.strip().casefold()
