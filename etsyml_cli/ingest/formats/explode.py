"""Explode lists: each element becomes a row, and the other columns repeat."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from etsyml_cli.ingest.formats.cells import Block, Cells, Note
from etsyml_cli.ingest.formats.paths import Place, cells_at, cells_of, decoded, values_of

MAX_ROWS = 1 << 16  # of a block after the explosion
MAX_TEXT_BYTES = 64 << 20  # of a text column after the explosion, because texts repeat
POSITION = "#"  # the place of an element in its list, from 1 on: `items.#`


def explode(
    block: Block, lists: Cells, columns: dict[str, Cells], elements: dict[str, Place], *, by_space: bool
) -> Iterator[Block]:
    """Blocks of a row per element of the N `lists`; an empty list gives a row with nulls.

    `columns` (N values each) repeat; `elements` are read from the elements, its keys being relative to them.
    """
    split = [_elements(value, by_space=by_space) for value in values_of(lists)]
    sources = np.repeat(np.arange(len(split)), [max(1, len(one)) for one in split])
    values = list(chain.from_iterable(one or [None] for one in split))
    positions = list(chain.from_iterable(range(1, len(one) + 1) if one else [None] for one in split))
    done = 0
    for start, end in _parts(len(values), columns):
        rows = sources[start:end]
        taken = {name: _take(cells, rows) for name, cells in columns.items()}
        for name, place in elements.items():
            part = cells_of(positions[start:end] if place.keys == (POSITION,) else values[start:end])
            taken[name] = cells_at(part, () if place.keys == (POSITION,) else place.keys)
        upto = int(block.lines[rows[-1]]) if end < len(values) else None
        yield _part(block, taken, rows, done, upto, split)
        done = upto or 0


def _part(
    block: Block,
    columns: dict[str, Cells],
    rows: NDArray[np.int64],
    after: int,
    upto: int | None,
    split: list[list[Any]],
) -> Block:
    """The part of the exploded block with the lines above `after`, up to `upto`."""

    def within(line: int) -> bool:
        return line > after and (upto is None or line <= upto)

    raw = block.raw
    exploded = [line for row in np.unique(rows).tolist() if split[row] and within(line := int(block.lines[row]))]
    notes = {note: [line for line in lines if within(line)] for note, lines in block.notes.items()}
    return replace(
        block,
        columns=columns,
        lines=block.lines[rows],
        raw=lambda i: raw(int(rows[i])),
        unreadable=[one for one in block.unreadable if within(one.line)],
        notes=notes | {Note.EXPLODED: exploded},
    )


def _elements(value: Any, *, by_space: bool) -> list[Any]:
    """The elements of a list, also of one written as text; any other value is its only element."""
    value = decoded(value)
    if isinstance(value, str):
        separator = None if by_space else next((mark for mark in "|,;" if mark in value), ",")
        value = [part.strip() for part in value.split(separator) if part.strip()]
    if isinstance(value, list):
        return value
    return [] if value is None else [value]


def _parts(n: int, columns: dict[str, Cells]) -> Iterator[tuple[int, int]]:
    """The bounds of parts of n rows; an empty block is one empty part."""
    texts = [cells.array for cells in columns.values() if pa.types.is_string(cells.array.type)]
    widest = max([pc.max(pc.binary_length(text)).as_py() or 1 for text in texts], default=1)
    step = max(1, min(MAX_ROWS, MAX_TEXT_BYTES // max(widest, 1)))
    for start in range(0, max(n, 1), step):
        yield start, min(start + step, n)


def _take(cells: Cells, rows: NDArray[np.int64]) -> Cells:
    others = {i: cells.other_types[row] for i, row in enumerate(rows.tolist()) if row in cells.other_types}
    return Cells(cells.array.take(pa.array(rows)), others if cells.other_types else {})
