"""Columns of a CSV file: Arrow arrays of text, with null for the cells that mean empty."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etsyml_cli.ingest.formats.cells import BATCH_ROWS, Cells
from etsyml_cli.ingest.formats.csv_layout import Layout
from etsyml_cli.ingest.formats.csv_records import Chunk

_FORMULA = r'^="([^"]*)"$'  # ="00124": how spreadsheets keep zeros
_REPLACED_BY = r"\1"


def to_cells(
    arrays: list[pa.Array], empty: dict[str, list[str]], chunk: Chunk, rows: Sequence[int] = ()
) -> dict[str, Cells]:
    """Columns of N rows, which are these records of the chunk, by name; texts in `empty`, if not quoted, are null."""
    columns = {}
    has_formula = '="' in chunk.text
    for (name, texts), array in zip(empty.items(), arrays, strict=True):
        if pa.types.is_string(array.type):
            if has_formula:
                array = pc.replace_substring_regex(array, _FORMULA, _REPLACED_BY)
            is_empty = pc.is_in(array, pa.array(texts, pa.string()))
            if is_empty.true_count:
                array = pc.if_else(_without_quoted(is_empty, array, chunk, rows), None, array)
        columns[name] = Cells(array)
    return columns


def to_arrays(records: list[list[str]], layout: Layout, positions: list[int]) -> list[pa.Array]:
    """The fields of the records at these positions."""
    last = len(layout.header) - 1
    kinds = [pa.string()] * last + [pa.list_(pa.string()) if layout.takes_rest else pa.string()]
    parts: list[list[pa.Array]] = [[pa.array([], kinds[position])] for position in positions]
    for start in range(0, len(records), BATCH_ROWS):
        batch = records[start : start + BATCH_ROWS]
        fields = list(zip(*(_collected(batch, last) if layout.takes_rest else batch), strict=True))
        for part, position in zip(parts, positions, strict=True):
            part.append(pa.array(fields[position], kinds[position]))
    return [pa.concat_arrays(part) for part in parts]


def _collected(records: list[list[str]], last: int) -> list[tuple[object, ...]]:
    """The records with the list of all fields from position `last` on, without empty ones, as the last field."""
    return [(*record[:last], [field for field in record[last:] if field]) for record in records]


def _without_quoted(is_empty: pa.Array, array: pa.Array, chunk: Chunk, rows: Sequence[int]) -> pa.Array:
    """Empty cells without those in quotes: the text of the row is searched, for the csv module does not tell."""
    quote = chunk.dialect.quote
    if chunk.arrays is not None or not quote or quote not in chunk.text:
        return is_empty
    mask = is_empty.to_numpy(zero_copy_only=False).copy()
    for i in np.flatnonzero(mask).tolist():
        text = "".join(chunk.lines[chunk.starts[rows[i]] : chunk.ends[rows[i]]])
        mask[i] = f"{quote}{array[i]}{quote}" not in text
    return pa.array(mask)
